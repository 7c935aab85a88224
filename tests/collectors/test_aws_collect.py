"""The collect half against an AWS endpoint over HTTP: what is asked, what is recorded, and what is never sent."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from collected import Collected
from small_aws import FIRST_PASSWORD, HOME, OTHER, REGION, ROLE, served, small_world

from collectors.aws.collect import AwsCollector
from collectors.aws.configuration import AwsConfiguration
from collectors.aws.credentials import ambient_seat
from collectors.aws.operations import OPERATIONS
from collectors.aws.paging import Paging
from collectors.aws.wire import Inquiry, _Client, _withholding
from collectors.exchange import Outcome
from collectors.source import CredentialError, UndeclaredOperation
from evidence.observation import Observation, Status, body_digest
from evidence.recording import ScopeHeader, scope_files
from keyproof.collection import Collection
from keyproof.demo.aws.embedded import EmbeddedAws
from keyproof.demo.aws.faults import Rule
from keyproof.demo.faults import Fault

KMS = f"prod/{HOME}/{REGION}/kms"
IAM = f"prod/{HOME}/global/iam"
ACCOUNT = "prod/self/global/account"
REGIONAL = ("kms", "secretsmanager", "ssm", "cloudhsm", "acm", "datastores")


def _collect(aws: EmbeddedAws, folder: Path, *, sample: int | None = None, **table: Any) -> Collected:
    table = {"regions": [REGION], "endpoint_url": aws.url, "attempts": 1, "timeout_seconds": 5, **table}
    configuration = AwsConfiguration.model_validate({"name": "prod", **table})
    collection = Collection(folder, {"aws": OPERATIONS}, concurrency=4)
    return Collected(folder, collection.run(AwsCollector(configuration, sample).start()))


def _faulty(folder: Path, *rules: Rule, **table: Any) -> Collected:
    with served(rules) as aws:
        return _collect(aws, folder, **table)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Collected, Counter[str]]:
    """A collection that nothing disturbed, and how often AWS was asked what."""
    with served() as aws:
        return _collect(aws, tmp_path_factory.mktemp("clean")), aws.requests


def test_scopes_say_whose_they_are(clean: tuple[Collected, Counter[str]]) -> None:
    collected, _ = clean
    assert set(collected.scopes) == {ACCOUNT, IAM, *(f"prod/{HOME}/{REGION}/{service}" for service in REGIONAL)}
    header = collected.headers[KMS]
    assert (header.account, header.region, header.service, header.type) == (HOME, REGION, "kms", "aws")
    assert header.account_name == f"example-{HOME[:4]}"
    assert header.identity.startswith(f"arn:aws:iam::{HOME}:")
    assert {o.identity for o in collected.scopes[KMS]} == {header.identity}


def test_every_exchange_is_recorded_once_and_whole(clean: tuple[Collected, Counter[str]]) -> None:
    collected, requests = clean
    assert Counter(o.operation for o in collected.observations) == requests
    assert collected.statuses() == {Status.OK}
    assert len({o.id for o in collected.observations}) == len(collected.observations)
    for observation in collected.observations:
        assert observation.sha256 == body_digest(observation.body)
        assert isinstance(json.loads(observation.body), dict)
        assert observation.request_id
        assert observation.attempts == 1
        assert observation.requested_at <= observation.received_at


def test_the_body_is_the_text_of_the_wire(tmp_path: Path) -> None:
    """JSON that is parsed and written again loses spacing, order and digits; an auditor gets what AWS sent."""
    world = small_world()
    with served(world=world) as aws:
        collected = _collect(aws, tmp_path, services=["kms"])
    bodies = {o.body for o in collected.of("kms:GetKeyPolicy")}
    assert any('\\"Statement\\"' in body for body in bodies)
    [caller] = collected.of("sts:GetCallerIdentity")
    assert caller.body == json.dumps(json.loads(caller.body), separators=(",", ":"), sort_keys=True), "XML has no JSON"


def test_all_pages_are_asked_and_each_stands_alone(clean: tuple[Collected, Counter[str]]) -> None:
    collected, _ = clean
    pages = collected.of("kms:ListKeys")
    assert len(pages) == 4, "10 keys, 4 a page, after an empty first page"
    assert pages[0].parameters == {"Limit": 1000}
    markers = [json.loads(page.body).get("NextMarker") for page in pages]
    assert [page.parameters.get("Marker") for page in pages] == [None, *markers[:-1]]
    listed = {key["KeyArn"] for page in pages for key in json.loads(page.body)["Keys"]}
    assert {o.subject for o in collected.scopes[KMS]} == {"", *listed}


def test_one_subject_stands_together_and_the_lists_stand_first(clean: tuple[Collected, Counter[str]]) -> None:
    collected, _ = clean
    for observations in collected.scopes.values():
        order = [o.subject for o in observations]
        runs = [subject for at, subject in enumerate(order) if at == 0 or order[at - 1] != subject]
        assert len(runs) == len(set(runs))
        assert runs[0] == ""


def test_no_call_is_made_that_no_fact_needs(clean: tuple[Collected, Counter[str]]) -> None:
    collected, _ = clean
    asked: dict[str, list[str]] = {}
    for observation in collected.scopes[KMS]:
        asked.setdefault(observation.subject, []).append(observation.operation)
    for subject, operations in asked.items():
        if not subject:
            continue
        [described] = [o for o in collected.of("kms:DescribeKey") if o.subject == subject]
        key = json.loads(described.body)["KeyMetadata"]
        assert len(set(operations)) <= 6
        if key["KeyManager"] == "AWS":
            assert operations == ["kms:DescribeKey"]
        rotates = key["KeyManager"] == "CUSTOMER" and key["KeySpec"] == "SYMMETRIC_DEFAULT"
        assert ("kms:ListKeyRotations" in operations) == rotates
        assert ("kms:GetKeyRotationStatus" in operations) == (rotates and key["KeyState"] != "PendingDeletion")
    assert not collected.of("kms:ListResourceTags"), "the tags of all are read at once"
    assert not collected.of("ssm:ListTagsForResource")


def test_an_empty_region_is_asked_for_its_lists_only(tmp_path: Path) -> None:
    world = small_world()
    world.accounts[HOME] = type(world.accounts[HOME])(
        id=HOME, name="x", created_at=world.now, regions=frozenset({REGION, "eu-north-1"})
    )
    with served(world=world) as aws:
        collected = _collect(aws, tmp_path, regions=["eu-north-1"])
    asked = [o.operation for scope, found in collected.scopes.items() if scope not in (ACCOUNT, IAM) for o in found]
    assert set(asked) == {
        "kms:ListKeys",
        "kms:DescribeCustomKeyStores",
        "secretsmanager:ListSecrets",
        "ssm:DescribeParameters",
        "cloudhsm:DescribeClusters",
        "cloudhsm:DescribeBackups",
        "acm:ListCertificates",
        "ec2:GetEbsEncryptionByDefault",
        "ec2:GetEbsDefaultKmsKeyId",
        "ec2:DescribeVolumes",
        "rds:DescribeDBInstances",
        "rds:DescribeDBClusters",
        "elasticfilesystem:DescribeFileSystems",
        "cloudtrail:DescribeTrails",
        "cloudtrail:GetTrailStatus",
        "cloudtrail:GetEventSelectors",
        "events:ListRules",
    }


def test_nothing_about_alerts_is_asked_where_the_configuration_says_so(tmp_path: Path) -> None:
    with served() as aws:
        collected = _collect(aws, tmp_path, services=["kms", "secretsmanager"], alerts=False)
    assert {o.operation.split(":")[0] for o in collected.observations} == {
        "sts",
        "account",
        "kms",
        "tag",
        "secretsmanager",
    }


def test_secrets_and_parameters_give_metadata_only(clean: tuple[Collected, Counter[str]]) -> None:
    collected, requests = clean
    assert len(collected.of("secretsmanager:DescribeSecret")) == 3
    assert len(collected.of("secretsmanager:ListSecretVersionIds")) == 3
    assert len(collected.of("ssm:GetResourcePolicies")) == 2
    assert not [name for name in requests if re.search("Value|GetParameter|Decrypt|Export|GetCertificate", name)]


def test_a_sample_describes_so_many_customer_keys_and_secrets(tmp_path: Path) -> None:
    with served() as aws:
        collected = _collect(aws, tmp_path, sample=2)
    assert len(collected.of("kms:GetKeyPolicy")) == 2, "keys that AWS manages show no permission, so they don't count"
    assert len(collected.of("secretsmanager:DescribeSecret")) == 2
    assert len(collected.of("ssm:GetResourcePolicies")) == 2
    assert len(collected.of("iam:ListAccessKeys")) == 1, "no more of a list than its first page is read"
    assert len(collected.of("acm:DescribeCertificate")) == 1


def test_tags_are_asked_one_by_one_where_not_all_could_be_read(tmp_path: Path) -> None:
    collected = _faulty(tmp_path, Rule(fault=Fault.REFUSE, operation="tag:GetResources"))
    customer = {o.subject for o in collected.of("kms:GetKeyPolicy")}
    assert {o.subject for o in collected.of("kms:ListResourceTags")} == customer
    assert len(collected.of("ssm:ListTagsForResource")) == 2


def test_a_refusal_is_final_and_a_throttle_is_tried_again(tmp_path: Path) -> None:
    """The second answer to a refusal would be the same; it would only look like an attack in the audit log."""
    with served([Rule(fault=Fault.REFUSE, operation="kms:GetKeyPolicy")]) as aws:
        refused = _collect(aws, tmp_path / "refused", attempts=3, services=["kms"])
        assert aws.requests["kms:GetKeyPolicy"] == len(refused.of("kms:GetKeyPolicy"))
    assert {o.attempts for o in refused.of("kms:GetKeyPolicy")} == {1}
    with served([Rule(fault=Fault.THROTTLE, operation="kms:ListKeys")]) as aws:
        throttled = _collect(aws, tmp_path / "throttled", attempts=2, services=["kms"])
        assert aws.requests["kms:ListKeys"] == 2
    assert {o.attempts for o in throttled.of("kms:ListKeys")} == {2}


@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        (Fault.REFUSE, Status.REFUSED, "AccessDeniedException: User: .* is not authorized"),
        (Fault.THROTTLE, Status.FAILED, "ThrottlingException: Rate exceeded"),
        (Fault.BREAK, Status.FAILED, "InternalFailure: "),
        (Fault.EXPIRE, Status.FAILED, "ExpiredTokenException: .*renew them"),
        (Fault.CUT, Status.FAILED, "InvalidAnswer: "),
        (Fault.STOP, Status.FAILED, "InvalidAnswer: "),
        (Fault.HTML, Status.FAILED, "500: "),
        (Fault.CLOSE, Status.FAILED, "ConnectionClosedError|EndpointConnectionError"),
        (Fault.HANG, Status.FAILED, "ReadTimeoutError: "),
    ],
)
def test_what_goes_wrong_is_recorded_as_what_it_is(fault: Fault, status: Status, says: str, tmp_path: Path) -> None:
    rule = Rule(fault=fault, operation="kms:GetKeyPolicy", calls={1})
    with served([rule]) as aws:
        collected = _collect(aws, tmp_path, services=["kms"], timeout_seconds=0.5)
        assert Counter(o.operation for o in collected.observations) == aws.requests
    [spoiled] = [o for o in collected.observations if o.status is not Status.OK]
    assert spoiled.operation == "kms:GetKeyPolicy"
    assert spoiled.status is status
    assert re.search(says, spoiled.error), spoiled.error
    assert "\n" not in spoiled.error
    rest = {o.operation for o in collected.observations if o.subject == spoiled.subject}
    assert "kms:ListGrants" in rest, "what went wrong with one question does not keep from asking the next"


def test_a_refused_answer_keeps_its_body(tmp_path: Path) -> None:
    collected = _faulty(tmp_path, Rule(fault=Fault.REFUSE, operation="kms:DescribeKey"), services=["kms"])
    for observation in collected.of("kms:DescribeKey"):
        assert "not authorized" in observation.body
        assert observation.request_id
    assert not collected.of("kms:GetKeyPolicy"), "nobody knows whether they are the customer's keys"


def test_a_refusal_is_never_tried_again(tmp_path: Path) -> None:
    with served([Rule(fault=Fault.REFUSE, operation="secretsmanager:*")]) as aws:
        collected = _collect(aws, tmp_path, attempts=4, services=["secretsmanager"])
        assert aws.requests["secretsmanager:ListSecrets"] == 1
    [refused] = collected.scopes[f"prod/{HOME}/{REGION}/secretsmanager"]
    assert (refused.status, refused.attempts) == (Status.REFUSED, 1)


def test_a_throttled_request_is_tried_again_and_the_tries_are_counted(tmp_path: Path) -> None:
    rule = Rule(fault=Fault.THROTTLE, operation="ssm:DescribeParameters", calls={1, 2})
    collected = _faulty(tmp_path, rule, services=["ssm"], attempts=4)
    assert collected.of("ssm:DescribeParameters")[0].attempts == 3
    assert collected.statuses() == {Status.OK}


def test_a_list_that_goes_in_circles_ends(tmp_path: Path) -> None:
    """The second page names itself as the next."""
    answers = iter([{"NextToken": "a", "N": 1}, {"NextToken": "b", "N": 2}, {"NextToken": "a", "N": 3}])
    asked = []

    def ask(parameters: dict[str, Any], check: Any) -> Observation:
        asked.append(parameters)
        answer = next(answers)
        problem = check(answer)
        return _observation(json.dumps(answer), Status.FAILED if problem else Status.OK, problem)

    pages = list(Paging("NextToken", "NextToken").pages({}, ask))
    assert asked == [{}, {"NextToken": "a"}, {"NextToken": "b"}]
    assert [page.status for page in pages] == [Status.OK, Status.OK, Status.FAILED]
    assert "RepeatedPage" in pages[-1].error


def _observation(body: str, status: Status, error: str) -> Observation:
    texts = dict.fromkeys(
        ("id", "source", "scope", "subject", "operation", "requested_at", "received_at", "request_id", "identity"), ""
    )
    return Observation(
        **texts, parameters={}, status=status, error=error, attempts=1, body=body, sha256=body_digest(body)
    )


def test_a_region_that_is_not_enabled_is_switched_off(tmp_path: Path) -> None:
    with served() as aws:
        collected = _collect(aws, tmp_path, regions=["me-south-1"])
    for service in REGIONAL:
        [only] = collected.scopes[f"prod/{HOME}/me-south-1/{service}"]
        assert only.status is Status.SWITCHED_OFF
        assert "has not enabled me-south-1" in only.error


def test_a_region_that_cannot_be_switched_off_is_not_called_so(tmp_path: Path) -> None:
    """There, a caller whom AWS does not know has other reasons."""
    with served() as aws:
        collected = _collect(aws, tmp_path, regions=["us-east-2"], services=["secretsmanager"])
    [only] = collected.scopes[f"prod/{HOME}/us-east-2/secretsmanager"]
    assert only.status is Status.FAILED


def test_all_regions_are_those_that_the_account_names(tmp_path: Path) -> None:
    with served() as aws:
        collected = _collect(aws, tmp_path, regions="all", services=["kms"])
    assert set(collected.scopes) == {ACCOUNT, KMS}
    assert collected.of("account:ListRegions", ACCOUNT)


def test_refused_regions_leave_the_account_with_its_refusal(tmp_path: Path) -> None:
    collected = _faulty(tmp_path, Rule(fault=Fault.REFUSE, operation="account:ListRegions"), regions="all")
    assert set(collected.scopes) == {ACCOUNT, IAM}
    assert collected.of("account:ListRegions")[0].status is Status.REFUSED


def test_a_caller_who_is_not_known_still_collects(tmp_path: Path) -> None:
    collected = _faulty(tmp_path, Rule(fault=Fault.BREAK, operation="sts:GetCallerIdentity"), services=["kms"])
    header = collected.headers[f"prod/self/{REGION}/kms"]
    assert (header.account, header.identity) == ("", "")
    assert len(collected.of("kms:DescribeKey")) == 10


def test_a_role_is_assumed_and_not_recorded(tmp_path: Path) -> None:
    with served() as aws:
        roles = [f"arn:aws:iam::{account}:role/{ROLE}" for account in (HOME, OTHER)]
        collected = _collect(aws, tmp_path, role_arn=roles, services=["kms"])
        assert aws.requests["sts:AssumeRole"] == 2
    assert set(collected.scopes) == {
        f"prod/{account}/{place}" for account in (HOME, OTHER) for place in ("global/account", f"{REGION}/kms")
    }
    for account in (HOME, OTHER):
        assert f":assumed-role/{ROLE}/keyproof" in collected.headers[f"prod/{account}/{REGION}/kms"].identity
    text = json.dumps([o.to_line() for o in collected.observations])
    assert "SecretAccessKey" not in text
    assert not collected.of("sts:AssumeRole")


def test_a_refused_role_is_asked_for_once_and_every_scope_says_so(tmp_path: Path) -> None:
    role = f"arn:aws:iam::{OTHER}:role/nobody"
    with served() as aws:
        collected = _collect(aws, tmp_path, role_arn=role, attempts=3)
        assert aws.requests == Counter({"sts:AssumeRole": 1})
    assert len(collected.scopes) == 2 + len(REGIONAL)
    assert collected.statuses() == {Status.REFUSED}
    for observations in collected.scopes.values():
        assert f"(sts:AssumeRole of {role})" in observations[0].error


def test_an_organization_is_walked(tmp_path: Path) -> None:
    with served() as aws:
        collected = _collect(aws, tmp_path, organization={"role": ROLE}, services=["kms"])
    scopes = {ACCOUNT, KMS, f"prod/{OTHER}/global/account", f"prod/{OTHER}/{REGION}/kms"}
    assert set(collected.scopes) == scopes
    for scope in scopes - {ACCOUNT}:
        header = collected.headers[scope]
        assert header.organization == "o-example1234"
        assert header.organization_accounts == (HOME, OTHER)
    own = collected.headers[KMS].identity
    assert ":assumed-role/" not in own, "the account that lists the others is read as it is"


def test_an_organization_can_be_narrowed(tmp_path: Path) -> None:
    with served() as aws:
        collected = _collect(aws, tmp_path, organization={"role": ROLE, "exclude": [HOME]}, services=["kms"])
    assert KMS not in collected.scopes
    assert f"prod/{OTHER}/{REGION}/kms" in collected.scopes


def test_accounts_named_are_read_even_where_the_list_is_refused(tmp_path: Path) -> None:
    rule = Rule(fault=Fault.REFUSE, operation="organizations:ListAccounts")
    wanted = {"role": ROLE, "accounts": [OTHER]}
    collected = _faulty(tmp_path, rule, organization=wanted, services=["kms"])
    assert set(collected.scopes) == {ACCOUNT, f"prod/{OTHER}/global/account", f"prod/{OTHER}/{REGION}/kms"}
    assert collected.of("organizations:ListAccounts")[0].status is Status.REFUSED


def test_accounts_without_organization_say_so(tmp_path: Path) -> None:
    world = small_world()
    world.organization = ""
    with served(world=world) as aws:
        collected = _collect(aws, tmp_path, organization={"role": ROLE}, services=["kms"])
    assert collected.of("organizations:DescribeOrganization")[0].status is Status.SWITCHED_OFF
    assert KMS in collected.scopes


def test_what_was_recorded_is_not_asked_again(tmp_path: Path) -> None:
    """A killed run leaves parts of files; here, each is cut at some byte."""
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    with served() as aws:
        first = _collect(aws, whole)
        asked = sum(aws.requests.values())
        shutil.copytree(whole, resumed)
        for path in scope_files(resumed):
            if path.name.startswith("kms"):
                data = path.read_bytes()
                path.with_name(path.name + ".part").write_bytes(data[: len(data) * 2 // 3])
                path.unlink()
        second = _collect(aws, resumed)
        again = sum(aws.requests.values()) - asked
    assert 0 < again < len(first.scopes[KMS])
    assert second.progress.requests == again
    assert second.progress.recorded == asked - again

    def known(collected: Collected) -> set[tuple[str, str, str]]:
        return {(o.scope, o.id, o.body) for o in collected.observations}

    assert known(second) == known(first)


def test_no_value_can_be_asked_for(tmp_path: Path) -> None:
    """Beside the declared operations nothing is sent, whoever asks."""
    with served() as aws:
        configuration = AwsConfiguration(name="prod", regions=[REGION], endpoint_url=aws.url)
        seat = ambient_seat(configuration)
        before = sum(aws.requests.values())
        for prefix, action, parameters in (
            ("secretsmanager", "GetSecretValue", {"SecretId": "db/main"}),
            ("secretsmanager", "BatchGetSecretValue", {"SecretIdList": ["db/main"]}),
            ("ssm", "GetParameter", {"Name": "/app/token", "WithDecryption": True}),
            ("ssm", "GetParametersByPath", {"Path": "/"}),
            ("kms", "Decrypt", {"CiphertextBlob": b"x"}),
            ("kms", "ScheduleKeyDeletion", {"KeyId": "x"}),
        ):
            with pytest.raises(UndeclaredOperation, match=f"{prefix}:{action} is not declared"):
                _Client(seat, prefix, REGION).call(action, parameters)
        assert sum(aws.requests.values()) == before


def test_an_endpoint_that_nobody_serves_is_a_failure(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with served() as aws:
        collected = _collect(aws, tmp_path, endpoint_url=url, services=["kms"])
    assert collected.statuses() == {Status.FAILED}
    assert f"prod/self/{REGION}/kms" in collected.scopes
    assert {o.error.split(":")[0] for o in collected.observations} == {"EndpointConnectionError"}


@pytest.mark.parametrize(
    ("region", "errno", "status"),
    [
        ("ap-southeast-4", socket.EAI_NONAME, Status.SWITCHED_OFF),
        ("ap-southeast-4", socket.EAI_AGAIN, Status.FAILED),
        ("eu-west-1", socket.EAI_NONAME, Status.FAILED),
    ],
)
def test_a_region_lacks_cloudhsm_where_aws_lists_none_and_its_name_does_not_exist(
    region: str, errno: int, status: Status, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_address(*asked: object, **more: object) -> None:
        raise socket.gaierror(errno, "no address")

    with served() as aws:
        monkeypatch.setattr(socket, "getaddrinfo", no_address)
        collected = _collect(aws, tmp_path, endpoint_url=None, regions=[region], services=["kms", "cloudhsm"])
    asked = {o.operation: o for o in collected.observations}
    assert asked["cloudhsm:DescribeClusters"].status is status
    assert ("lists no endpoint" in asked["cloudhsm:DescribeClusters"].error) == (status is Status.SWITCHED_OFF)
    assert ("cloudhsm:DescribeBackups" in asked) == (status is Status.FAILED)
    assert asked["kms:ListKeys"].status is Status.FAILED


@pytest.mark.parametrize("fault", [None, Fault.CUT, Fault.HTML, Fault.WRONG_TYPES, Fault.THROTTLE])
def test_the_first_password_of_a_cluster_is_not_kept(fault: Fault | None, tmp_path: Path) -> None:
    rules = [Rule(fault=fault, operation="cloudhsm:DescribeClusters")] if fault else []
    collected = _faulty(tmp_path, *rules, services=["cloudhsm"])
    told = [o for o in collected.of("cloudhsm:DescribeClusters") if "PreCoPassword" in o.body]
    assert told or fault
    assert all('"PreCoPassword":"withheld"' in o.body and o.sha256 == body_digest(o.body) for o in told)
    assert FIRST_PASSWORD not in "".join(f"{o.body}{o.error}" for o in collected.observations)


def test_nor_is_it_where_the_answer_ends_within_it() -> None:
    cut = Outcome(status=Status.FAILED, error='received: b\'{"PreCoPassword":"plan', body='{"PreCoPassword": "plan\\')
    kept = _withholding("cloudhsm:DescribeClusters", cut)
    assert (kept.error, kept.body) == (
        'received: b\'{"PreCoPassword":"withheld"',
        '{"PreCoPassword": "withheld"',
    )
    assert _withholding("kms:ListKeys", cut) == cut


def _environment(monkeypatch: pytest.MonkeyPatch, folder: Path, configuration: str = "", **variables: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (folder / "config").write_text(configuration)
    settings = {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(folder),
        **variables,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


_SSO = """
[profile audit]
sso_session = company
sso_account_id = 111122223333
sso_role_name = audit
region = eu-west-1

[sso-session company]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-west-1
"""


@pytest.mark.parametrize(
    ("profile", "configuration", "variables", "says"),
    [
        (None, "", {}, ["no AWS credentials were found", "aws configure"]),
        (None, "", {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"}, ["incomplete", "AWS_SECRET_ACCESS_KEY"]),
        ("nobody", "[profile audit]\nregion = eu-west-1\n", {}, ["nobody", "profiles known: audit"]),
        (None, "", {"AWS_PROFILE": "nobody"}, ["nobody", "profiles known: none"]),
        ("audit", _SSO, {}, ["sign-in has expired", "aws sso login --profile audit"]),
        ("audit", "[profile audit]\ncredential_process = /bin/false\n", {}, ["could not be obtained", "get-caller-id"]),
    ],
)
def test_without_usable_credentials_nothing_starts(
    profile: str | None,
    configuration: str,
    variables: dict[str, str],
    says: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    _environment(monkeypatch, tmp_path, configuration, **variables)
    table = AwsConfiguration(name="prod", regions=[REGION], profile=profile)
    with pytest.raises(CredentialError) as refused:
        AwsCollector(table).start()
    assert "source 'prod'" in str(refused.value)
    for words in says:
        assert words in str(refused.value)


def test_an_error_of_this_machine_is_no_observation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full, say: it must stop the run, not pass for something that AWS said."""
    with served() as aws:
        configuration = AwsConfiguration(name="prod", regions=[REGION], endpoint_url=aws.url)
        header = ScopeHeader(id="x", source="prod", type="aws", service="kms")
        inquiry = Inquiry(ambient_seat(configuration), header, region=REGION)
        client = inquiry._client("kms")

        def fail(**_: Any) -> None:
            raise OSError(28, "No space left on device")

        client._client.meta.events.register_first("before-call", fail)
        with pytest.raises(OSError, match="No space left"):
            inquiry.exchange("kms:ListKeys", {}, lambda answer: "")
