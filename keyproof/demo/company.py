"""The configuration with which the invented company is read, on all of its clouds at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

ORGANIZATION = "Northwind Payments"
OWN = ("northwind.example",)
"""What the company calls its own besides what the providers name: its domain."""
FRAMEWORKS = ("pci-dss-4.0.1", "soc2", "iso27001-2022", "hipaa", "gdpr")


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
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path
