"""The scope of KMS in one account and region: its stores, its keys, their material and who may use them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from collectors.aws.answers import Aliases, CustomKeyStore, CustomKeyStores, Keys
from collectors.aws.facts.alert import alerted_events, alerts_not_offered
from collectors.aws.facts.key import KeyReading, key_rows
from collectors.aws.facts.scope import Setting
from collectors.aws.facts.tags import tags_of_all
from collectors.scope_rows import Tally, listed, without_bodies
from evidence.model import NEVER, AlertedEvent, Key, KeyStore, ProtectionLevel, Row, State
from evidence.observation import Status
from evidence.reading import Reading

_STORE_KINDS = {"AWS_CLOUDHSM": "AWS CloudHSM key store", "EXTERNAL_KEY_STORE": "external key store"}
_STORE_PROTECTION = {"AWS_CLOUDHSM": ProtectionLevel.HSM, "EXTERNAL_KEY_STORE": ProtectionLevel.EXTERNAL}
_REACHED = {"PUBLIC_ENDPOINT": True, "VPC_ENDPOINT_SERVICE": False}
"""By an external key store's connectivity: its proxy is reachable from the public internet."""

_SHORTEST_WINDOW_DAYS = 7
"""Source: AWS KMS API reference, ScheduleKeyDeletion: 7 to 30 days, which nobody can shorten once it runs."""


@dataclass(slots=True)
class Region:
    """What is listed of a region at once: its keys, their aliases and tags, and its custom key stores."""

    reading: Reading
    """With its failures, without the bodies of its answers."""
    keys: dict[str, str] = field(default_factory=dict)
    """ARN → the observation that lists it; a key is taken out once it is read."""
    aliases: dict[str, list[str]] | None = None
    """Key id → its aliases; None where they were not all read."""
    tags: Mapping[str, Mapping[str, str]] | None = None
    """ARN → its tags; None where they were not all read."""
    evidence: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """ARN or key id → the observations that name it."""
    stores: list[tuple[str, CustomKeyStore]] = field(default_factory=list)
    alerted: list[AlertedEvent] | None = None
    answered: bool = False
    """KMS itself was, and not only the services that tell of tags and alerts."""

    @classmethod
    def read(cls, setting: Setting, reading: Reading) -> Region:
        """Read the lists. What could not be read is in the failures of `reading`."""
        region = cls(reading)
        for observation, keys in listed(reading, "kms:ListKeys", Keys, lambda page: page.more):
            region.keys.update(dict.fromkeys((key.KeyArn for key in keys.Keys), observation))
        if region.keys or "kms:ListKeys" in reading.failures:
            region._read_aliases(reading)
            region.tags, told = tags_of_all(reading)
            for arn, observations in told.items():
                region.evidence[arn].extend(observations)
        else:
            region.aliases, region.tags = {}, {}
        for observation, page in listed(
            reading, "kms:DescribeCustomKeyStores", CustomKeyStores, lambda page: page.more
        ):
            region.stores.extend((observation, store) for store in page.CustomKeyStores)
        region.answered = any(o.status is Status.OK and o.operation.startswith("kms:") for o in reading.observations)
        if region.answered:
            region.alerted = alerted_events(setting, reading)
        region.reading = without_bodies(reading)
        return region

    def _read_aliases(self, reading: Reading) -> None:
        aliases: dict[str, list[str]] = defaultdict(list)
        for observation, page in listed(reading, "kms:ListAliases", Aliases, lambda page: page.more):
            for alias in page.Aliases:
                if alias.TargetKeyId:
                    aliases[alias.TargetKeyId].append(alias.AliasName)
                    self.evidence[alias.TargetKeyId].append(observation)
        self.aliases = None if "kms:ListAliases" in reading.failures else aliases

    def take(self, reading: Reading) -> KeyReading:
        """The reading of one key, with what the lists tell of it."""
        arn = reading.subject
        key_id = arn.rpartition("/")[2]
        evidence = [*reading.evidence, *filter(None, [self.keys.pop(arn, "")])]
        return KeyReading(
            reading=reading,
            region_reading=self.reading,
            aliases=None if self.aliases is None else sorted(self.aliases.get(key_id, ())),
            tags=None if self.tags is None else self.tags.get(arn, {}),
            evidence=[*evidence, *self.evidence.get(key_id, ()), *self.evidence.get(arn, ())],
        )


def normalize_kms(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: the region's own reading comes first, then one a key."""
    tally = Tally(setting.operations)
    region: Region | None = None
    for reading in readings:
        if region is None:
            first = reading if reading.subject == "" else Reading("", [])
            region = Region.read(setting, first)
            tally.count(first)
            yield from _region_rows(setting, region, tally)
        if reading.subject:
            tally.described += yield from key_rows(setting, region.take(reading))
            tally.count(reading)
        elif reading.observations[0].id not in tally.evidence:
            tally.count(reading)
    if region is None:
        region = Region.read(setting, Reading("", []))
        yield from _region_rows(setting, region, tally)
    for arn in list(region.keys):
        unread = Reading(arn, [])
        yield from key_rows(setting, region.take(unread))
        tally.count(unread)
    yield from tally.rows(setting)


def _region_rows(setting: Setting, region: Region, tally: Tally) -> Iterator[Row]:
    failures = region.reading.failures
    anchor = Key(**setting.bookkeeping(setting.header.id, ()))
    complete = not failures.keys() & {"kms:ListKeys", "kms:DescribeCustomKeyStores"}
    tally.listed = len(region.keys) + len(region.stores) if complete else None
    tally.described = len(region.stores)
    if "kms:ListKeys" in failures:
        for table in ("key", "key_version", "access"):
            yield setting.rows_missing(anchor, table, "", *tally.why("kms:ListKeys"))
    if "kms:DescribeCustomKeyStores" in failures:
        yield setting.rows_missing(anchor, "key_store", "", *tally.why("kms:DescribeCustomKeyStores"))
    unasked = alerts_not_offered(region.reading)
    if region.answered:
        yield from setting.explained(_service_store(setting, region), [region.reading], unasked)
    for observation, store in region.stores:
        yield from setting.explained(_custom_store(setting, region, observation, store), [region.reading], unasked)


def _service_store(setting: Setting, region: Region) -> KeyStore:
    """KMS itself. Source: AWS KMS Developer Guide: keys are held in hardware security modules, and a deletion waits."""
    return setting.service_store(
        (o.id for o in region.reading.of("kms:ListKeys")),
        kind="AWS KMS",
        name="AWS KMS",
        protection_level=ProtectionLevel.HSM,
        soft_delete=True,
        purge_protection=True,
        recovery_days=_SHORTEST_WINDOW_DAYS,
        access_model="key policy, IAM policies and grants",
        alerted_events=region.alerted,
    )


def _custom_store(setting: Setting, region: Region, observation: str, store: CustomKeyStore) -> KeyStore:
    """What happens to its keys, KMS does and tells."""
    kind = store.CustomKeyStoreType or ""
    proxy = store.XksProxyConfiguration
    connectivity = proxy.Connectivity if proxy else None
    return KeyStore(
        **setting.bookkeeping(store.CustomKeyStoreId, [observation]),
        kind=_STORE_KINDS.get(kind),
        name=store.CustomKeyStoreName,
        account=setting.header.account,
        region=setting.header.region,
        protection_level=_STORE_PROTECTION.get(kind),
        validation="",
        backed_by=store.CloudHsmClusterId,
        soft_delete=True,
        purge_protection=True,
        recovery_days=_SHORTEST_WINDOW_DAYS,
        network_public=False if kind == "AWS_CLOUDHSM" else _REACHED.get(connectivity or ""),
        alerted_events=region.alerted,
        access_model="key policy, IAM policies and grants",
        activated=None if store.ConnectionState is None else store.ConnectionState == "CONNECTED",
        state=State.ACTIVE,
        deletion_at=NEVER,
        regions=[setting.header.region],
        store_settings="{}",
        connection_state=store.ConnectionState.lower() if store.ConnectionState else None,
    )
