"""Rows with every fact observed, to be changed where a test needs it, and an assessment of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pyarrow import parquet

from controls.catalogue import Catalogue
from controls.engine import assess
from controls.register import AttestationRecord, ExceptionRecord
from controls.views.view import CONFIGURED, MOMENT
from evidence.findings import Assessment
from evidence.history import HISTORY, SETTINGS, PastRun, Reading, Sighting, write_empty
from evidence.inventory import InventoryWriter
from evidence.model import (
    BOOKKEEPING,
    NEVER,
    TABLES,
    Access,
    Account,
    Certificate,
    Credential,
    Gap,
    GapKind,
    Key,
    KeyStore,
    KeyVersion,
    ProtectedResource,
    Row,
    Scope,
    Secret,
    arrow_schema,
    columns,
)
from evidence.observation import short_id

AS_OF = datetime(2026, 6, 30, tzinfo=UTC)
START = datetime(2025, 7, 1, tzinfo=UTC)
PERIOD = (START, AS_OF)
ACCOUNT, REGION = "111122223333", "eu-west-1"

FILL: dict[str, Any] = {"boolean": False, "integer": 0, "timestamp": NEVER, "list of string": []}


def days_before(days: int) -> datetime:
    return AS_OF - timedelta(days=days)


def _row(model: type[Row], facts: dict[str, Any]) -> Any:
    values: dict[str, Any] = {"source": "prod", "evidence": [f"OBS-{facts['id']}"[:40]]}
    for column in columns(model):
        if column.name not in BOOKKEEPING:
            values[column.name] = FILL.get(column.type, column.values[0] if column.values else "")
    return model(**{**values, **facts})


def scope(account: str = ACCOUNT, region: str = REGION, service: str = "kms", **facts: Any) -> Scope:
    name = f"prod/{account}/{region}/{service}"
    own = {"id": name, "scope": name, "provider": "aws", "account": account, "region": region, "service": service}
    return _row(Scope, {**own, "asked": True, "reached": True, "complete": True, "collected_at": AS_OF, **facts})


def key(number: int = 1, account: str = ACCOUNT, region: str = REGION, **facts: Any) -> Key:
    own = {
        "id": f"arn:aws:kms:{region}:{account}:key/{number:04}",
        "scope": f"prod/{account}/{region}/kms",
        "name": f"alias/service-{number}",
        "aliases": [f"alias/service-{number}"],
        "account": account,
        "region": region,
        "key_store": f"arn:aws:kms:{region}:{account}",
        "manager": "customer",
        "state": "active",
        "key_type": "symmetric data encryption",
        "algorithm": "AES",
        "bits": 256,
        "security_bits": 256,
        "usages": ["encrypt"],
        "regions": [region],
        "created_at": days_before(100),
        "last_rotated_at": days_before(50),
        **facts,
    }
    return _row(Key, {"material_known_at": own["last_rotated_at"], **own})


def store(of: Key | Secret, **facts: Any) -> KeyStore:
    """The store that holds a key or secret."""
    own = {"id": of.key_store, "scope": of.scope, "account": of.account, "region": of.region}
    return _row(KeyStore, {**own, **facts})


def version(of: Key, number: int = 1, **facts: Any) -> KeyVersion:
    own = {"id": f"{of.id}#{number}", "scope": of.scope, "key": of.id, "created_at": days_before(100)}
    return _row(KeyVersion, {**own, "superseded_at": NEVER, **facts})


def access(of: Key | Secret, principal: str, capability: str, *, store: bool = False, **facts: Any) -> Access:
    """What a principal may do with a key or secret, or, with `store`, with the whole store that holds it."""
    subject = of.key_store if store else of.id
    name = short_id("ACC", of.scope, subject, principal, capability)
    own = {"id": name, "scope": of.scope, "subject": subject, "principal": principal, "capability": capability}
    return _row(Access, {**own, "principal_kind": "undecided", "conditions": "{}", **facts})


def secret(number: int = 1, account: str = ACCOUNT, region: str = REGION, **facts: Any) -> Secret:
    own = {
        "id": f"arn:aws:secretsmanager:{region}:{account}:secret:{number:04}",
        "scope": f"prod/{account}/{region}/secretsmanager",
        "name": f"secret-{number}",
        "kind": "secret",
        "account": account,
        "region": region,
        "key_store": f"arn:aws:secretsmanager:{region}:{account}",
        "manager": "customer",
        "state": "active",
        "rotation_result": "succeeded",
        "regions": [region],
        "created_at": days_before(100),
        "last_rotated_at": days_before(50),
    }
    return _row(Secret, {**own, **facts})


def _thing(model: type[Row], service: str, name: str, account: str, region: str, facts: dict[str, Any]) -> Any:
    """Something of a service in an account and region."""
    place = {"id": f"arn:aws:{service}:{region}:{account}:{name}", "scope": f"prod/{account}/{region}/{service}"}
    return _row(model, {**place, "account": account, "region": region, **facts})


def certificate(number: int = 1, account: str = ACCOUNT, region: str = REGION, **facts: Any) -> Certificate:
    own = {
        "name": f"www-{number}.example.com",
        "subject": f"CN=www-{number}.example.com",
        "issuer": "CN=Example CA",
        "manager": "customer",
        "state": "active",
        "in_use": True,
        "activated_at": days_before(100),
        "expires_at": days_before(-100),
    }
    return _thing(Certificate, "acm", f"certificate/{number:04}", account, region, {**own, **facts})


def account(number: int = 1, **facts: Any) -> Account:
    name = f"{number:012}"
    return _row(Account, {"id": name, "scope": f"prod/{name}/global/iam", "name": f"account {number}", **facts})


def credential(number: int = 1, account: str = ACCOUNT, **facts: Any) -> Credential:
    own = {
        "id": f"AKIA{number:016}",
        "scope": f"prod/{account}/global/iam",
        "account": account,
        "kind": "access_key",
        "manager": "customer",
        "state": "active",
        "created_at": days_before(60),
        "last_rotated_at": days_before(60),
        "used": True,
        "last_used_at": days_before(1),
    }
    return _row(Credential, {**own, **facts})


def resource(number: int = 1, account: str = ACCOUNT, region: str = REGION, **facts: Any) -> ProtectedResource:
    own = {"name": f"database {number}", "kind": "RDS instance", "service": "rds", "encrypted": True}
    return _thing(ProtectedResource, "datastores", f"db:{number}", account, region, {**own, **facts})


def column_gap(of: Row, *names: str, everywhere: bool = False, operation: str = "kms:Some") -> Gap:
    """A gap that leaves columns of a row, or of every row of its table and scope, unknown."""
    return _gap(of.scope, of.table, "" if everywhere else of.id, operation, sorted(names), False)


def rows_gap(scope: str, table: str, subject: str = "", operation: str = "kms:List") -> Gap:
    """A gap that leaves it open whether `table` has more rows, of `subject` or of the scope."""
    return _gap(scope, table, subject, operation, [], True)


def _gap(scope: str, table: str, subject: str, operation: str, names: list[str], rows_missing: bool) -> Gap:
    return Gap(
        id=short_id("GAP", scope, table, subject, operation, *names),
        source="prod",
        scope=scope,
        evidence=["OBS-refused"],
        operation=operation,
        kind=GapKind.REFUSED,
        error="AccessDenied",
        of_table=table,
        subject=subject,
        columns=names,
        rows_missing=rows_missing,
    )


CONFIGURATION = "as today"
"""What stands for the digest of the source's configuration."""


def past_run(number: int = 0, **facts: Any) -> PastRun:
    """A run of the store before the one that is judged."""
    own = {"id": f"run-{number}", "source": "", "scope": "", "started_at": START, "finished_at": START}
    return _row(PastRun, {**own, **facts})


def reading(at: datetime, scope: str = f"prod/{ACCOUNT}/{REGION}/kms", **facts: Any) -> Reading:
    """One scope as an earlier run read it."""
    run = f"{at:%Y%m%dT%H%M%SZ}"
    own = {"id": f"{scope}@{run}", "scope": scope, "run": run, "asked": True, "complete": True, "listed": True}
    own |= {"collected_at": at, "configuration": CONFIGURATION}
    return _row(Reading, {**own, **facts})


def sighting(of: Key | Secret, at: datetime, **facts: Any) -> Sighting:
    """A key or secret as an earlier run saw it."""
    told = {name: getattr(of, name) for name in SETTINGS[of.table]}
    same = ("id", "source", "scope", "name", "state", "created_at", "last_rotated_at")
    own = {
        **{name: getattr(of, name) for name in same},
        "of_table": of.table,
        "first_run": f"{at:%Y%m%dT%H%M%SZ}",
        "last_run": f"{at:%Y%m%dT%H%M%SZ}",
        "seen_from": at,
        "seen_until": at,
        "untold": [],
        "settings": json.dumps({name: _as_text(value) for name, value in told.items() if value is not None}),
    }
    return _row(Sighting, {**own, **facts})


def _as_text(value: object) -> object:
    """A time as the database writes it into JSON."""
    return f"{value:%Y-%m-%d %H:%M:%S+00}" if isinstance(value, datetime) else value


def write_history(folder: Path, rows: Iterable[Row]) -> None:
    """What earlier runs show, where `judge` looks for it."""
    write_empty(folder / "history")
    given = list(rows)
    for name, table in HISTORY.items():
        made = _table(table, [row for row in given if row.table == name])
        parquet.write_table(made, folder / "history" / f"{name}.parquet")


def load(
    database: duckdb.DuckDBPyConnection, rows: Iterable[Row], start: datetime, stop: datetime, as_of: datetime
) -> None:
    """Make the tables of an inventory and its history that views are made of, with these rows."""
    given = list(rows)
    for name, model in {**HISTORY, **TABLES}.items():
        database.register(name, _table(model, [row for row in given if row.table == name]))
    moments = "SELECT $1::TIMESTAMPTZ AS period_start, $2::TIMESTAMPTZ AS period_end, $3::TIMESTAMPTZ AS as_of"
    database.execute(f"CREATE OR REPLACE TABLE {MOMENT} AS {moments}", [start, stop, as_of])
    configured = "SELECT 'prod' AS source, $1 AS configuration"
    database.execute(f"CREATE OR REPLACE TABLE {CONFIGURED} AS {configured}", [CONFIGURATION])


def _table(model: type[Row], rows: Sequence[Row]) -> pa.Table:
    schema = arrow_schema(model)
    return pa.table(
        [pa.array([getattr(row, field.name) for row in rows], field.type) for field in schema], schema=schema
    )


def attestation(topic: str, says: Mapping[str, Any] | None = None, **facts: Any) -> AttestationRecord:
    """An attestation of a topic that counts; `says` is what a view makes of it, such as `attested_at`."""
    told = {name: value.date() for name, value in (says or {}).items() if isinstance(value, datetime)}
    counted = {"finding": says["open_findings"]} if says and "open_findings" in says else {}
    own: dict[str, Any] = {
        "id": f"ATT-{topic}",
        "topic": topic,
        "requirements": [],
        "subjects": ["*"],
        "statement": "Done.",
        "document": "document.txt",
        "sha256": "0" * 64,
        "document_problem": "",
        "owner": "Ada",
        "approver": "Grace",
        "date": told.get("attested_at", days_before(10).date()),
        "expires": AS_OF.date() + timedelta(days=100),
        "not_applicable": False,
        "occurred": None,
        "target": None,
        "counts": counted,
        "principals_sha256": "",
    }
    return AttestationRecord(**{**own, **facts})


def exception(control: str = "ROT-02", **facts: Any) -> ExceptionRecord:
    """An exception that counts."""
    own: dict[str, Any] = {
        "id": "EXC-1",
        "control": control,
        "subjects": ["*"],
        "where": "",
        "reason": "The appliance cannot follow.",
        "owner": "Ada",
        "approver": "Grace",
        "compensating_control": "Each use is reviewed.",
        "approved": days_before(10).date(),
        "expires": AS_OF.date() + timedelta(days=100),
        "document": "",
        "sha256": "",
        "document_problem": "",
    }
    return ExceptionRecord(**{**own, **facts})


@dataclass(frozen=True)
class Judged:
    """An assessment and its findings."""

    assessment: Assessment
    findings: list[dict[str, Any]]

    def of(self, control: str, subject: str = "", variant: str = "default") -> list[dict[str, Any]]:
        return [
            finding
            for finding in self.findings
            if finding["control"] == control
            and finding["variant"] == variant
            and (not subject or finding["subject"] == subject)
        ]

    def verdict(self, control: str, subject: str, variant: str = "default") -> str:
        """The verdict on a row; a scope's own finding about missing rows is not one."""
        (finding,) = [f for f in self.of(control, subject, variant) if f["observed"] != "{}"]
        return str(finding["verdict"])

    def status(self, framework: str, requirement: str) -> str:
        results = {result.id: result for result in self.assessment.frameworks}
        return next(str(r.status) for r in results[framework].requirements if r.id == requirement)


def only(catalogue: Catalogue, control: str) -> Catalogue:
    """The catalogue with one control and no framework, which is judged in a fraction of the time."""
    return replace(catalogue, controls={control: catalogue.controls[control]}, frameworks={})


def judge(folder: Path, catalogue: Catalogue, rows: Iterable[Row], **arguments: Any) -> Judged:
    """Write the rows as an inventory below `folder` and assess it."""
    with InventoryWriter(folder / "inventory") as writer:
        for row in rows:
            writer.add(row)
    return judge_again(folder, catalogue, **arguments)


def judge_again(
    folder: Path, catalogue: Catalogue, out: str = "out", frameworks: Sequence[str] = (), **arguments: Any
) -> Judged:
    """Assess the inventory that `judge` wrote below `folder`."""
    given: dict[str, Any] = {
        "as_of": AS_OF,
        "period": PERIOD,
        "overrides": {},
        "exceptions": [],
        "attestations": [],
        "configurations": {"prod": CONFIGURATION},
        "run": "run-1",
        "organization": "Example",
        "tool_version": "1",
    }
    if not (folder / "history").is_dir():
        write_empty(folder / "history")
    assessment = assess(
        inventory=folder / "inventory",
        history=folder / "history",
        out=folder / out,
        catalogue=catalogue,
        frameworks=list(frameworks),
        **{**given, **arguments},
    )
    return Judged(assessment, parquet.read_table(folder / out / "findings.parquet").to_pylist())
