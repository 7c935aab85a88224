"""The least-privilege ACL policy that collection needs, made from the declared operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from collectors.vault.operations import SERVICES

_HEAD = """\
# keyproof reads metadata: it changes nothing, and reads no secret, no key and no private key of a certificate.
#
# The mounts are called here as they are where nobody chose another path. Name yours, and repeat a block for each
# further mount. A + stands for any one namespace below the one in which the policy is written.
"""

DEFAULT_MOUNTS: Mapping[str, tuple[str, ...]] = {
    "transit": ("transit/",),
    "kv": ("secret/",),
    "kv-v1": ("kv/",),
    "pki": ("pki/",),
    "ssh": ("ssh/",),
    "database": ("database/",),
}
"""By the service of their scopes."""

_OF_ROOT_ALONE = frozenset(["sys/audit", "sys/seal-backend-status"])
"""Paths of the system that no other namespace has."""


def policy() -> str:
    """A policy as `vault policy write keyproof -` takes it, with a newline at its end."""
    blocks = [_HEAD]
    for service, declared in SERVICES.items():
        for mount in DEFAULT_MOUNTS.get(service, ("",)):
            needed = _needed(operation.grants for operation in declared.operations.values())
            blocks += _blocks({path.replace("{mount}", mount): granted for path, granted in needed.items()})
    return "\n".join(dict.fromkeys(blocks))


def _needed(grants: Iterable[str]) -> dict[str, list[str]]:
    """Path → capabilities."""
    needed: dict[str, list[str]] = {}
    for grant in grants:
        for one in filter(None, grant.split(", ")):
            capability, _, path = one.partition(" ")
            needed.setdefault(path, []).append(capability)
    return needed


def _blocks(needed: Mapping[str, list[str]]) -> list[str]:
    blocks = []
    for path, granted in needed.items():
        prefixes = ("",) if path in _OF_ROOT_ALONE else ("", "+/")
        capabilities = ", ".join(f'"{name}"' for name in sorted(set(granted)))
        if "list" in granted and not path.endswith("*"):
            path = f"{path}/"  # the path of a list ends so, which a + in it leaves to be written
        blocks += [f'path "{prefix}{path}" {{\n  capabilities = [{capabilities}]\n}}\n' for prefix in prefixes]
    return blocks
