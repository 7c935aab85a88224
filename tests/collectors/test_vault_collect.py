"""The collect half against a real OpenBao: what is asked and recorded, and what is never sent."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from collected import Collected
from small_vault import served
from vault_runs import collected, configuration, gaps, of_table, rows

from collectors.questions import Questions
from collectors.source import Batch, CredentialError, UndeclaredOperation
from collectors.vault.collect import DEEPEST_FOLDER, DEEPEST_NAMESPACE, VaultCollector
from collectors.vault.credentials import ambient_seat
from collectors.vault.operations import OPERATIONS
from collectors.vault.routes import ROUTES
from collectors.vault.wire import Inquiry
from evidence.observation import Status, body_digest
from evidence.recording import ScopeRecording
from keyproof.collection import Collection, Progress
from keyproof.demo.faults import Fault
from keyproof.demo.vault.embedded import TOKEN_VARIABLE, EmbeddedVault
from keyproof.demo.vault.faults import UNSUPPORTED, Request, Rule, answered
from keyproof.demo.vault.server import Server

NAMESPACES = ("root", "team-a", "own")
PER_SECRET = [Rule(operation="kv:ListDetailedMetadata", answer=UNSUPPORTED)]
"""As HashiCorp Vault answers, which has no lists with metadata."""

Run = tuple[Collected, Counter[str]]


@pytest.fixture(scope="module")
def run() -> Run:
    with served() as vault:
        return collected(vault), _declared(vault)


def _declared(vault: EmbeddedVault) -> Counter[str]:
    """How often each operation was asked for, the login left aside."""
    return Counter({name: number for name, number in vault.requests.items() if name})


@contextmanager
def _own(seed: Callable[[Server], None]) -> Iterator[EmbeddedVault]:
    """A server of a test's own, which the test may seal."""
    with EmbeddedVault(seed) as vault:
        os.environ.update(vault.credentials)
        try:
            yield vault
        finally:
            del os.environ[TOKEN_VARIABLE]


def _few(server: Server) -> None:
    server.write("sys/mounts/transit", {"type": "transit"})
    server.write("sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
    for number in range(4):
        server.write(f"transit/keys/key-{number}", {})
        server.write(f"secret/data/folder-{number}/secret", {"data": {"value": "x"}})


def test_every_mount_of_every_namespace_is_a_scope_of_its_own(run: Run) -> None:
    mounts = {f"prod/{name}/{mount}" for name in NAMESPACES for mount in ("transit/transit", "secret/kv", "kv/kv-v1")}
    mounts |= {f"prod/root/{name}/{name}" for name in ("pki", "ssh", "database")}
    assert set(run[0].scopes) == {"prod/root/vault", *(f"prod/{name}/namespace" for name in NAMESPACES), *mounts}
    header = run[0].headers["prod/team-a/transit/transit"]
    assert (header.account, header.region, header.service, header.type) == ("team-a", "global", "transit", "vault")
    assert {observation.identity for observation in run[0].observations} == {header.identity}
    assert header.identity == "token-keyproof (auth/token/create)"


def test_every_exchange_is_recorded_once_and_whole(run: Run) -> None:
    recorded, requests = run
    assert Counter(observation.operation for observation in recorded.observations) == requests
    assert recorded.statuses() == {Status.OK}
    assert len({observation.id for observation in recorded.observations}) == len(recorded.observations)
    for observation in recorded.observations:
        assert observation.sha256 == body_digest(observation.body)
        assert isinstance(json.loads(observation.body), dict)
        assert observation.attempts == 1


def test_a_folder_costs_one_request_where_lists_hold_the_metadata(run: Run) -> None:
    assert run[1]["kv:ListDetailedMetadata"] == 4 * len(NAMESPACES), "the mount, app/, app/deep/ and app/deep/er/"
    assert not {"kv:ListMetadata", "kv:ReadMetadata"} & set(run[1])


def test_secret_by_secret_comes_to_the_same_rows(run: Run) -> None:
    with served(PER_SECRET) as vault:
        one_by_one, requests = collected(vault), _declared(vault)
    assert requests["kv:ListDetailedMetadata"] == len(NAMESPACES), "each mount is asked once"
    assert requests["kv:ListMetadata"] == 4 * len(NAMESPACES)
    assert requests["kv:ReadMetadata"] == 7 * len(NAMESPACES)
    assert gaps(rows(one_by_one)) == []
    told, asked = (of_table(rows(found), "secret") for found in (run[0], one_by_one))
    assert set(told) == set(asked)
    for id, row in told.items():
        row.evidence = asked[id].evidence
    assert told == asked


def test_a_refused_list_with_metadata_is_a_gap_though_all_is_read_otherwise(run: Run) -> None:
    with served([Rule(fault=Fault.REFUSE, operation="kv:ListDetailedMetadata")]) as vault:
        found = rows(collected(vault))
    assert {gap.operation for gap in gaps(found)} == {"kv:ListDetailedMetadata"}
    assert {(gap.of_table, tuple(gap.columns)) for gap in gaps(found)} == {("scope", ("complete",))}
    assert set(of_table(found, "secret")) == set(of_table(rows(run[0]), "secret"))


def test_a_sample_asks_about_one_of_each(run: Run) -> None:
    with served(PER_SECRET) as vault:
        collected(vault, sample=1)
        requests = _declared(vault)
    assert requests["transit:ReadKey"] == requests["kv:ReadMetadata"] == len(NAMESPACES)


def test_only_the_named_mounts_are_read() -> None:
    with served() as vault:
        run = collected(vault, mounts=["secret", "team-a/transit"])
    read = {name for name in run.scopes if name.count("/") == 3}
    assert read == {"prod/root/secret/kv", "prod/team-a/transit/transit"}
    assert gaps(rows(run)) == []


@pytest.mark.parametrize("mount", ["transti", "team-a/transti", "nowhere/transit"])
def test_a_named_mount_that_is_not_there_is_a_gap(mount: str) -> None:
    with served() as vault:
        found = rows(collected(vault, mounts=["secret", mount]))
    assert {gap.of_table for gap in gaps(found)} == {"scope", "key", "key_version"}
    assert len({gap.scope for gap in gaps(found)}) == 1


def test_mounts_are_named_from_the_namespace_on() -> None:
    with served() as vault:
        run = collected(vault, mounts=["transit"], namespace="team-a")
    assert {name for name in run.scopes if name.count("/") == 3} == {"prod/team-a/transit/transit"}
    assert gaps(rows(run)) == []


def test_a_source_can_begin_below_the_root() -> None:
    with served() as vault:
        run = collected(vault, namespace="team-a")
    assert {name.split("/")[1] for name in run.scopes} == {"root", "team-a"}
    assert gaps(rows(run)) == []


# --- what is never sent ---------------------------------------------------------------------------------------------


def test_an_undeclared_operation_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with served() as vault:
        [task] = VaultCollector(configuration(vault)).start()
        before = len(vault.calls)
        batch = Batch(ScopeRecording(tmp_path, task.scope), "", OPERATIONS)
        ask = Questions(Inquiry(ambient_seat(configuration(vault)), task.scope), batch)
        asked = len(vault.calls)
        for operation in ("transit:ExportKey", "kv:ReadData", "sys:Seal"):
            with pytest.raises(UndeclaredOperation):
                ask.one(operation, {"mount": "secret/", "path": "plain", "name": "exportable"})
        assert before < asked == len(vault.calls)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("get", "/v1/secret/data/plain"),
        ("get", "/v1/transit/export/encryption-key/exportable"),
        ("get", "/v1/transit/backup/backup"),
        ("get", "/v1/kv/top"),
        ("put", "/v1/sys/seal"),
        ("post", "/v1/transit/keys/new"),
        ("delete", "/v1/secret/metadata/plain"),
        ("get", "/v1/sys/mounts"),
    ],
)
def test_the_session_lets_out_what_was_announced_alone(verb: str, path: str) -> None:
    with served() as vault:
        seat = ambient_seat(configuration(vault))
        asked = len(vault.calls)
        with pytest.raises(UndeclaredOperation):
            seat._adapter.request(verb, path)
        assert len(vault.calls) == asked


def test_all_operations_are_reads() -> None:
    assert set(ROUTES) == set(OPERATIONS)
    assert {route.verb for route in ROUTES.values()} == {"GET", "LIST"}
    values = re.compile(r"/(data|export|backup|creds|decrypt|sign|hmac|wrapping_key)(/|$)")
    assert not [route.path for route in ROUTES.values() if values.search(route.path)]


HOSTILE_NAMES = ["..", ".", "../../secret/data/plain", "a/../../sys", "", "a/b", "plain/../../data/plain"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_that_leads_elsewhere_is_not_asked_about(name: str) -> None:
    listed = answered(200, {"data": {"keys": [name, "old"]}})
    with served(
        [Rule(operation=op, answer=listed) for op in ("transit:ListKeys", "kv:ListMetadata")] + PER_SECRET
    ) as v:
        run = collected(v)
        paths = {call.path for call in v.calls}
    assert not [path for path in paths if "data/plain" in path and "metadata/plain" not in path]
    asked = {path for path in paths if path.startswith(("transit/keys/", "team-a/transit/keys/"))}
    assert asked <= {"transit/keys/old", "transit/keys"}
    unsent = [o for o in run.observations if o.error.startswith("NotSent")]
    assert bool(unsent) == bool(name)
    assert {o.attempts for o in unsent} <= {0}


@pytest.mark.parametrize("name", ["a/\n", "half \ud800", "ünï", "a b", "", "/", ".."])
def test_a_namespace_that_no_header_can_carry_is_a_gap(name: str) -> None:
    listed = answered(200, {"data": {"keys": [f"{name}/"]}})
    with served([Rule(operation="sys:ListNamespaces", namespace="", answer=listed)]) as vault:
        run = collected(vault)
    below = [header for header in run.headers.values() if header.account != "root"]
    assert bool(below) == bool(name.strip("/"))
    for header in below:
        assert Status.OK not in {o.status for o in run.scopes[header.id] if "namespace" in o.parameters}


def test_a_tree_without_end_is_left() -> None:
    deeper = answered(200, {"data": {"keys": ["a/"], "key_info": {}}})
    rules = [Rule(operation="kv:ListDetailedMetadata", answer=deeper), Rule(operation="kv:ListSecrets", answer=deeper)]
    with served(rules) as vault:
        found = rows(collected(vault, mounts=["secret", "kv"], namespace="team-a"))
        assert vault.requests["kv:ListSecrets"] == DEEPEST_FOLDER + 1
    scope = of_table(found, "scope")["prod/team-a/secret/kv"]
    assert (scope.complete, scope.listed) == (None, None)
    assert any(gap.rows_missing and gap.of_table == "secret" for gap in gaps(found))


def test_namespaces_without_end_are_left() -> None:
    deeper = answered(200, {"data": {"keys": ["a/"]}})
    mounts = answered(200, {"data": {}})
    rules = [Rule(operation="sys:ListNamespaces", answer=deeper), Rule(operation="sys:ListMounts", answer=mounts)]
    with served(rules) as vault:
        run = collected(vault)
    assert len([name for name in run.scopes if name.endswith("/namespace")]) == DEEPEST_NAMESPACE + 1
    assert [gap for gap in gaps(rows(run)) if gap.operation == "sys:ListNamespaces"]


# --- what goes wrong outside ----------------------------------------------------------------------------------------


def test_a_vault_that_is_sealed_half_way_leaves_gaps_and_no_guesses(tmp_path: Path) -> None:
    with _own(_few) as vault:
        whole = collected(vault, tmp_path / "whole")

        def seal(request: Request) -> None:
            if vault.requests["transit:ReadKey"] == 2:
                vault.server.write("sys/seal")

        vault.faults = seal
        vault.calls.clear()
        run = collected(vault, tmp_path / "half")
        vault.faults = ()
    told, found = rows(whole), rows(run)
    assert gaps(told) == []
    failed = {o.error for o in run.observations if o.status is Status.FAILED}
    assert failed
    assert all("sealed" in error for error in failed)
    assert {o.attempts for o in run.observations} == {1}, "no further try opens a Vault"
    unread = [gap for gap in gaps(found) if gap.of_table == "key"]
    assert unread
    for id, row in of_table(found, "key").items():
        known = of_table(told, "key")[id]
        for column in ("state", "created_at", "extractable", "rotation_enabled"):
            assert getattr(row, column) in (None, getattr(known, column))


def test_a_sealed_vault_still_tells_that_it_is(tmp_path: Path) -> None:
    with _own(_few) as vault:
        vault.server.write("sys/seal")
        run = collected(vault, tmp_path)
    found = rows(run)
    store = of_table(found, "key_store")["vault://prod/"]
    assert (store.activated, store.kek_apart, store.kek_security_bits) == (False, True, 256)
    assert {o.operation for o in run.observations if o.ok} == {"sys:ReadSealStatus", "sys:ReadHealth"}
    assert {gap.of_table for gap in gaps(found) if gap.rows_missing} >= {"key", "key_version", "key_store", "secret"}


def test_a_token_revoked_between_two_reads_leaves_refusals(tmp_path: Path) -> None:
    with _own(_few) as vault:

        def revoke(request: Request) -> None:
            if vault.requests["transit:ReadKey"] == 2:
                vault.server.write("auth/token/revoke", {"token": vault.token})

        vault.faults = revoke
        run = collected(vault, tmp_path)
        vault.faults = ()
    assert run.statuses() == {Status.OK, Status.REFUSED}
    assert {gap.kind for gap in gaps(rows(run))} == {"refused"}


def test_a_standby_is_told_and_gets_no_token_for_another_server() -> None:
    elsewhere = answered(307, {}, Location="https://active.example.com:8200/v1/sys/mounts")
    with served([Rule(operation="sys:ListMounts", answer=elsewhere)]) as vault:
        run = collected(vault)
    [observation] = run.of("sys:ListMounts", "prod/root/namespace")
    assert observation.status is Status.FAILED
    assert "https://active.example.com:8200" in observation.error
    assert "no active node" in observation.error


@pytest.mark.parametrize("status", [429, 412, 500, 502, 503, 504])
def test_what_passes_is_tried_again(status: int) -> None:
    busy = answered(status, {"errors": ["busy"]})
    with served([Rule(operation="sys:ReadKeyStatus", calls={1}, answer=busy)]) as vault:
        run = collected(vault, attempts=2, mounts=["nothing"], namespace="own")
    [observation] = run.of("sys:ReadKeyStatus", "prod/root/vault")
    assert (observation.status, observation.attempts) == (Status.OK, 2)


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.STOP, Fault.HTML, Fault.CLOSE, Fault.WRONG_TYPES, Fault.SURROGATES])
def test_an_unusable_answer_is_a_gap(fault: Fault) -> None:
    with served([Rule(fault=fault, operation="transit:ListKeys")]) as vault:
        found = rows(collected(vault, mounts=["transit"]))
    if fault is Fault.SURROGATES:
        made = [row for id, row in of_table(found, "key").items() if "/transit/" in id]
        assert made
        assert {row.state for row in made} == {None}, "the names that were told are no names of keys"
    else:
        assert {gap.of_table for gap in gaps(found) if gap.rows_missing} == {"key", "key_version"}


def test_an_answer_that_does_not_come_is_a_gap() -> None:
    with served([Rule(fault=Fault.HANG, operation="sys:ListNamespaces")]) as vault:
        run = collected(vault, mounts=["nothing"], namespace="own", timeout_seconds=0.3)
    [observation] = run.of("sys:ListNamespaces")
    assert observation.status is Status.FAILED
    assert "Timeout" in observation.error


def test_a_server_that_nobody_reaches_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "s.token")
    with served() as vault:
        told = configuration(vault, ca_file=None, url="https://127.0.0.1:9", attempts=2)
    collection = Collection(tmp_path, {"vault": OPERATIONS}, concurrency=2)
    monkeypatch.setenv(TOKEN_VARIABLE, "s.token")
    run = Collected(tmp_path, collection.run(VaultCollector(told).start()))
    assert run.statuses() == {Status.FAILED}
    assert {o.error for o in run.observations} == {"ConnectionRefusedError: [Errno 111] Connection refused"}
    assert {o.attempts for o in run.observations} == {1}, "the login tried twice; who waits each time waits for minutes"
    assert of_table(rows(run), "scope")["prod/root/vault"].reached is False


# --- credentials ----------------------------------------------------------------------------------------------------


def test_without_a_token_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with served() as vault:
        monkeypatch.delenv(TOKEN_VARIABLE)
        with pytest.raises(CredentialError, match=f"source 'prod': .*{TOKEN_VARIABLE}.* not set"):
            list(VaultCollector(configuration(vault)).start())
        (tmp_path / "empty").write_text("\n")
        (tmp_path / "strange").write_text("s.tökén")
        for path, says in (("missing", "No such file"), ("empty", "is empty"), ("strange", "holds characters")):
            auth = {"method": "token", "token_file": str(tmp_path / path)}
            with pytest.raises(CredentialError, match=says):
                list(VaultCollector(configuration(vault, auth=auth)).start())
        (tmp_path / "token").write_text(f"{vault.token}\n")
        assert ambient_seat(
            configuration(vault, auth={"method": "token", "token_file": str(tmp_path / "token")})
        ).identity


def test_certificates_that_are_none_are_told_before_anything_is_asked(tmp_path: Path) -> None:
    with served() as vault:
        with pytest.raises(CredentialError, match="ca_file"):
            list(VaultCollector(configuration(vault, ca_file=str(tmp_path / "none.pem"))).start())
        run = collected(vault, ca_file=None, attempts=3)
    assert run.statuses() == {Status.FAILED}, "nobody vouches for the server"
    for observation in run.observations:
        assert observation.error.startswith("SSLCertVerificationError: the server's certificate is not accepted: ")
        assert observation.attempts == 1, "no further try mends it"


def test_no_other_credentials_go_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password word\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with served() as vault:
        seen: list[str] = []
        forward = vault.server.forward
        monkeypatch.setattr(vault.server, "forward", lambda http: (seen.extend(http.headers), forward(http))[1])
        collected(vault, mounts=["nothing"])
    assert "x-vault-token" in seen
    assert "authorization" not in seen


def test_the_program_ends_the_server_even_when_it_is_killed() -> None:
    script = (
        "import os, signal\nfrom keyproof.demo.vault.server import Server\n"
        "server = Server()\nserver.__enter__()\nprint(server._folder, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    folder = Path(done.stdout.strip())
    assert folder.name.startswith("keyproof-openbao-")
    for _ in range(200):
        if not folder.exists():
            break
        subprocess.run(["/bin/sleep", "0.02"], check=True)
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("faults", [[], PER_SECRET], ids=["lists with metadata", "secret by secret"])
def test_twenty_thousand_secrets_in_a_tree(faults: list[Rule], tmp_path: Path) -> None:
    """Two hundred folders on two levels, a hundred secrets in each."""

    def seed(server: Server) -> None:
        server.write("sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        with ThreadPoolExecutor(8) as pool:
            paths = [f"folder-{n % 20}/{n // 20 % 10}/secret-{n // 200}" for n in range(20_000)]
            list(pool.map(lambda path: server.write(f"secret/metadata/{path}", {"max_versions": 3}), paths))

    with _own(seed) as vault:
        vault.faults = faults
        run = collected(vault, tmp_path)
        requests = vault.requests
    found = rows(run)
    assert len(of_table(found, "secret")) == 20_000
    assert of_table(found, "scope")["prod/root/secret/kv"].listed == 20_000
    assert gaps(found) == []
    folders = 1 + 20 + 200
    assert requests["kv:ListDetailedMetadata"] == (1 if faults else folders)
    assert requests["kv:ListMetadata"] == (folders if faults else 0)
    assert requests["kv:ReadMetadata"] == (20_000 if faults else 0)


class _Killed(Exception):
    pass


def test_a_killed_collection_goes_on_where_it_was(run: Run, tmp_path: Path) -> None:
    kills = 0

    def kill(progress: Progress) -> None:
        if progress.requests > 10:
            raise _Killed

    with served() as vault:
        vault.latency = 0.03
        try:
            for _ in range(50):
                collector = VaultCollector(configuration(vault))
                collection = Collection(tmp_path, {"vault": OPERATIONS}, concurrency=4, on_progress=kill)
                try:
                    progress = collection.run(collector.start())
                    break
                except _Killed:
                    kills += 1
        finally:
            vault.latency = 0.0
        asked = _declared(vault).total()
    assert kills
    assert asked <= run[1].total() + kills * 4 * 8
    resumed = Collected(tmp_path, progress)
    assert {o.id for o in resumed.observations} == {o.id for o in run[0].observations}
    for table in ("scope", "key_store", "key", "key_version", "secret"):
        assert set(of_table(rows(resumed), table)) == set(of_table(rows(run[0]), table))
    assert gaps(rows(resumed)) == []
