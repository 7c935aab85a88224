"""The table of a Google Cloud source is taken whole or refused with the reason."""

import pytest
from pydantic import ValidationError

from collectors.gcp.configuration import GcpConfiguration


def _made(**table: object) -> GcpConfiguration:
    return GcpConfiguration.model_validate({"name": "prod", **table})


def test_the_least_table_reads_everything() -> None:
    made = _made(organization="123456789012")
    assert made.services == ["kms", "secretmanager", "iam", "apikeys"]
    assert (made.transport, made.asset_inventory, made.secret_locations) == ("grpc", True, [])


@pytest.mark.parametrize(
    "table",
    [
        {"projects": ["example-payments", "example.com:old-project"]},
        {"folders": ["345678901234"]},
        {"organization": "1", "transport": "rest", "endpoint": "127.0.0.1:8443", "ca_file": "ca.pem"},
        {"organization": "1", "endpoint": "[::1]:8443"},
        {"organization": "1", "secret_locations": ["europe-west3", "us-east1"]},
    ],
)
def test_what_can_be_read_is_taken(table: dict[str, object]) -> None:
    made = _made(**table).model_dump()
    assert {name: made[name] for name in table} == table


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"name": "a/b", "organization": "1"}, "name"),
        ({}, "exactly one of projects, folders and organization"),
        ({"organization": "1", "projects": ["example-payments"]}, "exactly one of"),
        ({"organization": "organizations/1"}, "no number of an organization, such as"),
        ({"organization": 1}, "quotation marks"),
        ({"folders": []}, "at least 1"),
        ({"folders": ["a"]}, "no number of a folder"),
        ({"projects": ["Example"]}, "no id of a project"),
        ({"projects": ["x" * 40]}, "no id of a project"),
        ({"projects": ["example-payments"] * 2}, "named twice"),
        ({"organization": "1", "services": ["storage"]}, "'kms', 'secretmanager', 'iam' or 'apikeys'"),
        ({"organization": "1", "services": []}, "at least 1"),
        ({"organization": "1", "transport": "http"}, "'grpc' or 'rest'"),
        ({"organization": "1", "endpoint": "https://localhost:1"}, "no host and port"),
        ({"organization": "1", "endpoint": "user:secret@host:1"}, "no host and port"),
        ({"organization": "1", "ca_file": "ca.pem"}, "only with endpoint"),
        ({"organization": "1", "secret_locations": ["Europe"]}, "no location, such as europe-west3"),
        ({"organization": "1", "attempts": 0}, "greater than or equal to 1"),
        ({"organization": "1", "timeout_seconds": 0}, "greater than 0"),
        ({"organization": "1", "credentials": "x"}, "Extra inputs"),
    ],
)
def test_what_is_wrong_is_refused_with_the_reason(table: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _made(**table)
    assert says in str(refused.value)
