"""Runs of a store, ready to be judged: recorded as the collector records, without asking anybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from benchmarks.estate import EMPTY, NOW, Account, Answer
from benchmarks.measure import KEYPROOF, measured
from evidence.observation import JSON, Observation, Status, body_digest, canonical_json, iso, observation_id
from evidence.recording import ScopeHeader, ScopeRecording
from evidence.store import Run, RunRecord, SourceRecord

SOURCE = "prod"
PAGES = {
    "kms:ListKeys": (1000, "Limit", "Marker"),
    "kms:ListAliases": (100, "Limit", "Marker"),
    "tag:GetResources": (100, "ResourcesPerPage", "PaginationToken"),
}
"""Lists over the keys: how many a page holds, and the parameters that ask for its size and its beginning."""


def write_configuration(folder: Path, **source: str) -> Path:
    """A configuration whose store is in `folder`, with all frameworks; `source` adds to the source's table."""
    path = folder / "config.toml"
    more = "".join(f'{name} = "{value}"\n' for name, value in source.items())
    path.write_text(
        f"""
[organization]
name = "Example Ltd"

[store]
url = "store"

[audit]
frameworks = ["pci-dss-4.0.1", "soc2", "iso27001-2022", "hipaa", "gdpr"]
period = {{ start = 2025-12-01, end = 2026-11-30 }}

[[source]]
type = "aws"
name = "{SOURCE}"
regions = ["{Account(0).region}"]
services = ["kms", "secretsmanager", "ssm", "cloudhsm"]
{more}"""
    )
    return path


def recorded_run(folder: Path, accounts: Sequence[Account]) -> Run:
    """A collected run in the store of `folder`, with one KMS scope for each account."""

    run = Run(folder / "store" / "runs" / f"{NOW:%Y%m%dT%H%M%SZ}-5eed00")
    for account in accounts:
        _record(run, account)
    run.write_record(
        RunRecord(
            id=run.folder.name,
            tool_version="benchmark",
            organization="Example Ltd",
            configuration_sha256="0" * 64,
            started_at=NOW - timedelta(minutes=5),
            finished_at=NOW,
            state="collected",
            host="benchmark",
            sources=[SourceRecord(name=SOURCE, type="aws", configuration={}, operations=[])],
            tag_names={"owner": ["owner"], "data_class": ["data-class"], "environment": ["environment"]},
            organization_accounts=[],
        )
    )
    return run


def _record(run: Run, account: Account) -> None:
    header = ScopeHeader(
        id=f"{SOURCE}/{account.id}/{account.region}/kms",
        source=SOURCE,
        type="aws",
        service="kms",
        account=account.id,
        account_name=account.information()["AccountName"],
        region=account.region,
        identity=account.identity,
    )
    recording = ScopeRecording(run.observations, header)
    recording.write([_observation(header, "", *exchange) for exchange in _lists(account)])
    for key in account.all_keys():
        recording.write(
            [_observation(header, key.arn, name, {"KeyId": key.arn}, answer) for name, answer in key.answers()]
        )
    recording.complete()


def _lists(account: Account) -> Iterator[tuple[str, dict[str, JSON], Answer]]:
    """The exchanges about no single key."""
    for name, (size, asks_size, asks_start) in PAGES.items():
        for start in range(0, account.keys, size):
            parameters: dict[str, JSON] = {asks_size: size, **({asks_start: str(start)} if start else {})}
            yield name, parameters, account.page(name, start, size)
    yield "kms:DescribeCustomKeyStores", {"Limit": 100}, EMPTY["kms:DescribeCustomKeyStores"]


def _observation(
    header: ScopeHeader, subject: str, operation: str, parameters: dict[str, JSON], answer: Answer
) -> Observation:
    body = canonical_json(answer)
    return Observation(
        id=observation_id(header.id, operation, parameters),
        source=header.source,
        scope=header.id,
        subject=subject,
        operation=operation,
        parameters=dict(parameters),
        requested_at=iso(NOW - timedelta(seconds=60)),
        received_at=iso(NOW - timedelta(seconds=60)),
        status=Status.OK,
        error="",
        request_id="",
        attempts=1,
        identity=header.identity,
        body=body,
        sha256=body_digest(body),
    )


ACCOUNTS = ("111122223333", "444455556666")
REGIONS = ("eu-west-1", "us-east-1")


def assessed_run(folder: Path, keys: int) -> tuple[Path, Run]:
    """The configuration and a judged run of that many keys, in two accounts with two regions each."""
    folder.mkdir(parents=True, exist_ok=True)
    configuration = write_configuration(folder)
    places = [(account, region) for account in ACCOUNTS for region in REGIONS]
    run = recorded_run(folder, [Account(keys // len(places), id=id, region=region) for id, region in places])
    measured([KEYPROOF, "assess", "-c", str(configuration), "--quiet"])
    return configuration, run
