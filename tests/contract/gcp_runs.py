"""Collections from the embedded Google Cloud, and the rows that they come to."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import collected as recorded
from normalizing import Recordings, Scope
from small_gcp import HOME, ORGANIZATION, OTHER, served, shared_world, small_world

from collectors.gcp.collect import GcpCollector
from collectors.gcp.configuration import GcpConfiguration
from collectors.gcp.normalize import SERVICES, normalize
from collectors.gcp.operations import OPERATIONS
from collectors.source import Settings
from evidence.model import Row
from evidence.recording import ScopeHeader
from keyproof.collection import Collection
from keyproof.configuration import DEFAULT_TAGS
from keyproof.demo.gcp.embedded import TOKEN_OPERATION, EmbeddedGoogleCloud

SETTINGS = Settings(
    tag_names={fact: tuple(names) for fact, names in DEFAULT_TAGS.items()}, organization_accounts=("example.com",)
)
ONE_BY_ONE: Mapping[str, Any] = {"asset_inventory": False}
BY_PROJECT: Mapping[str, Any] = {"organization": None, "projects": [HOME, OTHER], "asset_inventory": False}
BY_FOLDER: Mapping[str, Any] = {
    "organization": None,
    "folders": [name.rpartition("/")[2] for name in small_world().folders],
}


class Collected(recorded.Collected):
    """The scopes of a collection, read back from its files."""

    def rows(self, settings: Settings = SETTINGS) -> list[Row]:
        """What the normalize half makes of it."""
        return self.normalized(normalize, settings)


def configuration(cloud: EmbeddedGoogleCloud, transport: str = "grpc", **more: Any) -> GcpConfiguration:
    """A source that reads the whole world. `more` are further settings; None takes one away."""
    table = {**cloud.source("prod", transport), "attempts": 1, "timeout_seconds": 5, **more}
    del table["type"]
    return GcpConfiguration.model_validate({name: value for name, value in table.items() if value is not None})


def collected(
    cloud: EmbeddedGoogleCloud,
    folder: Path | None = None,
    *,
    transport: str = "grpc",
    sample: int | None = None,
    **more: Any,
) -> Collected:
    """Collect, and read back what was recorded."""
    place = folder or Path(tempfile.mkdtemp(prefix="keyproof-gcp-"))
    collector = GcpCollector(configuration(cloud, transport, **more), sample)
    Collection(place, {"gcp": OPERATIONS}, concurrency=8).run(collector.start())
    return Collected(place)


def asked(cloud: EmbeddedGoogleCloud) -> Counter[str]:
    """How often each operation was asked for, tokens left aside."""
    requests = cloud.requests
    del requests[TOKEN_OPERATION]
    return requests


def told(rows: list[Row], table: str, *leave_out: str) -> dict[str, dict[str, Any]]:
    """The rows of a table by id, without what says where and by which observations they were read."""
    skipped = {"id", "scope", "evidence", *leave_out}
    return {
        row.id: {name: getattr(row, name) for name in row.__dataclass_fields__ if name not in skipped}
        for row in rows
        if row.table == table
    }


def gaps(rows: list[Row], kind: str) -> Iterator[Any]:
    """The gaps of one kind."""
    return (row for row in rows if row.table == "gap" and row.kind == kind)  # type: ignore[attr-defined]


def header(service: str) -> ScopeHeader:
    """Of a scope that nobody has collected."""
    return ScopeHeader(id=f"prod/{HOME}/global/{service}", source="prod", type="gcp", service=service, account=HOME)


@cache
def _scopes() -> Sequence[Scope]:
    """Those of the small Google Cloud, collected in each way in which it can be; one where two ways ask alike."""
    with served(world=shared_world()) as cloud:
        runs = [collected(cloud, **more) for more in ({}, ONE_BY_ONE, BY_PROJECT, BY_FOLDER)]
    found: dict[tuple[object, ...], Scope] = {}
    for run in runs:
        for scope, header in run.headers.items():
            made = run.scopes[scope]
            answers = sorted((one.operation, one.subject, one.body) for one in made)
            found.setdefault((scope, *answers), Scope(header, made))
    return list(found.values())


RECORDINGS = Recordings(
    type="gcp",
    services=tuple(SERVICES),
    settings=SETTINGS,
    header=header,
    recorded=lambda service: [scope for scope in _scopes() if scope.header.service == service],
    refusal=("PERMISSION_DENIED: no", '{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}'),
    plausible=(
        "{}",
        '{"keyRings": 7, "assets": {}, "bindings": "x"}',
        '{"crypto_keys": [{}], "assets": [{}], "crypto_key_versions": [null]}',
        '{"bindings": [{"role": "roles/owner", "members": [[]]}]}',
        '{"next_page_token": "again", "total_size": "99999999999999999999"}',
    ),
    hostile=("999999999999s", "projects/../..", "9999-12-31T23:59:59.999999999Z"),
    sdk=("google", "grpc"),
    opening=("organization", "folder", "project"),
    told_at_once=("asset:ListAssets",),
    spare=(
        "asset:SearchAllResources",
        *(f"resourcemanager:{name}" for name in ("GetOrganization", "GetFolder", "GetProject", "ListFolders")),
    ),
    always_asked=("resourcemanager:GetIamPolicy",),
    left_open=(f"the permissions of the role organizations/{ORGANIZATION}/roles/keyCustodian are not known",),
)
