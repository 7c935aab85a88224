"""The embedded AWS, asked by the real SDK over real HTTP."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, ReadTimeoutError

from keyproof.demo.aws.embedded import ACCESS_KEY, OPERATIONS, EmbeddedAws
from keyproof.demo.aws.faults import Rule
from keyproof.demo.aws.wire import InventedAnswer, service_model
from keyproof.demo.aws.world import Account, KeyRecord, Material, User, World
from keyproof.demo.faults import Fault

NOW = datetime(2026, 6, 30, tzinfo=UTC)
MAIN, OTHER = "111122223333", "444455556666"


@pytest.fixture
def world() -> World:
    world = World(NOW)
    known = frozenset({"eu-south-1"})
    world.add_account(Account(id=MAIN, name="main", created_at=NOW, known_regions=known), ACCESS_KEY)
    world.add_account(Account(id=OTHER, name="other", created_at=NOW, regions=frozenset({"eu-west-1"})))
    world.roles.add(f"arn:aws:iam::{OTHER}:role/audit")
    world.organization = "o-example"
    return world


@pytest.fixture
def aws(world: World) -> Iterator[EmbeddedAws]:
    with EmbeddedAws(world) as aws:
        yield aws


def client(aws: EmbeddedAws, service: str, *, region: str = "eu-west-1", key: str = ACCESS_KEY, **more: Any) -> Any:
    config = Config(retries={"total_max_attempts": 1}, **more)
    return boto3.client(
        service,
        endpoint_url=aws.url,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key="embedded",
        config=config,
    )


def refusal(call: Any, **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def keys_of(world: World, number: int) -> list[Any]:
    record = {"created_at": NOW - timedelta(days=900), "materials": [Material(at=NOW - timedelta(days=900))]}
    return [world.add_key(MAIN, "eu-west-1", key_id=f"key-{n:03}", record=KeyRecord(**record)) for n in range(number)]


def test_every_operation_answered_here_exists_in_aws() -> None:
    services = {"tag": "resourcegroupstaggingapi", "cloudhsm": "cloudhsmv2", "elasticfilesystem": "efs"}
    for name in OPERATIONS:
        service, _, operation = name.partition(":")
        assert operation in service_model(services.get(service, service)).operation_names


def test_an_invented_member_is_an_error_of_the_endpoint(world: World, monkeypatch: pytest.MonkeyPatch) -> None:

    from keyproof.demo.aws import embedded

    answers = {**OPERATIONS, "kms:ListKeys": lambda world, request: {"Keys": [], "Colour": "blue"}}
    monkeypatch.setattr(embedded, "OPERATIONS", answers)
    with (
        pytest.raises(InventedAnswer, match="Colour"),
        EmbeddedAws(world) as aws,
        pytest.raises(ConnectionClosedError),
    ):
        client(aws, "kms").list_keys()


def test_only_one_runs_at_a_time(aws: EmbeddedAws, world: World) -> None:
    with pytest.raises(RuntimeError, match="another"):
        EmbeddedAws(world).__enter__()


def test_it_closes_and_leaves_nothing(world: World) -> None:
    with EmbeddedAws(world) as aws:
        port = int(aws.url.rpartition(":")[2])
        client(aws, "kms").create_key()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert not world.key_backend(MAIN, "eu-west-1").keys


def test_keys_come_in_pages(aws: EmbeddedAws, world: World) -> None:
    keys_of(world, 23)
    kms = client(aws, "kms")
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 10}))
    assert [len(page["Keys"]) for page in pages] == [10, 10, 3]
    assert [page["Truncated"] for page in pages] == [True, True, False]
    assert len({key["KeyId"] for page in pages for key in page["Keys"]}) == 23
    assert len(kms.list_keys()["Keys"]) == 23
    assert refusal(kms.list_keys, Marker="nonsense")[0] == "InvalidMarkerException"


def test_a_page_may_be_empty_and_not_the_last(aws: EmbeddedAws, world: World) -> None:
    keys_of(world, 3)
    world.empty_pages.add("kms:ListKeys")
    world.page_sizes["kms:ListKeys"] = 2
    pages = list(client(aws, "kms").get_paginator("list_keys").paginate())
    assert [len(page["Keys"]) for page in pages] == [0, 2, 1]
    assert pages[0]["Truncated"]


def test_aliases_grants_and_tags_come_in_pages(aws: EmbeddedAws, world: World) -> None:
    key = keys_of(world, 1)[0]
    backend = world.key_backend(MAIN, "eu-west-1")
    for n in range(7):
        backend.create_alias(key.id, f"alias/a{n}")
        world.add_grant(key, f"g{n}", at=NOW, operations=["Decrypt"], grantee=f"arn:aws:iam::{MAIN}:role/r{n}")
        backend.tagger.tag_resource(key.id, [{"TagKey": f"t{n}", "TagValue": "v"}])
    world.predefined_aliases[MAIN, "eu-west-1"] = ["alias/aws/kinesis"]
    kms = client(aws, "kms")
    for name, member, subject, number in (
        ("list_aliases", "Aliases", {}, 8),
        ("list_grants", "Grants", {"KeyId": key.arn}, 7),
        ("list_resource_tags", "Tags", {"KeyId": key.arn}, 7),
    ):
        pages = list(kms.get_paginator(name).paginate(**subject, PaginationConfig={"PageSize": 3}))
        assert [len(page[member]) for page in pages] == [3, 3, number - 6]
    predefined = next(a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/aws/kinesis")
    assert "TargetKeyId" not in predefined
    one = kms.list_grants(KeyId=key.id, GranteePrincipal=f"arn:aws:iam::{MAIN}:role/r2")["Grants"]
    assert [grant["Name"] for grant in one] == ["g2"]
    assert one[0]["CreationDate"] == NOW


def test_a_grant_to_a_service_names_the_service(aws: EmbeddedAws, world: World) -> None:
    key = keys_of(world, 1)[0]
    world.add_grant(key, "db", at=NOW, operations=["Decrypt"], service="rds.amazonaws.com")
    grant = client(aws, "kms").list_grants(KeyId=key.id)["Grants"][0]
    assert grant["GranteeServicePrincipal"] == "rds.amazonaws.com"
    assert "GranteePrincipal" not in grant


@pytest.mark.parametrize(
    ("spec", "usage", "member"),
    [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "EncryptionAlgorithms"),
        ("RSA_2048", "ENCRYPT_DECRYPT", "EncryptionAlgorithms"),
        ("RSA_3072", "SIGN_VERIFY", "SigningAlgorithms"),
        ("ECC_NIST_P384", "SIGN_VERIFY", "SigningAlgorithms"),
        ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "SigningAlgorithms"),
        ("ML_DSA_65", "SIGN_VERIFY", "SigningAlgorithms"),
        ("HMAC_256", "GENERATE_VERIFY_MAC", "MacAlgorithms"),
        ("ECC_NIST_P256", "KEY_AGREEMENT", "KeyAgreementAlgorithms"),
    ],
)
def test_keys_are_described_as_aws_describes_them(aws: EmbeddedAws, spec: str, usage: str, member: str) -> None:
    kms = client(aws, "kms")
    created = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    described = kms.describe_key(KeyId=created["Arn"])["KeyMetadata"]
    assert described == created
    assert described[member]
    assert (described["KeySpec"], described["KeyUsage"], described["MultiRegion"]) == (spec, usage, False)
    assert ("CurrentKeyMaterialId" in described) == (spec == "SYMMETRIC_DEFAULT")


def test_what_a_client_creates_it_can_use(aws: EmbeddedAws) -> None:
    kms = client(aws, "kms")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signed = kms.sign(KeyId=key, Message=b"text", SigningAlgorithm="RSASSA_PSS_SHA_256")["Signature"]
    verified = kms.verify(KeyId=key, Message=b"text", Signature=signed, SigningAlgorithm="RSASSA_PSS_SHA_256")
    assert verified["SignatureValid"]


def test_an_external_key_waits_for_its_material(aws: EmbeddedAws) -> None:
    kms = client(aws, "kms")
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]
    assert (key["KeyState"], key["Enabled"]) == ("PendingImport", False)
    assert "ExpirationModel" not in key
    material = {"ImportToken": b"t", "EncryptedKeyMaterial": b"m"}
    until = NOW + timedelta(days=40)
    kms.import_key_material(KeyId=key["KeyId"], **material, ValidTo=until)
    key = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert (key["KeyState"], key["ExpirationModel"], key["ValidTo"]) == ("Enabled", "KEY_MATERIAL_EXPIRES", until)
    kms.import_key_material(KeyId=key["KeyId"], **material, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    assert [m["KeyMaterialState"] for m in materials(kms, key)] == ["CURRENT", "PENDING_ROTATION"]
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    after = materials(kms, key)
    assert [m["KeyMaterialState"] for m in after] == ["NON_CURRENT", "CURRENT"]
    assert (after[1]["RotationType"], after[1]["ImportState"]) == ("ON_DEMAND", "IMPORTED")
    code, _ = refusal(kms.get_key_rotation_status, KeyId=key["KeyId"])
    assert code == "UnsupportedOperationException"


def materials(kms: Any, key: Any) -> list[Any]:
    found = kms.list_key_rotations(KeyId=key["KeyId"], IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    return list(found)


def test_rotation_is_told_with_period_next_date_and_history(aws: EmbeddedAws, world: World) -> None:
    kms = client(aws, "kms")
    dates = [NOW - timedelta(days=n) for n in (900, 535, 170)]
    history = [Material(at=at, rotation="AUTOMATIC" if n else "") for n, at in enumerate(dates)]
    record = KeyRecord(created_at=dates[0], materials=history, on_demand_started_at=NOW)
    world.add_key(MAIN, "eu-west-1", key_id="rotated", record=record, rotation_enabled=True)
    status = kms.get_key_rotation_status(KeyId="rotated")
    assert status["RotationPeriodInDays"] == 365
    assert status["NextRotationDate"] == dates[-1] + timedelta(days=365)
    assert status["OnDemandRotationStartDate"] == NOW
    pages = kms.get_paginator("list_key_rotations").paginate(KeyId="rotated", PaginationConfig={"PageSize": 1})
    assert [page["Rotations"][0]["RotationDate"] for page in pages] == dates[1:]
    everything = materials(kms, {"KeyId": "rotated"})
    assert [m["KeyMaterialState"] for m in everything] == ["NON_CURRENT", "NON_CURRENT", "CURRENT"]
    assert "RotationDate" not in everything[0]
    current = kms.describe_key(KeyId="rotated")["KeyMetadata"]["CurrentKeyMaterialId"]
    assert everything[-1]["KeyMaterialId"] == current
    assert kms.describe_key(KeyId="rotated")["KeyMetadata"]["CreationDate"] == dates[0]


def test_rotation_of_keys_that_cannot_rotate(aws: EmbeddedAws, world: World) -> None:
    kms = client(aws, "kms")
    mac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    assert kms.get_key_rotation_status(KeyId=mac)["KeyRotationEnabled"] is False
    assert refusal(kms.list_key_rotations, KeyId=mac)[0] == "UnsupportedOperationException"
    assert refusal(kms.enable_key_rotation, KeyId=mac)[0] == "UnsupportedOperationException"
    record = KeyRecord(created_at=NOW, materials=[Material(at=NOW)], custom_key_store="cks-1")
    world.add_key(MAIN, "eu-west-1", key_id="stored", record=record, origin="AWS_CLOUDHSM")
    assert refusal(kms.get_key_rotation_status, KeyId="stored")[0] == "UnsupportedOperationException"
    assert kms.describe_key(KeyId="stored")["KeyMetadata"]["CustomKeyStoreId"] == "cks-1"


def test_a_replica_shares_its_primarys_rotation(aws: EmbeddedAws, world: World) -> None:
    record = KeyRecord(created_at=NOW, materials=[Material(at=NOW)])
    primary = world.add_key(
        MAIN, "eu-west-1", key_id="mrk-1", record=record, multi_region=True, rotation_enabled=True, tags={"a": "b"}
    )
    world.add_replica(primary, "us-east-1", record=record, tags={})
    there = client(aws, "kms", region="us-east-1")
    here = client(aws, "kms")
    kinds = [
        kms.describe_key(KeyId="mrk-1")["KeyMetadata"]["MultiRegionConfiguration"]["MultiRegionKeyType"]
        for kms in (here, there, here)
    ]
    assert kinds == ["PRIMARY", "REPLICA", "PRIMARY"]
    assert there.get_key_rotation_status(KeyId="mrk-1")["KeyRotationEnabled"]
    assert here.schedule_key_deletion(KeyId="mrk-1", PendingWindowInDays=7)["KeyState"] == "PendingReplicaDeletion"
    assert here.describe_key(KeyId="mrk-1")["KeyMetadata"]["PendingDeletionWindowInDays"] == 7


def test_deletion_is_scheduled_by_the_worlds_clock(aws: EmbeddedAws) -> None:
    kms = client(aws, "kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    assert kms.get_key_rotation_status(KeyId=key)["NextRotationDate"] == NOW + timedelta(days=180)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=9)
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (described["KeyState"], described["DeletionDate"]) == ("PendingDeletion", NOW + timedelta(days=9))
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False


def test_last_usage_tells_since_when_it_is_tracked(aws: EmbeddedAws, world: World) -> None:
    kms = client(aws, "kms")
    keys_of(world, 1)[0]
    old = kms.get_key_last_usage(KeyId="key-000")
    assert old["KeyLastUsage"] == {}
    assert old["TrackingStartDate"] > old["KeyCreationDate"]
    world.keys[f"arn:aws:kms:eu-west-1:{MAIN}:key/key-000"].last_usage = ("Decrypt", NOW)
    assert kms.get_key_last_usage(KeyId="key-000")["KeyLastUsage"]["Timestamp"] == NOW
    new = kms.get_key_last_usage(KeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    assert new["TrackingStartDate"] == new["KeyCreationDate"] == NOW


def test_custom_key_stores(aws: EmbeddedAws, world: World) -> None:
    names = [{"CustomKeyStoreId": f"cks-{n}", "ConnectionState": "CONNECTED"} for n in range(3)]
    world.key_stores[MAIN, "eu-west-1"] = names
    kms = client(aws, "kms")
    pages = kms.get_paginator("describe_custom_key_stores").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["CustomKeyStores"]) for page in pages] == [2, 1]
    assert refusal(kms.describe_custom_key_stores, CustomKeyStoreId="none")[0] == "CustomKeyStoreNotFoundException"


def test_unknown_keys_are_not_found(aws: EmbeddedAws) -> None:
    assert refusal(client(aws, "kms").describe_key, KeyId="none") == ("NotFoundException", 400)


def test_tags_of_all_kinds_in_bulk(aws: EmbeddedAws, world: World) -> None:
    keys_of(world, 1)
    kms = client(aws, "kms")
    for n in range(3):
        kms.create_key(Tags=[{"TagKey": "n", "TagValue": str(n)}])
    world.add_secret(MAIN, "eu-west-1", "s", created_at=NOW, versions=[(NOW, ["AWSCURRENT"])], tags={"a": "b"})
    world.add_parameter(MAIN, "eu-west-1", "/p/q", modified_at=NOW, tags={"c": "d"})
    tagging = client(aws, "resourcegroupstaggingapi")
    paginator = tagging.get_paginator("get_resources")
    pages = paginator.paginate(ResourceTypeFilters=["kms:key"], PaginationConfig={"PageSize": 2})
    assert [len(page["ResourceTagMappingList"]) for page in pages] == [2, 1]
    for kind, arn in (
        ("secretsmanager:secret", f"arn:aws:secretsmanager:eu-west-1:{MAIN}:secret:s-"),
        ("ssm:parameter", f"arn:aws:ssm:eu-west-1:{MAIN}:parameter/p/q"),
    ):
        found = tagging.get_resources(ResourceTypeFilters=[kind])["ResourceTagMappingList"]
        assert [entry["ResourceARN"].startswith(arn) for entry in found] == [True]
        assert found[0]["Tags"]


def test_secrets_have_a_past(aws: EmbeddedAws, world: World) -> None:
    past = [NOW - timedelta(days=n) for n in (400, 90, 30)]
    secret = world.add_secret(
        MAIN,
        "eu-west-1",
        "prod/db",
        created_at=past[0],
        versions=[(past[0], []), (past[1], ["AWSPREVIOUS"]), (past[2], ["AWSCURRENT"])],
        policy={"Version": "2012-10-17", "Statement": []},
        replicas=["us-east-1"],
        members={"LastRotatedDate": past[2], "RotationEnabled": True, "RotationRules": {"AutomaticallyAfterDays": 60}},
    )
    sm = client(aws, "secretsmanager")
    described = sm.describe_secret(SecretId=secret.arn)
    assert (described["CreatedDate"], described["LastRotatedDate"]) == (past[0], past[2])
    assert len(described["VersionIdsToStages"]) == 2
    assert described["ReplicationStatus"][0]["Status"] == "InSync"
    versions = sm.list_secret_version_ids(SecretId="prod/db")["Versions"]
    assert [version["CreatedDate"] for version in versions] == past[1:]
    assert len(sm.list_secret_version_ids(SecretId="prod/db", IncludeDeprecated=True)["Versions"]) == 3
    assert sm.get_resource_policy(SecretId="prod/db")["ResourcePolicy"]
    replica = client(aws, "secretsmanager", region="us-east-1").list_secrets()["SecretList"][0]
    assert replica["PrimaryRegion"] == "eu-west-1"
    assert refusal(sm.describe_secret, SecretId="none") == ("ResourceNotFoundException", 400)


def test_secrets_that_wait_for_deletion_are_listed_on_request(aws: EmbeddedAws, world: World) -> None:
    for n in range(5):
        deleted = {"DeletedDate": NOW} if n == 0 else {}
        version = [(NOW, ["AWSCURRENT"])]
        world.add_secret(MAIN, "eu-west-1", f"s{n}", created_at=NOW, versions=version, members=deleted)
    sm = client(aws, "secretsmanager")
    assert len(sm.list_secrets()["SecretList"]) == 4
    pages = sm.get_paginator("list_secrets").paginate(IncludePlannedDeletion=True, PaginationConfig={"PageSize": 3})
    assert [len(page["SecretList"]) for page in pages] == [3, 2]


def test_parameters_are_filtered_and_carry_no_value(aws: EmbeddedAws, world: World) -> None:
    for n in range(12):
        world.add_parameter(MAIN, "eu-west-1", f"/p{n}", modified_at=NOW, kind="SecureString" if n else "String")
    ssm = client(aws, "ssm")
    secure = [{"Key": "Type", "Values": ["SecureString"]}]
    pages = list(ssm.get_paginator("describe_parameters").paginate(ParameterFilters=secure))
    assert [len(page["Parameters"]) for page in pages] == [10, 1]
    found = pages[0]["Parameters"][0]
    assert (found["KeyId"], found["LastModifiedDate"], "Value" in found) == ("alias/aws/ssm", NOW, False)
    assert ssm.get_resource_policies(ResourceArn=found["ARN"])["Policies"] == []


def test_accounts_and_their_organization(aws: EmbeddedAws) -> None:
    account = client(aws, "account")
    assert account.get_account_information()["AccountName"] == "main"
    assert account.get_account_information(AccountId=OTHER)["AccountName"] == "other"
    regions = account.list_regions(RegionOptStatusContains=["ENABLED", "ENABLED_BY_DEFAULT"])["Regions"]
    assert [region["RegionName"] for region in regions] == ["eu-central-1", "eu-west-1", "us-east-1"]
    organizations = client(aws, "organizations")
    assert organizations.describe_organization()["Organization"]["MasterAccountId"] == MAIN
    assert [a["Id"] for a in organizations.list_accounts()["Accounts"]] == [MAIN, OTHER]


def test_a_role_brings_into_another_account(aws: EmbeddedAws) -> None:
    sts = client(aws, "sts")
    assert sts.get_caller_identity()["Account"] == MAIN
    session = sts.assume_role(RoleArn=f"arn:aws:iam::{OTHER}:role/audit", RoleSessionName="keyproof")["Credentials"]
    key = session["AccessKeyId"]
    assert client(aws, "sts", key=key).get_caller_identity()["Account"] == OTHER
    there = client(aws, "kms", key=key)
    made = there.create_key()["KeyMetadata"]
    assert made["AWSAccountId"] == OTHER
    assert there.list_key_policies(KeyId=made["KeyId"])["PolicyNames"] == ["default"]
    assert client(aws, "kms").list_keys()["Keys"] == []
    assert refusal(client(aws, "organizations", key=key).list_accounts)[0] == "AccessDeniedException"
    code = refusal(sts.assume_role, RoleArn=f"arn:aws:iam::{OTHER}:role/none", RoleSessionName="keyproof")
    assert code == ("AccessDenied", 403)


def test_unknown_access_keys_and_regions_switched_off(aws: EmbeddedAws) -> None:
    assert refusal(client(aws, "kms", key="AKIANOBODY").list_keys) == ("UnrecognizedClientException", 400)
    assert refusal(client(aws, "sts", key="AKIANOBODY").get_caller_identity) == ("InvalidClientTokenId", 403)
    assert refusal(client(aws, "kms", region="eu-south-1").list_keys) == ("UnrecognizedClientException", 400)


@pytest.mark.parametrize(
    ("service", "call", "operation", "denied", "throttled"),
    [
        ("kms", "list_keys", "kms:ListKeys", ("AccessDeniedException", 400), "ThrottlingException"),
        ("secretsmanager", "list_secrets", "secretsmanager:*", ("AccessDeniedException", 400), "ThrottlingException"),
        ("ssm", "describe_parameters", "ssm:Describe*", ("AccessDeniedException", 400), "ThrottlingException"),
        ("resourcegroupstaggingapi", "get_resources", "tag:GetResources", ("AccessDeniedException", 400), "Throttled"),
        ("organizations", "list_accounts", "*", ("AccessDeniedException", 400), "TooManyRequestsException"),
        ("account", "list_regions", "account:*", ("AccessDeniedException", 403), "TooManyRequestsException"),
        ("sts", "get_caller_identity", "sts:*", ("AccessDenied", 403), "Throttling"),
    ],
)
def test_refusals_and_throttles_in_every_protocol(
    aws: EmbeddedAws, service: str, call: str, operation: str, denied: tuple[str, int], throttled: str
) -> None:
    aws.faults = [Rule(fault=Fault.REFUSE, operation=operation)]
    assert refusal(getattr(client(aws, service), call)) == denied
    aws.faults = [Rule(fault=Fault.THROTTLE, operation=operation)]
    assert refusal(getattr(client(aws, service), call))[0].startswith(throttled)
    aws.faults = [Rule(fault=Fault.EXPIRE, operation=operation)]
    assert refusal(getattr(client(aws, service), call))[0].startswith("ExpiredToken")
    aws.faults = [Rule(fault=Fault.BREAK, operation=operation)]
    assert refusal(getattr(client(aws, service), call)) == ("InternalFailure", 500)


def test_a_rule_befalls_only_what_it_names(aws: EmbeddedAws, world: World) -> None:
    keys_of(world, 2)
    kms = client(aws, "kms")
    aws.faults = [Rule(fault=Fault.REFUSE, operation="kms:DescribeKey", subject="key-001", calls=[2])]
    for _ in range(3):
        kms.describe_key(KeyId="key-000")
    kms.describe_key(KeyId="key-001")
    assert refusal(kms.describe_key, KeyId="key-001")[0] == "AccessDeniedException"
    kms.describe_key(KeyId="key-001")
    aws.faults = [Rule(fault=Fault.REFUSE, region="us-east-1", account=MAIN)]
    kms.list_keys()
    assert refusal(client(aws, "kms", region="us-east-1").list_keys)[0] == "AccessDeniedException"
    aws.faults = lambda request: Rule(fault=Fault.THROTTLE) if request.subject == "key-000" else None
    assert refusal(kms.describe_key, KeyId="key-000")[0] == "ThrottlingException"
    assert aws.requests == {"kms:DescribeKey": 7, "kms:ListKeys": 2}


def test_garbage(aws: EmbeddedAws, world: World) -> None:
    keys_of(world, 1)
    kms = client(aws, "kms")
    aws.faults = [Rule(fault=Fault.HTML)]
    assert refusal(kms.describe_key, KeyId="key-000") == ("500", 500)
    for fault in (Fault.CUT, Fault.STOP):
        aws.faults = [Rule(fault=fault)]
        answer = kms.describe_key(KeyId="key-000")  # the SDK takes a body that it cannot read for an empty one
        assert (answer["ResponseMetadata"]["HTTPStatusCode"], "KeyMetadata" in answer) == (200, False)
    aws.faults = [Rule(fault=Fault.SURROGATES)]
    assert kms.describe_key(KeyId="key-000")["KeyMetadata"]["KeyId"].startswith("\ud800")
    aws.faults = [Rule(fault=Fault.LOSE_PAGE)]
    page = kms.list_keys()
    assert (page["Truncated"], "NextMarker" in page) == (True, False)
    aws.faults = [Rule(fault=Fault.WRONG_TYPES)]
    with pytest.raises((BotoCoreError, TypeError, AttributeError, ValueError)):
        kms.describe_key(KeyId="key-000")


def test_no_answer_at_all(aws: EmbeddedAws) -> None:
    aws.faults = [Rule(fault=Fault.CLOSE)]
    with pytest.raises(ConnectionClosedError):
        client(aws, "kms").list_keys()
    aws.faults = [Rule(fault=Fault.HANG)]
    with pytest.raises(ReadTimeoutError):
        client(aws, "kms", read_timeout=0.2).list_keys()


def test_the_same_request_gets_the_same_bytes(world: World) -> None:
    def ask() -> list[Any]:
        with EmbeddedAws(world) as aws:
            kms = client(aws, "kms")
            key = kms.create_key()["KeyMetadata"]["KeyId"]
            answers = [kms.list_keys(), kms.list_keys(), kms.list_key_policies(KeyId=key)]
        return [(a["ResponseMetadata"]["RequestId"], a.get("Keys")) for a in answers]

    first = ask()
    assert first == ask()
    assert first[0] != first[1]


# Users, volumes, alarms: services that talk XML, and pages of theirs


def test_lists_in_xml_have_pages_and_their_own_types(aws: EmbeddedAws, world: World) -> None:
    world.users[MAIN] = [User(name=name, created_at=NOW) for name in ("a", "b & c", "d")]
    world.page_sizes = {"iam:ListUsers": 2, "ec2:DescribeVolumes": 1}
    iam, ec2 = client(aws, "iam"), client(aws, "ec2")
    users = list(iam.get_paginator("list_users").paginate().search("Users[]"))
    assert [user["UserName"] for user in users] == ["a", "b & c", "d"]
    assert users[0]["CreateDate"] == NOW
    assert iam.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 0
    world.datastores[MAIN, "eu-west-1", "ec2:DescribeVolumes"] = [
        {"VolumeId": name, "Encrypted": name == "vol-2", "CreateTime": NOW} for name in ("vol-1", "vol-2")
    ]
    volumes = list(ec2.get_paginator("describe_volumes").paginate().search("Volumes[]"))
    assert [(volume["VolumeId"], volume["Encrypted"]) for volume in volumes] == [("vol-1", False), ("vol-2", True)]
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"


def test_file_systems_are_asked_for_by_a_path(aws: EmbeddedAws, world: World) -> None:
    assert client(aws, "efs").describe_file_systems(MaxItems=10)["FileSystems"] == []
    assert aws.requests["elasticfilesystem:DescribeFileSystems"] == 1


@pytest.mark.parametrize(
    ("service", "call", "refused", "unknown"),
    [
        ("ec2", "describe_volumes", "UnauthorizedOperation", "AuthFailure"),
        ("rds", "describe_db_instances", "AccessDenied", "InvalidClientTokenId"),
        ("iam", "list_users", "AccessDenied", "InvalidClientTokenId"),
        ("efs", "describe_file_systems", "AccessDeniedException", "UnrecognizedClientException"),
        ("events", "list_rules", "AccessDeniedException", "UnrecognizedClientException"),
    ],
)
def test_every_service_refuses_in_its_own_words(
    aws: EmbeddedAws, service: str, call: str, refused: str, unknown: str
) -> None:
    assert refusal(getattr(client(aws, service, key="AKIANOBODY0000000000"), call))[0] == unknown
    aws.faults = [Rule(fault=Fault.REFUSE)]
    assert refusal(getattr(client(aws, service), call))[0] == refused


def test_trails_of_all_regions_show_in_each(aws: EmbeddedAws, world: World) -> None:
    trail = {"Name": "all", "TrailARN": "arn:all", "S3BucketName": "b", "IsMultiRegionTrail": True}
    world.datastores[MAIN, "eu-west-1", "cloudtrail:DescribeTrails"] = [trail]
    elsewhere = client(aws, "cloudtrail", region="us-east-1")
    assert [one["Name"] for one in elsewhere.describe_trails()["trailList"]] == ["all"]
    assert elsewhere.describe_trails(includeShadowTrails=False)["trailList"] == []
    world.stopped_trails.add("arn:all")
    assert elsewhere.get_trail_status(Name="arn:all")["IsLogging"] is False
