"""Exit codes, and which errors are the user's to mend."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    FINDINGS = 1
    """Done, and there are failures at or above `--fail-on`; of a register, entries that count for nothing."""
    USAGE = 2
    """The command line, the configuration, the credentials or the store cannot be used."""
    INCOMPLETE = 3
    """Done, but there are gaps that a permission, another try or another source could close. Outranks FINDINGS."""
    UNVERIFIED = 4
    """A pack is not what it says it is."""
    INTERNAL = 70
    """An internal error: no assessment was made."""


def expected_errors() -> tuple[type[Exception], ...]:
    """Errors whose message names the file or source, the reason and the fix."""
    from collectors.source import UnusableSource
    from controls.catalogue import CatalogueError
    from controls.register import RegisterError
    from evidence.manifest import ManifestError
    from evidence.remote import RemoteError
    from evidence.store import StoreError
    from keyproof.accepted import AcceptedGapsError
    from keyproof.configuration import ConfigurationError
    from keyproof.pack import PackError
    from reports.material import MaterialError

    return (
        AcceptedGapsError,
        CatalogueError,
        ConfigurationError,
        ManifestError,
        MaterialError,
        PackError,
        RegisterError,
        RemoteError,
        StoreError,
        UnusableSource,
    )
