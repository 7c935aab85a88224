"""The places that hold keys and secrets: key rings, connections to external key managers, Secret Manager itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from collectors.gcp.answers import EffectiveAutokey, EkmConnection, ImportJob, KeyHandles
from collectors.gcp.facts.access import Level, logging_enabled
from collectors.gcp.facts.scope import Setting, listed
from collectors.gcp.names import last, location_of, secret_store
from collectors.scope_rows import expect
from evidence.model import NEVER, KeyStore, ProtectionLevel, State
from evidence.observation import canonical_json
from evidence.reading import Reading

HANDLES = "autokey:ListKeyHandles"
AUTOKEY = "autokey:ShowEffectiveAutokeyConfig"
ACCESS_MODEL = "IAM policies"


@dataclass(frozen=True, slots=True)
class Autokey:
    """What Autokey made in a location, and where it makes a project's keys."""

    key_project: str | None = None
    """"" where Autokey is not set up; None where that was not read."""
    handles: dict[str, str] | None = field(default=None)
    """Key → the kind of resource that it was made for; None where they were not all read."""

    @classmethod
    def read(cls, reading: Reading, key_project: str | None) -> Autokey:
        """Read a location's key handles. `key_project` is what its project's configuration says."""
        handles: dict[str, str] | None = {}
        for _, page in listed(reading, HANDLES, KeyHandles):
            handles = {**(handles or {}), **{h.kms_key: h.resource_type_selector for h in page.key_handles}}
        return cls(key_project, None if HANDLES in reading.failures else handles)

    def made(self, key: str, ring: str, autokey_ring: str) -> bool | None:
        """Autokey made the key; None where that was not read."""
        if last(ring) == autokey_ring:
            return True
        return None if self.handles is None else key in self.handles

    def told(self, ring: str, jobs: Iterable[ImportJob] | None) -> str | None:
        """The settings of a key ring as canonical JSON; None where a part of them was not read."""
        if jobs is None or self.handles is None or self.key_project is None:
            return None
        handles = {key: kind for key, kind in self.handles.items() if key.startswith(f"{ring}/")}
        listed_jobs = [
            {"id": last(j.name), "method": j.import_method, "protection": j.protection_level, "state": j.state}
            for j in sorted(jobs, key=lambda job: job.name)
        ]
        return canonical_json(
            {"autokey_key_project": self.key_project, "key_handles": handles, "import_jobs": listed_jobs}
        )


def key_project(reading: Reading) -> str | None:
    """Where Autokey makes a project's keys; "" where it is not set up, None where that was not read."""
    expect(reading, AUTOKEY)
    effective = reading.answer(AUTOKEY, EffectiveAutokey)
    return effective.key_project if effective else None


def _row(setting: Setting, id: str, evidence: Iterable[str], account: str, **facts: Any) -> KeyStore:
    region = facts.pop("region")
    return KeyStore(
        **setting.bookkeeping(id, evidence),
        account=account,
        region=region,
        regions=[region],
        validation="",
        backed_by="",
        soft_delete=True,
        purge_protection=True,
        recovery_days=0,
        access_model=ACCESS_MODEL,
        state=State.ACTIVE,
        deletion_at=NEVER,
        **facts,
    )


def key_ring(
    setting: Setting, name: str, account: str, evidence: Iterable[str], levels: Sequence[Level], settings: str | None
) -> KeyStore:
    """A key ring. A version that is to be destroyed waits for as long as its key says, and nobody can shorten that;
    a key for imported material alone may say: not at all.

    Source: Cloud KMS API reference, CryptoKey.destroyScheduledDuration.
    """
    return _row(
        setting,
        name,
        evidence,
        account,
        kind="Cloud KMS key ring",
        name=last(name),
        region=location_of(name),
        activated=True,
        connection_state="none",
        logging_enabled=logging_enabled(levels, "cloudkms.googleapis.com"),
        store_settings=settings,
    )


def ekm_connection(setting: Setting, found: EkmConnection, account: str, evidence: Iterable[str]) -> KeyStore:
    """A connection to a key manager outside, which is reached through a VPC network."""
    hosts = [resolver.hostname or resolver.service_directory_service for resolver in found.service_resolvers]
    mode = {"mode": found.key_management_mode, "hosts": sorted(hosts), "crypto_space": found.crypto_space_path}
    return _row(
        setting,
        found.name,
        evidence,
        account,
        kind="Cloud EKM connection",
        name=last(found.name),
        region=location_of(found.name),
        protection_level=ProtectionLevel.EXTERNAL,
        network_public=False,
        store_settings=canonical_json(mode),
    )


def secrets_store(
    setting: Setting, account: str, location: str, evidence: Iterable[str], levels: Sequence[Level] | None
) -> KeyStore:
    """Secret Manager in a project, or in one location of it. What is deleted there cannot be brought back.

    Its keys are Google's, in software, unless a secret names one of the customer's. `levels` are None where there is
    no secret, so that nobody asked.
    """
    row = _row(
        setting,
        secret_store(account, location),
        evidence,
        account,
        kind="Secret Manager",
        name=f"Secret Manager of {account}" + ("" if location == "global" else f" in {location}"),
        region=location,
        protection_level=ProtectionLevel.SOFTWARE,
        activated=True,
        connection_state="none",
        logging_enabled=None if levels is None else logging_enabled(levels, "secretmanager.googleapis.com"),
        store_settings="{}",
    )
    row.soft_delete = row.purge_protection = False
    return row
