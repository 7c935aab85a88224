"""The scope of SSM in one account and region: its SecureString parameters and who may read them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from collectors.aws.answers import Parameter, Parameters, ParameterTags, ResourcePolicies
from collectors.aws.facts.access import access_missing, policy_rows, read_policies
from collectors.aws.facts.scope import Setting
from collectors.aws.facts.secret import encryption_keys
from collectors.aws.facts.tags import tags_of_all
from collectors.aws.policy import NO_POLICY, PolicyFacts
from collectors.scope_rows import Tally, expect, fill, listed, without_bodies
from collectors.tags import tag_facts
from evidence.model import NEVER, Manager, ProtectionLevel, RotationResult, Row, Secret, State
from evidence.reading import Reading, Time

LIST = "ssm:DescribeParameters"
POLICIES = "ssm:GetResourcePolicies"

_DEFAULT_KEY = "alias/aws/ssm"
_TIME: TypeAdapter[datetime] = TypeAdapter(Time)


@dataclass(slots=True)
class _Store:
    """What is listed at once: the parameters, whose list describes them, and their tags."""

    reading: Reading
    parameters: dict[str, tuple[str, Parameter]] = field(default_factory=dict)
    """ARN → the observation that lists it, and the parameter; taken out once its row is made."""
    tags: Mapping[str, Mapping[str, str]] | None = None


def normalize_parameters(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: the list comes first, then a reading of each parameter of which more was asked."""
    tally = Tally(setting.operations)
    store: _Store | None = None
    for reading in readings:
        if store is None:
            store = _listed(setting, reading if reading.subject == "" else Reading("", []), tally)
            yield from _store_rows(setting, store, tally)
        if reading.subject:
            yield from _parameter_rows(setting, store, reading)
            tally.count(reading)
    if store is None:
        store = _listed(setting, Reading("", []), tally)
        yield from _store_rows(setting, store, tally)
    for arn in list(store.parameters):
        unread = Reading(arn, [])
        yield from _parameter_rows(setting, store, unread)
        tally.count(unread)
    yield from tally.rows(setting)


def _listed(setting: Setting, reading: Reading, tally: Tally) -> _Store:
    store = _Store(reading)
    for observation, page in listed(reading, LIST, Parameters, lambda page: page.more):
        for parameter in page.Parameters:
            if parameter.Type in (None, "SecureString"):
                store.parameters[_arn(setting, parameter)] = (observation, parameter)
    if store.parameters:
        store.tags, _ = tags_of_all(reading)
    tally.listed = None if LIST in reading.failures else len(store.parameters)
    tally.described = len(store.parameters)
    tally.count(reading)
    store.reading = without_bodies(reading)
    return store


def _arn(setting: Setting, parameter: Parameter) -> str:
    header = setting.header
    name = parameter.Name.lstrip("/")
    return parameter.ARN or f"arn:{setting.partition}:ssm:{header.region}:{header.account}:parameter/{name}"


def _store_rows(setting: Setting, store: _Store, tally: Tally) -> Iterator[Row]:
    header = setting.header
    anchor = Secret(**setting.bookkeeping(header.id, ()))
    if LIST in store.reading.failures:
        for table in ("secret", "access"):
            yield setting.rows_missing(anchor, table, "", *tally.why(LIST))
    if not any(observation.status == "ok" for observation in store.reading.of(LIST)):
        yield setting.rows_missing(anchor, "key_store", "", *tally.why(LIST))
        return
    row = setting.service_store(
        (o.id for o in store.reading.of(LIST)),
        kind="AWS Systems Manager Parameter Store",
        name="Parameter Store",
        protection_level=ProtectionLevel.SOFTWARE,
        soft_delete=False,
        purge_protection=False,
        recovery_days=0,
        access_model="IAM policies",
    )
    yield from setting.explained(row, [store.reading])


def _parameter_rows(setting: Setting, store: _Store, reading: Reading) -> Iterator[Row]:
    arn = reading.subject
    observation, parameter = store.parameters.pop(arn, ("", None))
    policy = _policy(setting, reading, parameter)
    tags = _tags(store, reading)
    region, account = (arn.split(":") + [""] * 5)[3:5]
    row = Secret(
        **setting.bookkeeping(arn, filter(None, [observation, *reading.evidence])),
        kind="parameter",
        content_type="",
        account=account or setting.header.account or None,
        region=region or setting.header.region,
        key_store=setting.store(),
        managed_by="",
        manager=Manager.CUSTOMER,
        state=State.ACTIVE,
        rotatable=False,
        key_settable=True,
        rotation_enabled=False,
        rotation_period_days=0,
        rotation_schedule="",
        rotation_next_at=NEVER,
        rotation_result=RotationResult.NONE,
        deletion_window_set=False,
        deletion_window_days=0,
        regions=[region or setting.header.region],
        public=policy.public if policy else None,
        external_accounts=list(policy.outsiders) if policy and policy.outsiders is not None else None,
        wildcard_access=policy.wildcard_access if policy else None,
    )
    if parameter is not None:
        row.name = parameter.Name
        row.description = parameter.Description
        row.created_at = parameter.LastModifiedDate if parameter.Version == 1 else None
        row.last_rotated_at = parameter.LastModifiedDate
        row.expires_at = _expiry(parameter)
        row.expiry_settable = None if parameter.Tier is None else parameter.Tier != "Standard"
        row.keys = None if parameter.KeyId is None else encryption_keys(parameter.KeyId, arn, _DEFAULT_KEY)
    fill(row, asdict(tag_facts(tags, parameter.Description if parameter else None, setting.settings)))
    yield from setting.explained(row, [reading, store.reading])
    if policy is not None:
        yield from policy_rows(setting, arn, reading, POLICIES, "resource policy", policy)
    elif POLICIES in reading.failures:
        yield from access_missing(setting, arn, {POLICIES: reading.failures[POLICIES]})


def _policy(setting: Setting, reading: Reading, parameter: Parameter | None) -> PolicyFacts | None:
    """What its policies admit. A parameter of the standard tier cannot have any.

    Source: AWS Systems Manager User Guide, working with shared parameters.
    """
    if parameter is not None and parameter.Tier == "Standard":
        return NO_POLICY
    pages = [page for _, page in listed(reading, POLICIES, ResourcePolicies, lambda page: page.more)]
    if POLICIES in reading.failures:
        return None
    account = (reading.subject.split(":") + [""] * 5)[4] or setting.header.account
    texts = [policy.Policy for page in pages for policy in page.Policies]
    return read_policies(reading, POLICIES, texts, reading.subject, "ssm", setting.owner(account))


def _tags(store: _Store, reading: Reading) -> Mapping[str, str] | None:
    if store.tags is not None:
        return store.tags.get(reading.subject, {})
    expect(reading, "ssm:ListTagsForResource")
    answer = reading.answer("ssm:ListTagsForResource", ParameterTags)
    return {tag.Key: tag.Value for tag in answer.TagList} if answer else None


def _expiry(parameter: Parameter) -> datetime | None:
    """When its expiration policy deletes it; NEVER without one, None where the policy cannot be read."""
    for policy in parameter.Policies:
        if policy.PolicyType == "Expiration":
            try:
                document = json.loads(policy.PolicyText)
                return _TIME.validate_python(document["Attributes"]["Timestamp"])
            except (ValueError, ValidationError, RecursionError, TypeError, KeyError):
                return None
    return NEVER
