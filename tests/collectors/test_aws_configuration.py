"""The table of an AWS source is taken whole or refused with the reason."""

import botocore.session
import pytest
from pydantic import ValidationError

from collectors.aws.configuration import AwsConfiguration, account_of_role

ROLE = "arn:aws:iam::111122223333:role/path/audit"


def _made(**table: object) -> AwsConfiguration:
    return AwsConfiguration.model_validate({"name": "prod", "regions": ["eu-west-1"], **table})


def test_the_least_table_reads_everything() -> None:
    made = _made()
    assert made.services == ["kms", "secretsmanager", "ssm", "cloudhsm", "iam", "acm", "datastores"]
    assert made.roles == []
    assert _made(regions="all").regions == "all"


def test_roles_may_be_one_or_many() -> None:
    other = "arn:aws-us-gov:iam::444455556666:role/audit"
    assert _made(role_arn=ROLE).roles == [ROLE]
    assert _made(role_arn=[ROLE, other]).roles == [ROLE, other]
    assert account_of_role(other) == "444455556666"
    with pytest.raises(ValueError, match="no ARN"):
        account_of_role("arn:aws:iam::444455556666:user/me")


def test_every_region_that_botocore_knows_is_a_region() -> None:
    session = botocore.session.Session()
    partitions = session.get_available_partitions()
    names = {name for p in partitions for name in session.get_available_regions("ec2", partition_name=p)}
    assert len(names) > 30
    assert _made(regions=sorted(names)).regions == sorted(names)


def test_an_organization_can_be_narrowed() -> None:
    narrowed = _made(organization={"role": "audit", "accounts": ["111122223333"], "exclude": []}).organization
    assert narrowed is not None
    assert narrowed.wants("111122223333")
    assert not narrowed.wants("444455556666")
    excluding = _made(organization={"role": "audit", "exclude": ["444455556666"]}).organization
    assert excluding is not None
    assert not excluding.wants("444455556666")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"name": "a/b"}, "name"),
        ({"name": ""}, "name"),
        ({"regions": []}, 'expected a list of regions, such as ["eu-west-1"], or "all"'),
        ({"regions": "eu-west-1"}, "expected a list of regions"),
        ({"regions": ["eu-west1"]}, "'eu-west1' is no AWS region"),
        ({"regions": ["eu-west-1", "eu-west-1"]}, "named twice"),
        ({"regions": [1]}, "1 is no AWS region"),
        ({"role_arn": "audit"}, "'audit' is no ARN of a role"),
        ({"role_arn": []}, "at least one role"),
        ({"role_arn": [ROLE, ROLE]}, "an account is read once"),
        ({"role_arn": [ROLE, ROLE.replace("1111", "2222")], "organization": {"role": "audit"}}, "only the one role"),
        ({"external_id": "x1"}, "only with role_arn or organization"),
        ({"organization": {}}, "Field required"),
        ({"organization": {"role": "audit", "accounts": ["1"]}}, "pattern"),
        ({"endpoint_url": "localhost:5000"}, "no http or https URL"),
        ({"endpoint_url": "https://me:secret@example.com"}, "must not hold credentials"),
        ({"services": []}, "at least 1"),
        ({"services": ["s3"]}, "'cloudhsm', 'iam', 'acm' or 'datastores'"),
        ({"keys_read_by": {"hsm": "hsm-1"}}, "pattern"),
        ({"attempts": 0}, "greater than or equal to 1"),
        ({"timeout_seconds": 0}, "greater than 0"),
        ({"aws_secret_access_key": "x"}, "Extra inputs"),
    ],
)
def test_what_is_wrong_is_refused_with_the_reason(table: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _made(**table)
    assert says in str(refused.value)


def test_a_refused_table_does_not_repeat_a_password() -> None:
    with pytest.raises(ValidationError) as refused:
        _made(endpoint_url="https://me:secret@example.com")
    assert "secret" not in refused.value.errors(include_input=False, include_url=False)[0]["msg"]
