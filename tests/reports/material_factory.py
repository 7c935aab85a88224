"""A realistic material of any size, made through the real models, with hostile text in every place that takes text."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from evidence.findings import (
    Assessment,
    AttestationUsed,
    ControlResult,
    Counts,
    Decided,
    ExceptionUsed,
    FrameworkResult,
    ParameterValue,
    RequirementRef,
    RequirementResult,
    Severity,
    Stage,
    Status,
    Topic,
    findings_schema,
)
from evidence.history import PastRun, Reading, write_empty
from evidence.inventory import InventoryWriter
from evidence.model import (
    NEVER,
    Certificate,
    Gap,
    GapKind,
    Key,
    KeyStore,
    KeyType,
    KeyVersion,
    Manager,
    ObservationIndex,
    Origin,
    ProtectedResource,
    ProtectionLevel,
    Row,
    Scope,
    Secret,
    State,
    Usage,
    VersionCause,
    arrow_schema,
    columns,
)
from evidence.observation import Observation, body_digest, short_id
from evidence.observation import Status as Answered
from evidence.recording import ScopeHeader, ScopeRecording, scope_path
from evidence.store import OperationRecord, RunRecord, SourceRecord
from reports.material import Material

AS_OF = datetime(2026, 6, 30, tzinfo=UTC)
START = datetime(2025, 7, 1, tzinfo=UTC)
ACCOUNTS = {"111122223333": "payments-prod", "444455556666": "data-platform"}
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1")
SERVICES = ("kms", "secretsmanager", "ssm")

TENANT = "7d3f0c1e-94a2-4c55-8f0b-1a6f5e2d9c40"
SUBSCRIPTIONS = {
    "3b0e7a52-6c1d-4f8e-9a27-5d4c81f0b6e3": "Payments production",
    "c9f41d08-2e6b-4a93-b7d5-08e3a1f6275c": "Data platform (shared services, West Europe and North Europe)",
}
VAULTS = {
    "3b0e7a52-6c1d-4f8e-9a27-5d4c81f0b6e3": ("kv-payments-prod-weu-01", "kv-payments-prod-neu-01"),
    "c9f41d08-2e6b-4a93-b7d5-08e3a1f6275c": ("kv-dataplatform-weu-001", "kv-refused-weu-0000001"),
}
MANAGED_HSM = "mhsm-payments-prod"
ORGANIZATION = "834201957613"
PROJECTS = {"nwp-payments-prod-418307": "nwp-payments-prod", "nwp-analytics-eu-592016": "nwp-analytics-eu"}
LOCATIONS = ("europe-west3", "global", "eur4")

PROVIDERS = {"aws": "prod", "azure": "azure-corp", "gcp": "gcp-org"}
"""Provider → the name of its source."""

HOSTILE = (
    "<script>alert('owned')</script>",
    "=cmd|' /C calc'!A0",
    "\x1b[31mred\x1b[0m\x07",
    '<img src="http://evil.example/x.png"><link rel=stylesheet href=file:///etc/passwd>',
    "invoice\u202egnp.exe\u200f",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "nul\x00byte",
    "unbroken" * 40,
    "ключ-η-ключ مفتاح 鍵 🔑",
    "]]><svg onload=alert(1)>",
    '"><a href="javascript:alert(1)">x</a>',
)
MONSTER = "monster " * 12_800


@dataclass
class Estate:
    """What the factory made, and how many of each."""

    folder: Path
    keys: int
    providers: tuple[str, ...] = tuple(PROVIDERS)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    observed: dict[str, list[Observation]] = field(default_factory=dict)
    """Scope → its observations."""
    views: dict[str, list[Any]] = field(default_factory=dict)
    """View → rows that controls judge and the inventory does not hold."""

    def of(self, table: str) -> list[Any]:
        return self.rows.setdefault(table, [])


def make_material(
    folder: Path, keys: int = 60, hostile: bool = True, providers: tuple[str, ...] = tuple(PROVIDERS)
) -> Material:
    """A material of `keys` keys and a quarter as many secrets, most of them of the first of the providers.

    AWS: two accounts, three regions and one switched off. Azure: two subscriptions, four vaults, of which one refuses,
    and a managed HSM. Google Cloud: two projects and three locations.
    """
    estate = Estate(folder, keys, providers)
    for provider in providers:
        SCOPES[provider](estate)
    for number in range(keys):
        name = HOSTILE[number % len(HOSTILE)] if hostile and number < 2 * len(HOSTILE) else ""
        KEYS[_provider(estate, number)](estate, number, name)
    for number in range(keys // 4):
        SECRETS[_provider(estate, number)](estate, number)
    if "azure" in providers:
        for number in range(keys // 6):
            _azure_certificate(estate, number, HOSTILE[number % len(HOSTILE)] if hostile else "")
    if "gcp" in providers:
        for number in range(keys // 5):
            _gcp_resource(estate, number)
    _count(estate)
    _complete(estate)
    with InventoryWriter(folder / "inventory") as writer:
        for rows in estate.rows.values():
            for row in rows:
                writer.add(row)
    _record(estate)
    _look_back(estate, hostile)
    controls, findings = _judge(estate, hostile)
    (folder / "assessment").mkdir(parents=True, exist_ok=True)
    path = folder / "assessment" / "findings.parquet"
    findings.sort(key=lambda f: (f["control"], f["variant"], f["subject"], f["scope"]))
    parquet.write_table(pa.Table.from_pylist(findings, schema=findings_schema()), path)
    return Material(
        run=_run(hostile, providers),
        assessment=_assessment(controls, hostile),
        inventory=folder / "inventory",
        history=folder / "history",
        findings=path,
        observations=folder / "observations",
        evidence_digest=hashlib.sha256(f"{keys}".encode()).hexdigest(),
    )


def _provider(estate: Estate, number: int) -> str:
    """Eight of thirteen are of the first provider, three of the second and two of the third."""
    place = (0,) * 8 + (1,) * 3 + (2,) * 2
    return estate.providers[min(place[number % 13], len(estate.providers) - 1)]


def _scope_id(account: str, region: str, service: str) -> str:
    return f"prod/{account}/{region}/{service}"


def _observe(estate: Estate, scope: str, operation: str, subject: str, status: str = "ok", error: str = "") -> str:
    name = short_id("OBS", scope, operation, subject)
    source, account = scope.split("/")[:2]
    asked = {"KeyId": subject} if subject else {}
    body = json.dumps({"Said": error or HOSTILE[len(name + subject) % len(HOSTILE)], **asked, "More": "x" * 900})
    requested = AS_OF - timedelta(minutes=30)
    estate.observed.setdefault(scope, []).append(
        Observation(
            id=name,
            source=source,
            scope=scope,
            subject=subject,
            operation=operation,
            parameters={**asked},
            requested_at=requested.isoformat(),
            received_at=(requested + timedelta(milliseconds=40)).isoformat(),
            status=Answered(status),
            error=error,
            request_id=name[4:],
            attempts=1,
            identity=_identity(source, account),
            body=body,
            sha256=body_digest(body),
        )
    )
    estate.of("observation").append(
        ObservationIndex(
            id=name,
            source=source,
            scope=scope,
            evidence=[name],
            subject=subject,
            operation=operation,
            parameters=json.dumps(asked),
            requested_at=requested,
            received_at=requested + timedelta(milliseconds=40),
            status=status,
            error=error,
            request_id=name[4:],
            attempts=1,
            identity=_identity(source, account),
            sha256=body_digest(body),
            bytes=len(body),
            file=scope_path(scope),
        )
    )
    return name


def _identity(source: str, account: str) -> str:
    return {
        "prod": f"arn:aws:sts::{account}:assumed-role/KeyproofReader/keyproof",
        "azure-corp": "appid 5e1b7c34-0d29-4f6a-8c11-e7d20b9a4f58, oid 90cf2a6e-1b7d-4e03-a5f4-3c8d61e0b927",
        "gcp-org": "keyproof-reader@nwp-audit-100200.iam.gserviceaccount.com",
    }[source]


def _gap(
    estate: Estate, scope: str, operation: str, kind: GapKind, error: str, table: str, subject: str, names: list[str]
) -> None:
    observation = short_id("OBS", scope, operation, subject)
    estate.of("gap").append(
        Gap(
            id=short_id("GAP", scope, table, subject, operation, *names),
            source=scope.split("/")[0],
            scope=scope,
            evidence=[] if kind is GapKind.NOT_OFFERED else [observation],
            operation=operation,
            kind=kind,
            error=error,
            of_table=table,
            subject=subject,
            columns=sorted(names),
            rows_missing=not names,
        )
    )


def _aws_scopes(estate: Estate) -> None:
    for account, name in ACCOUNTS.items():
        for region, service in [
            ("global", "account"),
            *[(region, service) for region in (*REGIONS, "me-south-1") for service in SERVICES],
        ]:
            scope = _scope_id(account, region, service)
            off = region == "me-south-1"
            refused = account == "444455556666" and region == "us-east-1" and service == "kms"
            operation = {"kms": "kms:ListKeys", "secretsmanager": "secretsmanager:ListSecrets"}.get(
                service, "ssm:DescribeParameters" if service == "ssm" else "sts:GetCallerIdentity"
            )
            status = "switched_off" if off else "refused" if refused else "ok"
            error = (
                "AccessDeniedException: explicit deny in a service control policy " + HOSTILE[0]
                if refused
                else "the region is not enabled for this account"
                if off
                else ""
            )
            evidence = _observe(estate, scope, operation, "", status, error)
            estate.of("scope").append(
                Scope(
                    id=scope,
                    source="prod",
                    scope=scope,
                    evidence=[evidence],
                    provider="aws",
                    account=account,
                    account_name=name,
                    region=region,
                    service=service,
                    identity=f"arn:aws:sts::{account}:assumed-role/KeyproofReader/keyproof",
                    asked=True,
                    reached=not off,
                    complete=None if refused else True,
                    calls=1,
                    pages=1,
                    listed=None if refused else 0,
                    described=0,
                    refused=int(refused),
                    failed=0,
                    collected_at=AS_OF - timedelta(minutes=20),
                )
            )
            if service == "kms" and not off:
                told = {
                    "kind": "AWS KMS",
                    "name": f"KMS {region}",
                    "account": account,
                    "region": region,
                    "protection_level": ProtectionLevel.HSM,
                    "access_model": "key policy",
                    "regions": [region],
                }
                reason = "the KMS API does not tell whether a trail keeps the log of key operations"
                _store(
                    estate,
                    scope,
                    "kms:DescribeCustomKeyStores",
                    f"arn:aws:kms:{region}:{account}",
                    told,
                    dict.fromkeys(("logging_enabled", "logging_targets", "logging_retention_days"), reason),
                )
            if refused:
                _gap(estate, scope, operation, GapKind.REFUSED, error, "key", "", [])
                _gap(estate, scope, operation, GapKind.REFUSED, error, "scope", scope, ["complete", "listed"])


def _aws_key(estate: Estate, number: int, name: str) -> None:
    account = list(ACCOUNTS)[number % 2]
    region = REGIONS[0] if account == "444455556666" else REGIONS[number % 3]
    scope = _scope_id(account, region, "kms")
    arn = f"arn:aws:kms:{region}:{account}:key/{hashlib.sha256(str(number).encode()).hexdigest()[:32]}"
    age = (number * 37) % 1400 + 5
    rotated = AS_OF - timedelta(days=min(age, (number * 53) % 700))
    created = AS_OF - timedelta(days=age)
    rsa = number % 11 == 3
    weak = number % 37 == 5
    provider = number % 9 == 8
    refused = number % 29 == 7
    used_unknown = number % 6 == 1
    rotations = 0 if rsa or number % 5 == 0 else (age // 365)
    evidence = [_observe(estate, scope, "kms:DescribeKey", arn)]
    if not provider:
        for operation in ("kms:GetKeyRotationStatus", "kms:ListKeyRotations", "kms:ListGrants", "kms:GetKeyLastUsage"):
            evidence.append(_observe(estate, scope, operation, arn))
        error = "AccessDeniedException: no resource-based policy allows kms:GetKeyPolicy" if refused else ""
        evidence.append(_observe(estate, scope, "kms:GetKeyPolicy", arn, "refused" if refused else "ok", error))
        if refused:
            _gap(
                estate,
                scope,
                "kms:GetKeyPolicy",
                GapKind.REFUSED,
                error,
                "key",
                arn,
                ["external_accounts", "public", "wildcard_access"],
            )
    _gap(
        estate,
        scope,
        "",
        GapKind.NOT_OFFERED,
        "KMS does not tell what its keys protect",
        "key",
        arn,
        ["protected_resources"],
    )
    if used_unknown:
        text = "use is tracked since 2026-04-23 only, and the key is older"
        _gap(estate, scope, "kms:GetKeyLastUsage", GapKind.NOT_OFFERED, text, "key", arn, ["used", "last_used_at"])
    estate.of("key").append(
        Key(
            id=arn,
            source="prod",
            scope=scope,
            evidence=evidence,
            name=f"alias/{name}" if name else f"alias/service-{number:05d}",
            aliases=[],
            description=MONSTER if number == 4 else "",
            account=account,
            region=region,
            manager=Manager.PROVIDER if provider else Manager.CUSTOMER,
            origin=Origin.GENERATED,
            usages=[Usage.SIGN] if rsa else [Usage.ENCRYPT],
            key_type=KeyType.PRIVATE_SIGNATURE if rsa else KeyType.SYMMETRIC_DATA_ENCRYPTION,
            algorithm="RSA" if rsa else "AES",
            parameter_set="",
            bits=1024 if weak else 2048 if rsa else 256,
            security_bits=80 if weak else 112 if rsa else 256,
            pq_category=0 if rsa else 5,
            protection_level=ProtectionLevel.HSM,
            state=State.PENDING_DELETION if number % 23 == 22 else State.ACTIVE,
            created_at=created,
            expires_at=NEVER,
            rotatable=not rsa,
            rotation_enabled=not rsa and number % 5 != 0,
            rotation_period_days=0 if rsa or number % 5 == 0 else 365,
            rotations=rotations,
            last_rotated_at=created if rotations == 0 else max(created, rotated),
            used=None if used_unknown else number % 4 != 0,
            last_used_at=None if used_unknown else AS_OF - timedelta(days=number % 200),
            public=None if refused else number % 41 == 6,
            wildcard_access=None if refused else False,
            external_accounts=None if refused else ["999900001111"] if number % 43 == 2 else [],
            protected_resources=None,
            owner="" if number % 7 == 0 else (MONSTER if number == 4 else f"team-{number % 5} {name}"),
            business_purpose="" if number % 10 == 0 else "card data",
            tags="{}",
        )
    )
    for turn in range(rotations + 1):
        estate.of("key_version").append(
            KeyVersion(
                id=f"{arn}#{turn}",
                source="prod",
                scope=scope,
                evidence=evidence[:1],
                key=arn,
                state=State.ACTIVE if turn == rotations else State.DEACTIVATED,
                created_at=created if turn == 0 else max(created, rotated) - timedelta(days=365 * (rotations - turn)),
                superseded_at=NEVER,
                cause=VersionCause.INITIAL
                if turn == 0
                else [VersionCause.AUTOMATIC, VersionCause.ON_DEMAND, VersionCause.IMPORT][number % 7 % 3],
                expires_at=NEVER,
            )
        )


def _aws_secret(estate: Estate, number: int) -> None:
    account = list(ACCOUNTS)[number % 2]
    scope = _scope_id(account, "eu-west-1", "secretsmanager")
    arn = f"arn:aws:secretsmanager:eu-west-1:{account}:secret:db-{number:05d}"
    rotated = AS_OF - timedelta(days=(number * 31) % 400)
    estate.of("secret").append(
        Secret(
            id=arn,
            source="prod",
            scope=scope,
            evidence=[_observe(estate, scope, "secretsmanager:DescribeSecret", arn)],
            name=f"db/{number:05d}",
            account=account,
            region="eu-west-1",
            manager=Manager.CUSTOMER,
            state=State.ACTIVE,
            created_at=rotated - timedelta(days=100),
            last_rotated_at=rotated,
            rotation_enabled=number % 3 != 0,
            owner="payments",
        )
    )


def _scope(
    estate: Estate,
    provider: str,
    scope: str,
    account: str,
    name: str,
    region: str,
    service: str,
    operation: str,
    refused: str = "",
) -> None:
    """A scope that was read, or whose list the provider refused with the text `refused`."""
    evidence = _observe(estate, scope, operation, "", "refused" if refused else "ok", refused)
    estate.of("scope").append(
        Scope(
            id=scope,
            source=PROVIDERS[provider],
            scope=scope,
            evidence=[evidence],
            provider=provider,
            account=account,
            account_name=name,
            region=region,
            service=service,
            identity=_identity(PROVIDERS[provider], account),
            asked=True,
            reached=True,
            complete=None if refused else True,
            calls=1,
            pages=1,
            listed=None if refused else 0,
            described=0,
            refused=int(bool(refused)),
            failed=0,
            collected_at=AS_OF - timedelta(minutes=20),
        )
    )
    if refused:
        _gap(estate, scope, operation, GapKind.REFUSED, refused, "key", "", [])
        _gap(estate, scope, operation, GapKind.REFUSED, refused, "scope", scope, ["complete", "listed"])


def _store(estate: Estate, scope: str, operation: str, id: str, told: dict[str, Any], unknown: dict[str, str]) -> None:
    """A key store with what is `told` of it; `unknown` maps what its provider does not offer to the reason."""
    estate.of("key_store").append(
        KeyStore(
            id=id,
            source=scope.split("/")[0],
            scope=scope,
            evidence=[_observe(estate, scope, operation, id)],
            **{"validation": "", "state": State.ACTIVE, "deletion_at": NEVER, "activated": True, **told},
        )
    )
    for name, reason in unknown.items():
        _gap(estate, scope, "", GapKind.NOT_OFFERED, reason, "key_store", id, [name])


def _azure_scopes(estate: Estate) -> None:
    _scope(
        estate,
        "azure",
        f"azure-corp/{TENANT}/global/tenant",
        TENANT,
        "Northwind",
        "global",
        "tenant",
        "arm:Subscriptions_List",
    )
    for account, name in SUBSCRIPTIONS.items():
        _scope(
            estate,
            "azure",
            f"azure-corp/{account}/global/subscription",
            account,
            name,
            "global",
            "subscription",
            "arm:Vaults_ListBySubscription",
        )
        for vault in VAULTS[account]:
            refused = (
                "ForbiddenByFirewall: Public network access is disabled and request is not from a trusted "
                "service nor via an approved private link."
                if "refused" in vault
                else ""
            )
            scope = f"azure-corp/{account}/vault/{vault}"
            _scope(estate, "azure", scope, account, name, "westeurope", "vault", "keys:GetKeys", refused)
            group = f"/subscriptions/{account}/resourceGroups/rg-key-management-prod-westeurope"
            told = {
                "kind": "vault",
                "name": vault,
                "account": account,
                "region": "westeurope",
                "soft_delete": True,
                "protection_level": ProtectionLevel.SOFTWARE,
                "purge_protection": "neu" not in vault,
                "recovery_days": 90,
                "network_public": not refused,
                "logging_enabled": True,
                "logging_targets": [f"{group}/providers/Microsoft.OperationalInsights/workspaces/law-security"],
                "private_endpoints": int(bool(refused)),
                "access_model": "RBAC",
                "regions": ["westeurope"],
            }
            _store(
                estate,
                scope,
                "arm:Vaults_Get",
                f"{group}/providers/Microsoft.KeyVault/vaults/{vault}",
                told,
                {"logging_retention_days": "the workspace decides how long its log is kept"},
            )
    account = next(iter(SUBSCRIPTIONS))
    scope = f"azure-corp/{account}/managedhsm/{MANAGED_HSM}"
    _scope(estate, "azure", scope, account, SUBSCRIPTIONS[account], "westeurope", "managedhsm", "keys:GetKeys")


def _gcp_scopes(estate: Estate) -> None:
    _scope(
        estate,
        "gcp",
        f"gcp-org/{ORGANIZATION}/global/organization",
        ORGANIZATION,
        "northwind.example",
        "global",
        "organization",
        "asset:SearchAllResources",
    )
    for account, name in PROJECTS.items():
        _scope(
            estate, "gcp", f"gcp-org/{account}/global/project", account, name, "global", "project", "kms:ListLocations"
        )
        for region in LOCATIONS:
            scope = f"gcp-org/{account}/{region}/kms"
            _scope(estate, "gcp", scope, account, name, region, "kms", "kms:ListKeyRings")
            ring = f"projects/{account}/locations/{region}/keyRings/payments-and-ledger"
            told = {
                "kind": "key ring",
                "name": "payments-and-ledger",
                "account": account,
                "region": region,
                "protection_level": ProtectionLevel.HSM,
                "soft_delete": True,
                "purge_protection": False,
                "recovery_days": 30,
                "access_model": "IAM",
                "regions": [region],
            }
            reason = "Cloud KMS writes to the project's audit log, whose settings stand elsewhere"
            _store(
                estate,
                scope,
                "kms:GetIamPolicy",
                ring,
                told,
                dict.fromkeys(("logging_enabled", "logging_targets", "logging_retention_days"), reason),
            )
        _scope(
            estate,
            "gcp",
            f"gcp-org/{account}/global/secretmanager",
            account,
            name,
            "global",
            "secretmanager",
            "secretmanager:ListSecrets",
        )


NOT_OFFERED = {
    "azure": (
        (("used", "last_used_at", "usage_tracked_since"), "Key Vault does not tell when a key was last used"),
        (("origin",), "Key Vault does not tell whether a key was imported"),
        (("protected_resources",), "Key Vault does not tell what its keys protect"),
    ),
    "gcp": ((("used", "last_used_at"), "Cloud KMS does not tell when a key was last used"),),
}
"""Provider → facts of every key that it does not offer, and why."""


def _cloud_key(estate: Estate, provider: str, number: int, scope: str, id: str, told: dict[str, Any]) -> None:
    """A key of Azure or Google Cloud: older, less often rotated, and without a last use."""
    age = (number * 41) % 1700 + 8
    created = AS_OF - timedelta(days=age)
    rotations = age // 400 if number % 4 else 0
    rotated = created if rotations == 0 else AS_OF - timedelta(days=age % 400)
    waiting = number % 17 == 10
    evidence = [_observe(estate, scope, {"azure": "keys:GetKey", "gcp": "kms:ListCryptoKeys"}[provider], id)]
    unknown = {name for names, _ in NOT_OFFERED[provider] for name in names}
    for names, reason in NOT_OFFERED[provider]:
        _gap(estate, scope, "", GapKind.NOT_OFFERED, reason, "key", id, list(names))
    facts: dict[str, Any] = {
        "aliases": [],
        "description": "",
        "manager": Manager.CUSTOMER,
        "managed_by": "",
        "origin": Origin.IMPORTED if number % 19 == 12 else Origin.GENERATED,
        "usages": [Usage.ENCRYPT],
        "key_type": KeyType.SYMMETRIC_DATA_ENCRYPTION if provider == "gcp" else KeyType.PRIVATE_KEY_TRANSPORT,
        "algorithm": "AES" if provider == "gcp" else "RSA",
        "parameter_set": "",
        "bits": 256 if provider == "gcp" else 2048,
        "security_bits": 256 if provider == "gcp" else 112,
        "pq_category": 5 if provider == "gcp" else 0,
        "protection_level": ProtectionLevel.SOFTWARE if number % 3 else ProtectionLevel.HSM,
        "state": State.PENDING_DELETION if waiting else State.ACTIVE,
        "created_at": created,
        "rotatable": True,
        "rotation_enabled": provider == "gcp" and number % 2 == 0,
        "rotation_period_days": 90 if provider == "gcp" and number % 2 == 0 else 0,
        "rotations": rotations,
        "last_rotated_at": rotated,
        "used": True,
        "last_used_at": AS_OF,
        "deletion_at": AS_OF + timedelta(days=number % 30 + 1) if waiting else NEVER,
        "protected_resources": number % 9,
        "public": provider == "gcp" and number % 24 == 11,
        "external_accounts": ["tenant 0c4b5d1a"] if number % 21 == 9 else [],
        "wildcard_access": False,
        "owner": "" if number % 3 == 0 else "platform",
        "business_purpose": "ledger",
        "tags": "{}",
        **told,
    }
    facts |= dict.fromkeys(unknown)
    estate.of("key").append(Key(id=id, source=PROVIDERS[provider], scope=scope, evidence=evidence, **facts))
    for turn in range(rotations + 1):
        estate.of("key_version").append(
            KeyVersion(
                id=f"{id}/{turn + 1}",
                source=PROVIDERS[provider],
                scope=scope,
                evidence=evidence,
                key=id,
                state=State.ACTIVE if turn == rotations else State.DEACTIVATED,
                created_at=created if turn == 0 else rotated - timedelta(days=400 * (rotations - turn)),
                superseded_at=NEVER,
                cause=VersionCause.INITIAL if turn == 0 else VersionCause.MANUAL,
                expires_at=NEVER,
            )
        )


def _azure_key(estate: Estate, number: int, name: str) -> None:
    account = list(SUBSCRIPTIONS)[number % 2]
    vault = VAULTS[account][number % 4 // 2 if account == next(iter(SUBSCRIPTIONS)) else 0]
    called = name or f"ledger-encryption-{number:05d}"
    told = {"name": called, "account": account, "region": "westeurope"}
    _cloud_key(
        estate,
        "azure",
        number,
        f"azure-corp/{account}/vault/{vault}",
        f"https://{vault}.vault.azure.net/keys/{called}",
        told,
    )


def _gcp_key(estate: Estate, number: int, name: str) -> None:
    account, region = list(PROJECTS)[number % 2], LOCATIONS[number % 3]
    called = name or f"orders-{number:05d}"
    id = f"projects/{account}/locations/{region}/keyRings/payments-and-ledger/cryptoKeys/{called}"
    told = {"name": called, "account": account, "region": region}
    _cloud_key(estate, "gcp", number, f"gcp-org/{account}/{region}/kms", id, told)


def _cloud_secret(estate: Estate, provider: str, number: int, scope: str, id: str, told: dict[str, Any]) -> None:
    changed = AS_OF - timedelta(days=(number * 43) % 500)
    operation = {"azure": "secrets:GetSecrets", "gcp": "secretmanager:ListSecrets"}[provider]
    estate.of("secret").append(
        Secret(
            id=id,
            source=PROVIDERS[provider],
            scope=scope,
            evidence=[_observe(estate, scope, operation, id)],
            manager=Manager.CUSTOMER,
            state=State.ACTIVE,
            created_at=changed - timedelta(days=30),
            last_rotated_at=changed,
            rotatable=provider == "gcp",
            rotation_enabled=False,
            keys=[],
            key_settable=provider == "gcp",
            owner="platform",
            **told,
        )
    )


def _azure_secret(estate: Estate, number: int) -> None:
    account = list(SUBSCRIPTIONS)[number % 2]
    vault, name = VAULTS[account][0], f"sql-connection-{number:05d}"
    told = {"name": name, "account": account, "region": "westeurope", "content_type": "connection string"}
    _cloud_secret(
        estate,
        "azure",
        number,
        f"azure-corp/{account}/vault/{vault}",
        f"https://{vault}.vault.azure.net/secrets/{name}",
        told,
    )


def _gcp_secret(estate: Estate, number: int) -> None:
    account, name = list(PROJECTS)[number % 2], f"api-token-{number:05d}"
    told = {"name": name, "account": account, "region": "global", "content_type": ""}
    _cloud_secret(
        estate, "gcp", number, f"gcp-org/{account}/global/secretmanager", f"projects/{account}/secrets/{name}", told
    )


def _azure_certificate(estate: Estate, number: int, name: str) -> None:
    account = list(SUBSCRIPTIONS)[number % 2]
    vault, called = VAULTS[account][0], name or f"tls-{number:05d}"
    scope, id = f"azure-corp/{account}/vault/{vault}", f"https://{vault}.vault.azure.net/certificates/{called}"
    created = AS_OF - timedelta(days=(number * 29) % 380)
    estate.of("certificate").append(
        Certificate(
            id=id,
            source="azure-corp",
            scope=scope,
            evidence=[_observe(estate, scope, "certificates:GetCertificate", id)],
            name=called,
            account=account,
            region="westeurope",
            key="",
            manager=Manager.CUSTOMER,
            state=State.ACTIVE,
            subject=f"CN=pay{number}.northwind.example, O=Northwind, C=NL",
            issuer="DigiCert",
            fingerprint=hashlib.sha256(id.encode()).hexdigest()[:40].upper(),
            algorithm="RSA",
            bits=2048,
            security_bits=112,
            created_at=created,
            activated_at=created,
            expires_at=created + timedelta(days=397),
            renewal_enabled=number % 4 != 0,
            renewal_days=30 if number % 4 else 0,
            exportable=True,
            versions=1 + number % 3,
            owner="",
            tags="{}",
        )
    )


def _gcp_resource(estate: Estate, number: int) -> None:
    account = list(PROJECTS)[number % 2]
    scope = f"gcp-org/{account}/{LOCATIONS[0]}/kms"
    name = f"//storage.googleapis.com/projects/_/buckets/{account}-ledger-{number:05d}"
    estate.of("protected_resource").append(
        ProtectedResource(
            id=name,
            source="gcp-org",
            scope=scope,
            evidence=[_observe(estate, scope, "kmsinventory:SearchProtectedResources", name)],
            name=name,
            kind="storage.googleapis.com/Bucket",
            service="Cloud Storage",
            account=account,
            region=LOCATIONS[0],
            encrypted=True,
            key=f"projects/{account}/locations/{LOCATIONS[0]}/keyRings/payments-and-ledger/cryptoKeys/orders-00011",
            created_at=AS_OF - timedelta(days=number),
        )
    )


SCOPES = {"aws": _aws_scopes, "azure": _azure_scopes, "gcp": _gcp_scopes}
KEYS = {"aws": _aws_key, "azure": _azure_key, "gcp": _gcp_key}
SECRETS = {"aws": _aws_secret, "azure": _azure_secret, "gcp": _gcp_secret}


def _count(estate: Estate) -> None:
    observations = Counter(o.scope for o in estate.of("observation"))
    refused = Counter(o.scope for o in estate.of("observation") if o.status == "refused")
    things = Counter(row.scope for table in ("key", "secret", "certificate") for row in estate.of(table))
    for scope in estate.of("scope"):
        scope.calls = observations[scope.id]
        scope.refused = refused[scope.id]
        if scope.complete and refused[scope.id]:
            scope.complete = None
            text = "AccessDeniedException: no resource-based policy allows kms:GetKeyPolicy"
            _gap(estate, scope.id, "kms:GetKeyPolicy", GapKind.REFUSED, text, "scope", scope.id, ["complete"])
        if scope.listed is not None:
            scope.listed = scope.described = things[scope.id]


def _complete(estate: Estate) -> None:
    """Give every fact that no gap leaves unknown a value: "none", "never" or the like."""
    unknown: dict[tuple[str, str], set[str]] = {}
    for gap in estate.of("gap"):
        unknown.setdefault((gap.scope, gap.subject), set()).update(gap.columns or [])
    empty: dict[str, Any] = {"boolean": False, "integer": 0, "timestamp": NEVER, "string": ""}
    for table in ("key_store", "key", "key_version", "certificate", "secret", "protected_resource"):
        for row in estate.of(table):
            gaps = unknown.get((row.scope, row.id), set())
            for column in columns(type(row)):
                if getattr(row, column.name) is None and column.name not in gaps:
                    fact = [] if column.type.startswith("list") else empty[column.type]
                    setattr(row, column.name, column.values[0] if column.values else fact)


def _record(estate: Estate) -> None:
    """Write the files of the scopes."""
    (estate.folder / "observations").mkdir(parents=True, exist_ok=True)
    for scope, observations in estate.observed.items():
        source = scope.split("/")[0]
        kind = next(provider for provider, name in PROVIDERS.items() if name == source)
        header = ScopeHeader(id=scope, source=source, type=kind, service=scope.rsplit("/", 1)[-1])
        recording = ScopeRecording(estate.folder / "observations", header)
        recording.write(observations)
        recording.complete()


PAST_RUNS = {
    "20250915T020000Z-000001": datetime(2025, 9, 15, 2, tzinfo=UTC),
    "20251001T020000Z-000002": datetime(2025, 10, 1, 2, tzinfo=UTC),
    "20260301T020000Z-000003": datetime(2026, 3, 1, 2, tzinfo=UTC),
}
"""Earlier runs of the store → the time of their last answer. The second left a scope unread."""

LONGEST_GAP_DAYS, LONGEST_WHOLE_GAP_DAYS = 151, 167
"""From the second of them to the third; from the first to the third, where complete runs alone count."""


def _look_back(estate: Estate, hostile: bool) -> None:
    """Write what earlier runs show, and make the rows that tell of the audit period and of what people attest."""
    folder = estate.folder / "history"
    write_empty(folder)
    scopes = estate.of("scope")
    runs = [
        PastRun(
            id=run,
            source="",
            scope="",
            evidence=[],
            started_at=moment,
            finished_at=moment,
            tool_version="0.1.0",
            pack_sha256=hashlib.sha256(run.encode()).hexdigest(),
            linked=place != 2,
        )
        for place, (run, moment) in enumerate(PAST_RUNS.items())
    ]
    readings = [
        Reading(
            id=f"{scope.id}@{run}",
            source=scope.source,
            scope=scope.id,
            evidence=[],
            run=run,
            asked=True,
            complete=None if run.endswith("2") and scope is scopes[0] else True,
            configuration="",
            listed=True,
            collected_at=moment,
        )
        for run, moment in PAST_RUNS.items()
        for scope in scopes
    ]
    for table, rows in ((PastRun, runs), (Reading, readings)):
        made = pa.Table.from_pylist([asdict(row) for row in rows], schema=arrow_schema(table))
        parquet.write_table(made, folder / f"{table.table}.parquet")
    keys = [row for row in estate.of("key") if row.manager == "customer"]
    changes = estate.views.setdefault("change", [])
    for key, (change, authorized, approved) in zip(keys, CHANGES, strict=False):
        told = {"changed_by": CHANGED_BY, "authorized_at": authorized, "approved_at": approved}
        changes.append(_seen(key, f"key {key.id} {change}", "key", change=change, **told))
    for scope in scopes:
        compared = "none" if scope.source == "prod" else None
        changes.append(_seen(scope, scope.id, "scope", change=compared, changed_by=CHANGED_BY))
    for number, key in enumerate(keys):
        used = {"at_least": 300 + 7 * number, "at_most": 300 + (7 if number % 2 else 9) * number}
        estate.views.setdefault("key_period", []).append(_seen(key, key.id, "key", longest_use_days=used))
    nowhere = SimpleNamespace(source="", scope="", evidence=[], account="", region="", name="")
    estate.views["topic"] = [_seen(nowhere, HOSTILE[0] if hostile else "policy", "topic", attested_at=None)]
    gap_days = {"at_least": LONGEST_GAP_DAYS, "at_most": LONGEST_WHOLE_GAP_DAYS}
    estate.views["audit_period"] = [_seen(nowhere, "audit period", "audit_period", longest_gap_days=gap_days)]


CHANGED_BY = datetime(2026, 3, 1, 2, tzinfo=UTC)
CHANGES = (
    ("creation", START, None),
    ("creation", None, None),
    ("state", datetime(2026, 6, 1, tzinfo=UTC), None),
    ("settings", None, None),
    ("rotation", None, None),
    ("destruction", None, START),
    ("removal", None, None),
    (None, None, None),
)
"""(change of one key, authorized at, approved at)."""


def _seen(row: Any, name: str, table: str, **facts: Any) -> SimpleNamespace:
    """A row of a view about a row of the inventory."""
    place = {one: getattr(row, one) for one in ("source", "scope", "evidence", "account", "region")}
    rest = {"authorized_at": None, "approved_at": None, **facts}
    return SimpleNamespace(id=name, table=table, name=getattr(row, "name", None) or name, **place, **rest)


Truth = bool | None


@dataclass(frozen=True)
class Spec:
    """A control of the factory, judged in Python: the reports are under test here, the engine is not."""

    id: str
    title: str
    stage: Stage
    severity: Severity
    over: str
    population: str
    test: str
    facts: tuple[str, ...]
    parameters: dict[str, Any]
    admits: Callable[[Any], Truth]
    passes: Callable[[Any, dict[str, Any]], Truth]
    requirements: tuple[tuple[str, str], ...]
    awaits: tuple[Topic, str] | None = None
    """The topic that a verdict waits for, and the fact that it would tell."""
    decided: Decided = Decided.AUTOMATICALLY


def _since(moment: datetime | None, days: int) -> Truth:
    return None if moment is None else moment >= AS_OF - timedelta(days=days)


def _at_most(bounds: dict[str, int], most: int) -> Truth:
    return True if bounds["at_most"] <= most else False if bounds["at_least"] > most else None


def _customer(row: Any) -> Truth:
    return bool(row.manager == "customer" and row.state == "active")


SPECS = (
    Spec("INV-01", "Everything that was asked for was read", Stage.INVENTORY, Severity.HIGH, "scope", "asked",
         "complete", ("asked", "complete"), {}, lambda r: r.asked, lambda r, p: r.complete,
         (("pci-dss-4.0.1", "12.3.3"), ("soc2", "CC2.1"), ("iso27001-2022", "A.5.9"))),
    Spec("INV-02", "Every key has an owner and a purpose", Stage.INVENTORY, Severity.LOW, "key",
         "manager = 'customer' AND state = 'active'", "owner <> '' AND business_purpose <> ''",
         ("manager", "state", "owner", "business_purpose"), {}, _customer,
         lambda r, p: bool(r.owner and r.business_purpose), (("soc2", "CC6.1"), ("iso27001-2022", "A.5.9"))),
    Spec("GEN-05", "Keys are strong enough for what they do", Stage.GENERATION, Severity.HIGH, "key",
         "manager = 'customer'", "security_bits >= $min_bits", ("manager", "security_bits", "algorithm"),
         {"min_bits": 112}, lambda r: r.manager == "customer", lambda r, p: r.security_bits >= p["min_bits"],
         (("pci-dss-4.0.1", "3.7.1"), ("gdpr", "Art. 32(1)(a)"))),
    Spec("STO-01", "Key material is protected by hardware", Stage.STORAGE, Severity.MEDIUM, "key",
         "manager = 'customer'", "protection_level = 'hsm'", ("manager", "protection_level"), {},
         lambda r: r.manager == "customer", lambda r, p: r.protection_level == "hsm",
         (("pci-dss-4.0.1", "3.6.1.2"),)),
    Spec("USE-03", "No key is open to the public", Stage.USAGE, Severity.CRITICAL, "key", "manager = 'customer'",
         "NOT public", ("manager", "public"), {}, lambda r: r.manager == "customer",
         lambda r, p: None if r.public is None else not r.public,
         (("pci-dss-4.0.1", "3.6.1"), ("soc2", "CC6.1"), ("hipaa", "164.312(a)(1)"))),
    Spec("USE-06", "Keys that nobody uses are found", Stage.USAGE, Severity.LOW, "key",
         "manager = 'customer' AND state = 'active'", "last_used_at >= $as_of - to_days($max_idle_days)",
         ("manager", "state", "last_used_at"), {"max_idle_days": 180}, _customer,
         lambda r, p: _since(r.last_used_at, p["max_idle_days"]), (("iso27001-2022", "A.8.24"),)),
    Spec("ROT-01", "Keys that can rotate by themselves do", Stage.ROTATION, Severity.HIGH, "key",
         "manager = 'customer' AND state = 'active' AND rotatable", "rotation_enabled",
         ("manager", "state", "rotatable", "rotation_enabled", "rotation_period_days"), {},
         lambda r: bool(_customer(r) and r.rotatable), lambda r, p: r.rotation_enabled,
         (("pci-dss-4.0.1", "3.7.4"), ("soc2", "CC6.1"))),
    Spec("ROT-02", "The material in use is within its cryptoperiod", Stage.ROTATION, Severity.HIGH, "key",
         "manager = 'customer' AND state = 'active'", "last_rotated_at >= $as_of - to_days($max_age_days)",
         ("manager", "state", "last_rotated_at"), {"max_age_days": 365}, _customer,
         lambda r, p: _since(r.last_rotated_at, p["max_age_days"]),
         (("pci-dss-4.0.1", "3.7.4"), ("iso27001-2022", "A.8.24"), ("hipaa", "164.312(a)(2)(iv)"))),
    Spec("SEC-02", "Secrets change within their interval", Stage.SECRETS, Severity.HIGH, "secret",
         "manager = 'customer' AND state = 'active'", "last_rotated_at >= $as_of - to_days($max_age_days)",
         ("manager", "state", "last_rotated_at"), {"max_age_days": 365}, _customer,
         lambda r, p: _since(r.last_rotated_at, p["max_age_days"]), (("soc2", "CC6.1"), ("pci-dss-4.0.1", "8.6.3"))),
    Spec("GOV-01", "Policies are approved and current", Stage.GOVERNANCE, Severity.MEDIUM, "topic",
         "topic = 'policy'", "attested_at >= $as_of - to_days($max_age_days)", ("attested_at",),
         {"max_age_days": 365}, lambda r: True, lambda r, p: _since(r.attested_at, p["max_age_days"]),
         (("soc2", "CC5.3"),), (Topic.POLICY, "attested_at"), Decided.MANUALLY),
    Spec("INV-04", "Each change was authorized", Stage.INVENTORY, Severity.MEDIUM, "change",
         "change IN ('creation', 'state', 'settings')", "authorized_at <= changed_by",
         ("change", "authorized_at", "changed_by"), {},
         lambda r: None if r.change is None else r.change in ("creation", "state", "settings"),
         lambda r, p: None if r.authorized_at is None else r.authorized_at <= r.changed_by,
         (("soc2", "CC8.1"),), (Topic.CHANGE, "authorized_at"), Decided.PARTLY),
    Spec("DES-02", "Each destruction was approved", Stage.DESTRUCTION, Severity.MEDIUM, "change",
         "change IN ('destruction', 'removal')", "approved_at <= changed_by", ("change", "approved_at", "changed_by"),
         {}, lambda r: None if r.change is None else r.change in ("destruction", "removal"),
         lambda r, p: None if r.approved_at is None else r.approved_at <= r.changed_by,
         (("soc2", "CC6.5"),), (Topic.DESTRUCTION, "approved_at"), Decided.PARTLY),
    Spec("ROT-07", "No material was used beyond its cryptoperiod", Stage.ROTATION, Severity.HIGH, "key_period",
         "true", "at_most(longest_use_days, $max_days)", ("longest_use_days",), {"max_days": 299}, lambda r: True,
         lambda r, p: _at_most(r.longest_use_days, p["max_days"]), ()),
    Spec("EVD-03", "Evidence was collected throughout the period", Stage.EVIDENCE, Severity.HIGH, "audit_period",
         "true", "at_most(longest_gap_days, $max_gap_days)", ("longest_gap_days",), {"max_gap_days": 31},
         lambda r: True, lambda r, p: _at_most(r.longest_gap_days, p["max_gap_days"]), ()),
    Spec("STO-03", "Hardware that is tampered with forgets its keys", Stage.STORAGE, Severity.HIGH, "key_store",
         "kind = 'token'", "activated", ("kind",), {}, lambda r: False, lambda r, p: True, ()),
)  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        least, most = value["at_least"], value["at_most"]
        return str(least) if least == most else f"{least} to {most}"
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _judge(estate: Estate, hostile: bool) -> tuple[list[ControlResult], list[dict[str, Any]]]:
    controls: list[ControlResult] = []
    findings: list[dict[str, Any]] = []
    gaps: dict[str, list[Gap]] = {}
    for gap in estate.of("gap"):
        gaps.setdefault(gap.subject, []).append(gap)
    for spec in SPECS:
        variants = [("default", spec.parameters)]
        if spec.id == "SEC-02":
            variants.append(("pci-dss-4.0.1", {"max_age_days": 90}))
        for variant, parameters in variants:
            made = list(_findings(estate, spec, variant, parameters, gaps, hostile))
            findings += made
            controls.append(_control(spec, variant, parameters, made))
    return controls, findings


def _findings(
    estate: Estate, spec: Spec, variant: str, parameters: dict[str, Any], gaps: dict[str, list[Gap]], hostile: bool
) -> Iterator[dict[str, Any]]:
    for row in estate.views.get(spec.over) or estate.of(spec.over):
        admitted = spec.admits(row)
        truth = spec.passes(row, parameters) if admitted else None
        verdict = (
            "inconclusive"
            if admitted is None
            else "not_applicable"
            if not admitted
            else {True: "pass", False: "fail", None: "inconclusive"}[truth]
        )
        observed = {name: _plain(getattr(row, name)) for name in spec.facts}
        missing = [g.id for g in gaps.get(row.id, []) if set(g.columns or []) & set(spec.facts)]
        name = (row.name if spec.over != "scope" else row.id) or ""
        excepted = verdict == "fail" and spec.id == "ROT-02" and "service-00030" in name
        topic, fact = spec.awaits or ("", "")
        awaits = [str(topic)] if topic and verdict == "inconclusive" and observed[fact] is None else []
        yield _finding(spec, variant, row, verdict, observed, missing, name, "EXC-7" if excepted else "", awaits)
    if spec.over == "key":
        for gap in estate.of("gap"):
            if gap.rows_missing and gap.of_table == "key":
                scope = next(s for s in estate.of("scope") if s.id == gap.scope)
                yield _finding(spec, variant, scope, "inconclusive", {}, [gap.id], scope.id, "")


def _finding(
    spec: Spec,
    variant: str,
    row: Any,
    verdict: str,
    observed: dict[str, Any],
    missing: list[str],
    name: str,
    exception: str,
    awaits: list[str] | None = None,
) -> dict[str, Any]:
    return {
        "id": short_id("FND", spec.id, variant, row.scope, row.id),
        "control": spec.id,
        "variant": variant,
        "severity": spec.severity,
        "verdict": verdict,
        "subject": row.id,
        "subject_table": row.table,
        "subject_name": name,
        "source": row.source,
        "scope": row.scope,
        "account": row.account,
        "region": row.region,
        "observed": json.dumps(observed),
        "missing": missing,
        "awaits": awaits or [],
        "exception": exception,
        "evidence": [] if verdict == "not_applicable" else row.evidence,
    }


def _control(spec: Spec, variant: str, parameters: dict[str, Any], made: list[dict[str, Any]]) -> ControlResult:
    counts = Counter(f["verdict"] for f in made)
    return ControlResult(
        id=spec.id,
        variant=variant,
        title=spec.title,
        stage=spec.stage,
        severity=spec.severity,
        decided=spec.decided,
        meaning=f"{spec.title}: what the provider states about each row is compared with the value that was set. It "
        "shows how the key store is configured; it does not show who decided so, nor whether the data it protects is "
        "classified rightly.",
        over=spec.over,
        population=spec.population,
        test=spec.test,
        population_words="Customer-managed and active" if spec.over != "scope" else "Everything that was asked for",
        test_words=spec.title,
        facts=list(spec.facts),
        parameters=[
            ParameterValue(
                name=name,
                value=value,
                source="NIST SP 800-57 Part 1 Rev. 5, section 5.3.6" if variant == "default" else "PCI DSS 8.6.3",
                set_by="catalogue" if variant == "default" else "framework",
            )
            for name, value in parameters.items()
        ],
        remediation={
            "aws": "Turn automatic rotation on (kms:EnableKeyRotation), or rotate on demand.",
            "azure": "Give the key a rotation policy with a Rotate action (`az keyvault key rotation-policy update`).",
            "gcp": "Set `rotation_period` and `next_rotation_time` on the key.",
            "vault": "Set `auto_rotate_period` on the key.",
        },
        counts=Counts(
            passed=counts["pass"],
            failed=counts["fail"],
            inconclusive=counts["inconclusive"],
            not_applicable=counts["not_applicable"],
            excepted=sum(bool(f["exception"]) for f in made),
            awaiting=sum(bool(f["awaits"]) and not f["missing"] for f in made),
        ),
        population_complete=spec.over != "key",
        requirements=[
            RequirementRef(framework=framework, requirement=requirement)
            for framework, requirement in spec.requirements
            if variant in ("default", framework)
        ],
    )


NAMES = {
    "pci-dss-4.0.1": ("PCI DSS", "4.0.1"),
    "soc2": ("SOC 2 Trust Services Criteria", "2017, points of focus 2022"),
    "iso27001-2022": ("ISO/IEC 27001", "2022"),
    "hipaa": ("HIPAA Security Rule", "45 CFR 164"),
    "gdpr": ("GDPR", "Regulation (EU) 2016/679"),
}


WITHOUT_SOURCE = ("GOV-01", "EVD-03")
"""Controls over what the organization states and the store shows, which comes from no source."""

WITHOUT_CONTROL = ("pci-dss-4.0.1", "hipaa")
"""Frameworks with a requirement for which the catalogue has no control."""


def _assessment(controls: list[ControlResult], hostile: bool) -> Assessment:
    frameworks = []
    for framework, (name, edition) in NAMES.items():
        wanted = sorted({r.requirement for c in controls for r in c.requirements if r.framework == framework})
        requirements = [_requirement(framework, requirement, controls) for requirement in wanted]
        requirements.append(
            RequirementResult(
                id="9.9.9",
                text="Key custodians acknowledge their responsibilities in writing",
                decided=Decided.MANUALLY,
                metadata="",
                remains="The signed acknowledgements of all custodians, and the list of custodians",
                controls=[],
                unavailable=["GOV-02"],
                status=Status.SUPPORTED if framework == "soc2" else Status.NEEDS_ATTESTATION,
                reason="Attested by ATT-1"
                if framework == "soc2"
                else "People decide it, and no attestation is current",
                attestations=["ATT-1"] if framework == "soc2" else [],
            )
        )
        if framework in WITHOUT_CONTROL:
            requirements.append(
                RequirementResult(
                    id="8.8.8",
                    text="Calls to decrypt are logged and kept",
                    decided=Decided.PARTLY,
                    metadata="Whether a log is kept of who used a key",
                    remains="Who reads the log",
                    controls=[],
                    unavailable=["USE-07"],
                    status=Status.INCONCLUSIVE,
                    reason="Nothing was judged: USE-07 is not in the catalogue",
                    attestations=[],
                )
            )
        frameworks.append(
            FrameworkResult(
                id=framework,
                name=name,
                edition=edition,
                note="The requirements that concern cryptographic keys and secrets, in our own words.",
                requirements=requirements,
            )
        )
    return Assessment(
        run="20260630T000000Z-abc123",
        organization="Ümlaut & Søns <b>Payments</b> Ltd" if hostile else "Northwind Payments",
        tool_version="0.1.0",
        catalogue_sha256="c" * 64,
        as_of=AS_OF,
        period_start=START,
        period_end=AS_OF,
        controls=controls,
        frameworks=frameworks,
        exceptions=[_exception("EXC-7", True, ""), _exception("EXC-8", False, "It expired on 2026-01-31")],
        attestations=[
            AttestationUsed(
                id="ATT-1",
                requirements=[RequirementRef(framework="soc2", requirement="9.9.9")],
                topic=Topic.RECONCILIATION,
                subjects=["prod/*"],
                statement="Custodians signed the form of 2026. " + (HOSTILE[3] if hostile else ""),
                document="custodians-2026.pdf",
                sha256="d" * 64,
                owner="Key management",
                approver="C. Auditor",
                date=date(2026, 3, 1),
                expires=date(2027, 3, 1),
                not_applicable=False,
                occurred=None,
                target=None,
                counts={"key": 60},
                principals_sha256="",
                valid=True,
                problem="",
            ),
            AttestationUsed(
                id="ATT-2",
                requirements=[],
                topic=Topic.COMPROMISE,
                subjects=["arn:aws:kms:*:key/leaked-*", HOSTILE[0] if hostile else "vault/keys/leaked"],
                statement="The key was replaced the day after it was found on a laptop.",
                document="incident-17.pdf",
                sha256="e" * 64,
                owner="Security",
                approver="Security",
                date=date(2026, 4, 1),
                expires=date(2027, 4, 1),
                not_applicable=False,
                occurred=date(2026, 3, 20),
                target=None,
                counts={"key": 3},
                principals_sha256="f" * 64,
                valid=False,
                problem="approved by its owner, Security; another person has to approve it",
            ),
        ],
    )


def _exception(name: str, valid: bool, problem: str) -> ExceptionUsed:
    return ExceptionUsed(
        id=name,
        control="ROT-02",
        subjects=["arn:aws:kms:*:key/*"],
        where="",
        reason="The ledger's key is replaced with the ledger in the third quarter. " + HOSTILE[1],
        owner="Ledger team",
        approver="CISO",
        compensating_control="Use is limited to one role and reviewed weekly",
        approved=date(2026, 1, 15),
        expires=date(2026, 12, 31) if valid else date(2026, 1, 31),
        document="approval-7.pdf" if valid else "",
        sha256="e" * 64 if valid else "",
        valid=valid,
        problem=problem,
        covers=1 if valid else 0,
    )


def _requirement(framework: str, requirement: str, controls: list[ControlResult]) -> RequirementResult:
    ref = RequirementRef(framework=framework, requirement=requirement)
    supporting = [c for c in controls if ref in c.requirements]
    failed = [c.id for c in supporting if c.counts.failed > c.counts.excepted]
    unknown = [c.id for c in supporting if c.counts.inconclusive]
    if failed:
        status, reason = Status.NOT_SUPPORTED, f"{', '.join(failed)} fails without a valid exception"
    elif unknown:
        status, reason = Status.INCONCLUSIVE, f"{', '.join(unknown)} could not be decided for everything in scope"
    else:
        status, reason = Status.SUPPORTED, "All that decides it passes"
    return RequirementResult(
        id=requirement,
        text=supporting[0].title,
        decided=Decided.PARTLY,
        metadata="Age of the material in use, rotation settings and their history",
        remains="The cryptoperiods that the organisation has set for its keys, and why",
        controls=[(c.id, c.variant) for c in supporting],
        unavailable=["GOV-01"],
        status=status,
        reason=reason,
        attestations=[],
    )


def _source(provider: str, configuration: dict[str, Any], *operations: tuple[str, str]) -> SourceRecord:
    facts = ["key_store.name", "key.name", "key.state", "secret.name"]
    if provider == "azure":
        facts.append("certificate.name")
    records = [OperationRecord(name=name, why=why, permission="", facts=facts) for name, why in operations]
    return SourceRecord(name=PROVIDERS[provider], type=provider, configuration=configuration, operations=records)


SOURCES = {
    "aws": _source(
        "aws",
        {"name": "prod", "regions": [*REGIONS, "me-south-1"], "organization": {"role": "Reader"}},
        ("kms:ListKeys", "lists the keys"),
        ("kms:DescribeKey", "what a key is"),
        ("kms:GetKeyPolicy", "who may use a key"),
    ),
    "azure": _source(
        "azure",
        {"name": "azure-corp", "subscriptions": "all", "services": ["vault", "managedhsm"]},
        ("keys:GetKeys", "lists the keys of a vault"),
        ("keys:GetKey", "what a key is"),
    ),
    "gcp": _source(
        "gcp",
        {"name": "gcp-org", "organization": ORGANIZATION},
        ("kms:ListKeyRings", "lists the key rings of a location"),
        ("kms:ListCryptoKeys", "what a key is"),
    ),
}


def _run(hostile: bool, providers: tuple[str, ...]) -> RunRecord:
    return RunRecord(
        id="20260630T000000Z-abc123",
        tool_version="0.1.0",
        organization="Ümlaut & Søns <b>Payments</b> Ltd" if hostile else "Northwind Payments",
        configuration_sha256="b" * 64,
        started_at=AS_OF - timedelta(minutes=40),
        finished_at=AS_OF - timedelta(minutes=18),
        state="collected",
        host="audit-runner-1",
        sources=[SOURCES[provider] for provider in providers],
        tag_names={"owner": ["owner", "team"]},
        organization_accounts=[],
    )
