"""The invented company on all of its clouds at once, and the configuration with which it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

ORGANIZATION = "Northwind Payments"
OWN = ("northwind.example",)
"""What the company calls its own besides what the providers name: its domain."""
FRAMEWORKS = ("pci-dss-4.0.1", "soc2", "iso27001-2022", "hipaa", "gdpr")


@contextmanager
def served(now: datetime) -> Iterator[tuple[Sequence[Mapping[str, object]], Mapping[str, str]]]:
    """Serves the company as it is at `now`: the `[[source]]` tables, and the environment with the credentials."""
    from keyproof.demo.aws import estate as aws_estate
    from keyproof.demo.aws.embedded import EmbeddedAws
    from keyproof.demo.azure import estate as azure_estate
    from keyproof.demo.azure.embedded import EmbeddedAzure
    from keyproof.demo.gcp import estate as gcp_estate
    from keyproof.demo.gcp.embedded import EmbeddedGoogleCloud

    with (
        EmbeddedAws(aws_estate.estate(now)) as aws,
        EmbeddedAzure(azure_estate.estate(now)) as azure,
        EmbeddedGoogleCloud(gcp_estate.estate(now)) as gcp,
    ):
        sources = [aws_estate.source(aws.url), azure.source("northwind-azure"), gcp.source("northwind-gcp")]
        yield sources, {**aws.credentials, **azure.credentials, **gcp.credentials}


def write_configuration(
    folder: Path,
    sources: Sequence[Mapping[str, object]],
    *,
    now: datetime,
    exceptions: str = "",
    attestations: str = "",
) -> Path:
    """Write `config.toml` into a folder, for the `[[source]]` tables given; gives its path.

    `exceptions` and `attestations` name the registers beside it, if there are any. The audit period is the year that
    ends the day before `now`.
    """
    import tomli_w

    last = (now - timedelta(days=1)).date()
    registers = {"exceptions": exceptions, "attestations": attestations}
    document = {
        "organization": {"name": ORGANIZATION, "accounts": list(OWN)},
        "store": {"url": "evidence-store"},
        "audit": {
            "frameworks": list(FRAMEWORKS),
            "period": {"start": last - timedelta(days=364), "end": last},
            **{name: path for name, path in registers.items() if path},
        },
        "source": [dict(source) for source in sources],
    }
    path = folder / "config.toml"
    served = "# These clouds end with the demo. `keyproof runs`, `assess`, `report` go on working with this file.\n\n"
    path.write_text(served + tomli_w.dumps(document), encoding="utf-8")
    return path
