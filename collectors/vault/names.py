"""What things of a Vault are called in the inventory.

Vault has no names that hold beyond one server, so that the source's name in the configuration stands before the
namespace and the path: `vault://payments/team-a/transit/keys/cards`.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, unquote

ROOT = "root"
"""What the namespace without a name is called. Source: OpenBao documentation, namespaces."""


def account(namespace: str) -> str:
    """A namespace as the inventory's account: its path without the slash at its end."""
    path = namespace.strip("/")
    return namespace if path == ROOT else path or ROOT


def namespace_of(account: str) -> str:
    """The path, with a slash at its end, of the namespace that the inventory calls so; "" for the root."""
    return "" if account == ROOT else f"{account.rstrip('/')}/"


def parted(namespace: str) -> tuple[str, str]:
    """The namespace above one that is not the root, with a slash at its end, and the name of the one in it."""
    above, _, name = namespace.rstrip("/").rpartition("/")
    return f"{above}/" if above else "", name


def keys_among(names: Iterable[str]) -> list[str]:
    """The keys of a transit mount among what it lists: a folder holds what keys are brought in with."""
    return [name for name in names if not name.endswith("/")]


def server_id(source: str) -> str:
    """The id of a Vault itself, as the place that holds the barrier key."""
    return f"vault://{source}/"


def barrier_id(source: str, namespace: str = "") -> str:
    """The id of the key by which a Vault, or a namespace with a seal of its own, encrypts all that it stores."""
    return f"vault://{source}/{namespace}sys/key"


def path_id(source: str, namespace: str, path: str) -> str:
    """The id of what stands at a path: a mount, a key, a secret. `namespace` is "" for the root, else ends with /."""
    return f"vault://{source}/{namespace}{path}"


def scope_id(source: str, namespace: str, service: str, mount: str = "") -> str:
    """The id of a scope. Slashes within the namespace's and the mount's path are quoted: each is one part."""
    parts = [source, account(namespace), *([mount.strip("/")] if mount else []), service]
    return "/".join([parts[0], *(quote(part, safe="") for part in parts[1:])])


def mount_of(scope: str) -> str:
    """The path, with a slash at its end, of the mount that a scope reads."""
    return f"{unquote(scope.split('/')[2])}/"
