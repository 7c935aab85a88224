"""An Azure whose every text was written by somebody who means harm to whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from hostile import FORGED_NAME, NOW

from keyproof.demo.azure.faults import Rule
from keyproof.demo.azure.roles import Role, built_in
from keyproof.demo.azure.vault_answers import ARM_KEYS
from keyproof.demo.azure.world import (
    MANAGED_HSM,
    AccessPolicy,
    Assignment,
    Certificate,
    Key,
    LogSetting,
    RotationPolicy,
    Secret,
    StorageAccount,
    Store,
    Subscription,
    Version,
    World,
)
from keyproof.demo.faults import Fault
from keyproof.demo.names import days, stable_id

SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"

DURATIONS = ("P99999999999Y", "PT", "P", "-P1D", "P1Y" * 1_000, "P1.5Y", "90", "P0D", "P1Y2M3W4DT5H6M7S", "Infinity")
"""Durations that are none, or none that a calendar holds."""

_LISTS_OF_NAMES = (
    "arm:Subscriptions_List",
    "arm:Vaults_ListBySubscription",
    "keys:GetKeys",
    "secrets:GetSecrets",
    "certificates:GetCertificates",
)
"""A name that Azure would never admit costs the whole page, so that each stands on one of its own."""


def hostile_world(texts: Mapping[str, str], address: str) -> World:
    """The estate: each text stands as name, tag, type and policy of something.

    `texts` are by what they try; `address` is a server that nobody may ask, which one vault names as its own.
    """
    world = World(NOW, tenant=stable_id("hostile tenant"))
    world.clients[stable_id("hostile client")] = stable_id("hostile object")
    world.add_subscription(Subscription(id=SUBSCRIPTION, name=" ".join(texts.values())[:4_000], state=texts["script"]))
    world.add_subscription(Subscription(id=FORGED_NAME, name=texts["ansi"]))
    _fill(world.add_store(_vault("hostile", texts)), texts)
    for kind, text in texts.items():
        if len(text) < 200:
            world.add_store(_vault(text or kind, {kind: text}))
    elsewhere = world.add_store(_vault("elsewhere", {}))
    elsewhere.listens_at = address
    elsewhere.add_key(Key(name="bait", versions=[Version(at=NOW)]))
    _fill_hsm(world.add_store(_vault("hostile-hsm", texts, kind=MANAGED_HSM)), texts)
    _add_storage_accounts(world, texts)
    _assign(world, texts)
    told = f"{texts['script']}{texts['ansi']}{texts['control']}{texts['formula']}{texts['surrogate']}"
    world.refusals = [
        Rule(fault=Fault.REFUSE, operation="keys:GetKeyRotationPolicy", subject="tags-script", because=told),
        Rule(fault=Fault.REFUSE, operation="arm:RoleAssignments_*", subject="hostile-hsm", because=texts["long"]),
    ]
    world.page_sizes = dict.fromkeys(_LISTS_OF_NAMES, 1)
    return world


def _vault(name: str, texts: Mapping[str, str], **more: str) -> Store:
    everything = list(texts.values())
    return Store(
        name=name,
        subscription=SUBSCRIPTION,
        group="rg",
        created_at=NOW - days(100),
        sku=everything[0] if everything else "standard",
        tags={**dict.fromkeys(everything, "x"), **texts},
        access_policies=[AccessPolicy(object_id=text, keys=[text], secrets=[text], tenant=text) for text in everything],
        rbac=not everything,
        default_action=everything[-1] if everything else "Allow",
        ip_rules=everything,
        subnets=everything,
        private_endpoints=everything,
        log_settings=[
            LogSetting(name=text, workspace=text, categories={text: True}, groups={text: True}) for text in everything
        ],
        **more,  # type: ignore[arg-type]
    )


def _fill(vault: Store, texts: Mapping[str, str]) -> None:
    at = [Version(at=NOW - days(50)), Version(at=NOW - days(5))]
    for kind, text in texts.items():
        vault.add_key(Key(name=f"tags-{kind.replace(' ', '-')}", versions=at, tags={text: text, "owner": text}))
        vault.add_key(Key(name=text, versions=at))
        release = Key(name=f"release-{kind.replace(' ', '-')}", versions=at, exportable=True, release_policy=text)
        vault.add_key(release)
        operations = Key(name=f"operations-{kind.replace(' ', '-')}", versions=at, operations=[text])
        vault.add_key(operations)
        vault.add_secret(Secret(name=text, versions=at, content_type=text, tags={text: text}))
        vault.add_certificate(
            Certificate(
                name=f"certificate-{kind.replace(' ', '-')}",
                versions=at,
                subject=text,
                dns_names=[text],
                issuer=text,
                content_type=text,
            )
        )
    for number, duration in enumerate(DURATIONS):
        policy = RotationPolicy(at=NOW, rotate_after=duration, notify_before_expiry=duration, expiry_time=duration)
        vault.add_key(Key(name=f"duration-{number}", versions=at, policy=policy))
    ages = [datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]
    for number, time in enumerate(ages):
        version = Version(at=time, not_before=time, expires_at=time)
        vault.add_key(Key(name=f"time-{number}", versions=[version, *at, version]))


def _add_storage_accounts(world: World, texts: Mapping[str, str]) -> None:
    for kind, text in texts.items():
        named = {"name": text, "location": text, "public": text, "key": f"https://{text}/keys/{text}"}
        plain = {"name": kind.replace(" ", "-"), "default_action": text, "key": text}
        for facts in (named, plain):
            account = StorageAccount(
                subscription=SUBSCRIPTION, group="rg", created_at=NOW - days(9), rotated=[NOW - days(9), None], **facts
            )
            world.storage_accounts.append(account)


def _fill_hsm(hsm: Store, texts: Mapping[str, str]) -> None:
    hsm.settings = {ARM_KEYS: True, **dict.fromkeys(texts.values(), True)}
    hsm.administrators = list(texts.values())
    hsm.regions = list(texts.values())
    hsm.activation = texts["script"]
    hsm.external_key_manager = texts["link"]
    hsm.assignments = [
        Assignment(scope=f"/keys/{text}", role=built_in("Managed HSM Crypto User"), principal=text)
        for text in texts.values()
    ]
    hsm.roles = [_role(text) for text in texts.values()]


def _role(text: str) -> Role:
    return Role(
        id=stable_id("hostile role", text),
        name=text,
        description=text,
        actions=(text, "*" * 500 + "x"),
        not_actions=(text,),
        data_actions=(text, "Microsoft.KeyVault/" + "*/" * 200),
        not_data_actions=(text,),
        custom=True,
        scopes=("/", text),
    )


def _assign(world: World, texts: Mapping[str, str]) -> None:
    scope = f"/subscriptions/{SUBSCRIPTION}"
    world.roles = [_role(text) for text in texts.values()]
    for role, text in zip(world.roles, texts.values(), strict=True):
        world.assignments.append(Assignment(scope=scope, role=role, principal=text, kind=text, condition=text))
        below = f"{scope}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/hostile/keys/{text}"
        world.assignments.append(Assignment(scope=below, role=built_in("Owner"), principal=text, kind="User"))
