"""The invented company on its clouds, in its Vault and on its token, and the configuration with which it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyproof.demo.pkcs11.embedded import EmbeddedToken

ORGANIZATION = "Northwind Payments"
OWN = ("northwind.example",)
"""What the company calls its own besides what the providers name: its domain."""
FRAMEWORKS = ("pci-dss-4.0.1", "soc2", "iso27001-2022", "hipaa", "gdpr")


TOKEN_SOURCE = "northwind-hsm"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Served:
    """The company while it is served."""

    sources: Sequence[Mapping[str, object]]
    """Its `[[source]]` tables."""
    credentials: Mapping[str, str]
    """The environment in which the sources find theirs."""
    token: EmbeddedToken

    def plant(self, observations: Path) -> None:
        """Put what is not served but was recorded where a collection takes it up as an earlier one's."""
        self.token.plant(observations, TOKEN_SOURCE)


@contextmanager
def served(now: datetime) -> Iterator[Served]:
    """Serves the company as it is at `now`."""
    from keyproof.demo.aws import estate as aws_estate
    from keyproof.demo.aws.embedded import EmbeddedAws
    from keyproof.demo.azure import estate as azure_estate
    from keyproof.demo.azure.embedded import EmbeddedAzure
    from keyproof.demo.gcp import estate as gcp_estate
    from keyproof.demo.gcp.embedded import EmbeddedGoogleCloud
    from keyproof.demo.pkcs11 import estate as token_estate
    from keyproof.demo.pkcs11.embedded import EmbeddedToken
    from keyproof.demo.vault import estate as vault_estate
    from keyproof.demo.vault.embedded import EmbeddedVault
    from keyproof.demo.vault.server import Server

    with (
        EmbeddedAws(aws_estate.estate(now)) as aws,
        EmbeddedAzure(azure_estate.estate(now)) as azure,
        EmbeddedGoogleCloud(gcp_estate.estate(now)) as gcp,
        EmbeddedVault(vault_estate.estate(now), server=Server(vault_estate.NAME)) as vault,
        EmbeddedToken(token_estate.estate(now)) as token,
    ):
        sources = [
            aws_estate.source(aws.url),
            azure.source("northwind-azure"),
            gcp.source("northwind-gcp"),
            vault.source("northwind-vault"),
            token.source(TOKEN_SOURCE),
        ]
        served = (aws, azure, gcp, vault, token)
        credentials = {name: value for one in served for name, value in one.credentials.items()}
        yield Served(sources, credentials, token)


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
    ends with the day of `now`, so that the run lies in it.
    """
    import tomli_w

    last = now.date()
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
    served = "# What these sources read ends with the demo; `keyproof runs`, `assess` and `report` go on working.\n\n"
    path.write_text(served + tomli_w.dumps(document), encoding="utf-8")
    return path
