"""The paths of each secrets engine, and of the system, by what whoever may ask there can do.

What gives no capability only reads or lists what describes keys and secrets. To give a secret a new value is to use it,
to read its value is to decrypt it. Source: HashiCorp Vault and OpenBao, HTTP API: transit, kv, pki, ssh, database, sys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evidence.model import Capability

_ADMINISTER, _USE, _DECRYPT, _EXPORT, _GRANT = (
    Capability.ADMINISTER,
    Capability.USE,
    Capability.DECRYPT,
    Capability.EXPORT,
    Capability.GRANT,
)

_WRITE = frozenset({"create", "update"})
_CHANGE = frozenset({"create", "update", "patch"})
_REMOVE = frozenset({"delete"})
_READ = frozenset({"read"})


@dataclass(frozen=True, slots=True)
class Duty:
    """What one capability of policies on one path lets its holder do."""

    capability: Capability
    wanted: frozenset[str]
    """The capabilities of policies of which one is enough."""
    segments: tuple[str, ...]
    """Of the path below a mount: `{name}` is the key, secret or role that it is about, `{path}` a secret's path of any
    number of segments, and `{any}` anything else that varies."""
    sudo: bool = False
    """`sudo` is needed too."""


def _duties(capability: Capability, wanted: frozenset[str], paths: str, *, sudo: bool = False) -> tuple[Duty, ...]:
    return tuple(Duty(capability, wanted, tuple(path.split("/")), sudo) for path in paths.split())


TRANSIT = (
    *_duties(
        _ADMINISTER,
        _WRITE,
        """keys/{name} keys/{name}/config keys/{name}/rotate keys/{name}/trim keys/{name}/import
        keys/{name}/import_version keys/{name}/soft-delete keys/{name}/soft-delete-restore keys/{name}/csr
        keys/{name}/set-certificate
        restore/{name} restore config/keys""",
    ),
    *_duties(_ADMINISTER, _REMOVE, "keys/{name} keys/{name}/soft-delete"),
    *_duties(
        _USE,
        _WRITE,
        """encrypt/{name} rewrap/{name} datakey/plaintext/{name} datakey/wrapped/{name} sign/{name}
        sign/{name}/{any} verify/{name} verify/{name}/{any} hmac/{name} hmac/{name}/{any}
        cmac/{name}""",
    ),
    *_duties(_DECRYPT, _WRITE, "decrypt/{name}"),
    *_duties(
        _EXPORT,
        _READ,
        """export/{any}/{name} export/{any}/{name}/{any} backup/{name}
        byok-export/{any}/{name} byok-export/{any}/{name}/{any}""",
    ),
)
"""The key of the destination of `byok-export` is what the exported key is wrapped with. A request for a certificate is
signed with the key, but it is made where keys get their certificates, and signs nothing else."""

KV_1 = (
    *_duties(_DECRYPT, _READ, "{path}"),
    *_duties(_USE, _WRITE, "{path}"),
    *_duties(_ADMINISTER, _REMOVE, "{path}"),
)

KV_2 = (
    *_duties(_DECRYPT, _READ, "data/{path} subkeys/{path}"),
    *_duties(_USE, _CHANGE, "data/{path}"),
    *_duties(_ADMINISTER, _REMOVE, "data/{path} metadata/{path}"),
    *_duties(_ADMINISTER, _CHANGE, "delete/{path} undelete/{path} destroy/{path} metadata/{path} config"),
)
"""Subkeys are read without their values, but they name what a secret holds, which only its readers see otherwise."""

PKI = (
    *_duties(
        _ADMINISTER,
        _WRITE,
        """roles/{name} issuer/{name} key/{name} keys/generate/internal keys/generate/existing keys/generate/kms
        keys/import issuers/import/bundle issuers/import/cert issuers/generate/root/internal
        issuers/generate/root/existing issuers/generate/intermediate/internal
        issuers/generate/intermediate/existing root/generate/internal root/generate/existing root/rotate/internal
        root/rotate/existing root/replace intermediate/generate/internal intermediate/generate/existing
        intermediate/set-signed intermediate/cross-sign config/ca config/issuers config/keys config/urls config/crl
        config/cluster config/acme config/auto-tidy tidy revoke revoke-with-key issuer/{name}/revoke""",
    ),
    *_duties(_ADMINISTER, _REMOVE, "roles/{name} issuer/{name} key/{name}"),
    *_duties(_ADMINISTER, _REMOVE, "root", sudo=True),
    *_duties(
        _USE,
        _WRITE,
        """issue/{name} sign/{name} sign-verbatim sign-verbatim/{name} root/sign-intermediate
        issuer/{any}/issue/{name} issuer/{any}/sign/{name} issuer/{any}/sign-verbatim
        issuer/{any}/sign-verbatim/{name} issuer/{any}/sign-intermediate""",
    ),
    *_duties(_USE, _WRITE, "root/sign-self-issued issuer/{any}/sign-self-issued", sudo=True),
    *_duties(
        _EXPORT,
        _WRITE,
        """keys/generate/exported root/generate/exported root/rotate/exported intermediate/generate/exported
        issuers/generate/root/exported issuers/generate/intermediate/exported""",
    ),
)
"""A key can be taken out only in the moment in which it is made."""

SSH = (
    *_duties(_ADMINISTER, _WRITE, "config/ca roles/{name} config/zeroaddress config/issuers issuers/import/{name}"),
    *_duties(_ADMINISTER, _REMOVE, "config/ca roles/{name} config/zeroaddress issuer/{name}"),
    *_duties(_USE, _WRITE, "sign/{name} issue/{name} creds/{name}"),
)

DATABASE = (
    *_duties(
        _ADMINISTER,
        _CHANGE,
        "config/{name} reset/{name} rotate-root/{name} roles/{name} static-roles/{name} rotate-role/{name}",
    ),
    *_duties(_ADMINISTER, _REMOVE, "config/{name} roles/{name} static-roles/{name}"),
    *_duties(_DECRYPT, _READ, "creds/{name} static-creds/{name}"),
)

ENGINES: Mapping[str, tuple[Duty, ...]] = {
    "transit": TRANSIT,
    "kv1": KV_1,
    "kv2": KV_2,
    "pki": PKI,
    "ssh": SSH,
    "database": DATABASE,
}
"""By the kind of mount, with the version of kv."""


def mounting(mount: str) -> tuple[Duty, ...]:
    """What can be done with a mount itself, below its namespace: to disable it destroys all that it holds."""
    path = f"sys/mounts/{mount.rstrip('/')}"
    return (*_duties(_ADMINISTER, _WRITE, f"{path} {path}/tune"), *_duties(_ADMINISTER, _REMOVE, path))


GRANTING = (
    *_duties(
        _GRANT,
        _CHANGE,
        """sys/policies/acl/{any} sys/policy/{any} auth/{any}/role/{any}
        auth/{any}/users/{any} auth/{any}/groups/{any} auth/{any}/certs/{any}
        auth/{any}/config auth/token/roles/{any} identity/entity identity/entity/id/{any}
        identity/entity/name/{any} identity/entity-alias identity/group identity/group/id/{any}
        identity/group/name/{any} identity/group-alias""",
    ),
    *_duties(_GRANT, _WRITE, "sys/auth/{any} auth/token/create-orphan", sudo=True),
    *_duties(_EXPORT, _READ, "sys/raw/{path}", sudo=True),
)
"""Of a whole namespace: who may give policies to himself or others, and who reads its storage as it is in clear."""

SYSTEM = (
    *_duties(
        _ADMINISTER,
        _WRITE,
        """sys/rotate sys/rotate/keyring sys/rotate/root sys/rotate/config sys/seal sys/remount sys/audit/{any}
        sys/config/auditing/request-headers/{any}""",
        sudo=True,
    ),
    *_duties(_ADMINISTER, _REMOVE, "sys/audit/{any}", sudo=True),
)
"""Of a server: the barrier key, the seal and the log."""
