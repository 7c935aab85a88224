"""The endpoint that the benchmarks collect from answers in the shapes of botocore's models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config

from benchmarks.endpoint import requests_served, simulated_endpoint
from benchmarks.estate import EMPTY, EVERYTHING_IS_ASKED, MIXED, NOW, Account, Key, Kind
from benchmarks.runs import PAGES
from collectors.aws.operations import OPERATIONS
from collectors.aws.paging import PAGING

KEYS = 250
SERVICES = {"tag": "resourcegroupstaggingapi", "cloudhsm": "cloudhsmv2", "elasticfilesystem": "efs"}
SCALARS = {"string": str, "integer": int, "boolean": bool, "long": int}


@cache
def shape_of(operation: str) -> Any:
    service, action = operation.split(":")
    model = botocore.session.get_session().get_service_model(SERVICES.get(service, service))
    return model.operation_model(action).output_shape


def misfits(shape: Any, value: Any, place: str) -> Iterator[str]:
    """What of a JSON value is not as the shape says."""
    kind = shape.type_name
    if kind == "structure":
        yield from (f"{place}.{name} is unknown" for name in value if name not in shape.members)
        yield from (f"{place}.{name} is missing" for name in shape.required_members if name not in value)
        for name in value.keys() & shape.members.keys():
            yield from misfits(shape.members[name], value[name], f"{place}.{name}")
    elif kind == "list":
        for item in value:
            yield from misfits(shape.member, item, f"{place}[]")
    elif kind == "map":
        for item in value.values():
            yield from misfits(shape.value, item, f"{place}{{}}")
    elif kind == "timestamp":
        if not isinstance(value, float) and datetime.fromisoformat(value).tzinfo is None:
            yield f"{place} is no time"
    elif type(value) is not SCALARS[kind] or value not in (getattr(shape, "enum", None) or [value]):
        yield f"{place} is {value!r}"


@pytest.mark.parametrize("kind", Kind)
def test_answers_about_a_key_fit_their_shapes(kind: Kind) -> None:
    for number in range(30):
        for operation, answer in Key(number, kind, "111122223333", "eu-west-1").answers():
            assert list(misfits(shape_of(operation), answer, operation)) == []


@pytest.mark.parametrize("kind", Kind)
def test_the_history_of_a_key_lies_in_its_lifetime(kind: Kind) -> None:
    for number in range(1_000):
        key = Key(number, kind, "111122223333", "eu-west-1")
        dates = [key.created, *key.rotations, NOW]
        assert dates == sorted(dates)


def test_lists_fit_their_shapes() -> None:
    account = Account(KEYS)
    answers = [(name, account.page(name, 0, 100)) for name in PAGES]
    answers += [*EMPTY.items(), ("sts:GetCallerIdentity", account.caller())]
    answers += [("account:GetAccountInformation", account.information())]
    for operation, answer in answers:
        assert list(misfits(shape_of(operation), answer, operation)) == []


def test_a_misfit_is_noticed() -> None:
    shape = shape_of("kms:DescribeKey")
    assert list(misfits(shape, {"KeyMetadata": {"KeyState": "Fine", "Color": "red"}}, "it"))
    assert list(misfits(shape, {"KeyMetadata": {"KeyId": "x", "Enabled": "yes"}}, "it")) == [
        "it.KeyMetadata.Enabled is 'yes'"
    ]


def test_pages_are_of_the_size_that_the_collector_asks_for() -> None:
    for operation, (size, asks_size, asks_start) in PAGES.items():
        assert (PAGING[operation].size, PAGING[operation].asks) == ({asks_size: size}, asks_start)


def test_the_estates_are_of_what_they_claim() -> None:
    everything = {name for name in OPERATIONS if name.startswith("kms:")} - {*PAGES, *EMPTY, "kms:ListResourceTags"}
    for kind in EVERYTHING_IS_ASKED:
        assert {name for name, _ in Key(1, kind, "111122223333", "eu-west-1").answers()} == everything
    assert set(MIXED) == set(Kind)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with simulated_endpoint(KEYS, delay_ms=0) as url:
        yield url


def client(service: str, url: str) -> Any:
    return boto3.client(
        service,
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="example",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_boto3_reads_every_answer_about_a_key(url: str) -> None:
    key = Account(KEYS, EVERYTHING_IS_ASKED).key(7)
    kms = client("kms", url)
    for operation, answer in key.answers():
        method = {n: m for m, n in kms.meta.method_to_api_mapping.items()}[operation.split(":")[1]]
        more = {"PolicyName": "default"} if operation == "kms:GetKeyPolicy" else {}
        read = getattr(kms, method)(KeyId=key.arn, **more)
        assert read.keys() - {"ResponseMetadata"} == answer.keys()
    assert kms.describe_key(KeyId=key.arn)["KeyMetadata"]["CreationDate"] == key.created


def test_boto3_walks_the_lists_to_their_ends(url: str) -> None:
    kms, tags = client("kms", url), client("resourcegroupstaggingapi", url)
    keys = list(kms.get_paginator("list_keys").paginate(Limit=100).search("Keys[].KeyArn"))
    aliases = list(kms.get_paginator("list_aliases").paginate(Limit=100).search("Aliases[].TargetKeyId"))
    pages = tags.get_paginator("get_resources").paginate(ResourcesPerPage=100, ResourceTypeFilters=["kms:key"])
    wanted = [key.arn for key in Account(KEYS).all_keys()]
    assert keys == wanted
    assert list(pages.search("ResourceTagMappingList[].ResourceARN")) == wanted
    assert aliases == [key.id for key in Account(KEYS).all_keys()]


def test_boto3_reads_the_rest(url: str) -> None:
    account = Account(KEYS)
    caller = client("sts", url).get_caller_identity()
    assert {name: caller[name] for name in account.caller()} == account.caller()
    assert client("account", url).get_account_information()["AccountName"] == account.information()["AccountName"]
    assert client("kms", url).describe_custom_key_stores()["CustomKeyStores"] == []
    assert client("secretsmanager", url).list_secrets()["SecretList"] == []
    assert client("ssm", url).describe_parameters()["Parameters"] == []
    assert client("cloudtrail", url).describe_trails()["trailList"] == []


def test_what_is_not_simulated_is_refused_and_counted(url: str) -> None:
    kms = client("kms", url)
    before = requests_served(url)
    with pytest.raises(kms.exceptions.ClientError, match="not simulated"):
        kms.list_retirable_grants(RetiringPrincipal="arn:aws:iam::111122223333:root")
    kms.list_grants(KeyId=Account(KEYS).key(3).arn)
    after = requests_served(url)
    asked = {name: number - before.get(name, 0) for name, number in after.items() if number != before.get(name)}
    assert asked == {"kms:ListRetirableGrants": 1, "kms:ListGrants": 1}


def test_requests_in_pieces_and_in_one_piece_are_answered(url: str) -> None:
    import socket

    host, port = url.removeprefix("http://").split(":")
    body = json.dumps({"Limit": 1}).encode()
    request = (
        f"POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: TrentService.ListKeys\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for piece in (request[:20], request[20:-4], request[-4:] + request):
            connection.sendall(piece)
        received = b""
        while received.count(b'"Truncated":true') < 2:
            received += connection.recv(65536)
    assert received.count(b"HTTP/1.1 200 OK") == 2
