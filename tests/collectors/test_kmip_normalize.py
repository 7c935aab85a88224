"""What a KMIP server's answers come to, and what they leave open."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import kmip_wire as wire
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from kmip.core import enums
from kmip_recordings import (
    ACTIVATED,
    ACTIVE,
    ADDRESS,
    ALGORITHM,
    CERTIFICATE,
    COMPROMISED,
    COMPROMISED_STATE,
    DEACTIVATED,
    DEACTIVATED_STATE,
    DESTROYED,
    DESTROYED_COMPROMISED,
    DESTROYED_STATE,
    HEADER,
    INITIAL,
    LENGTH,
    MASK,
    OBSERVED,
    OPAQUE,
    ORIGINAL,
    PRE_ACTIVE,
    PRIVATE,
    PROTECT_STOP,
    PUBLIC,
    REFUSED,
    SECRET,
    SYMMETRIC,
    aes,
    dates,
    day,
    id_of,
    inventory,
    observation,
    on,
    recorded,
    rows,
    thing,
)
from kmip_runs import SETTINGS, Rows, collected, rows_of
from kmip_server import Told, serving
from kmip_wire import Item, link
from small_kmip import symmetric

from collectors.kmip.distinguished_names import distinguished_name
from collectors.kmip.normalize import normalize
from evidence.model import NEVER, KeyType, Manager, Origin, ProtectionLevel, Rotatable, State, Usage, VersionCause
from evidence.observation import Status
from evidence.reading import Reading

MADE, LATER, LATEST = day(2024), day(2025), day(2026)
STORE = f"kmip://{ADDRESS}"


def named(name: str) -> Item:
    return wire.structure(0x420053, wire.text(0x420055, name), wire.enumeration(0x420054, 1))


def key(*items: Item, state: int = ACTIVE, **more: Any) -> Any:
    """The row of the one key of a server."""
    return inventory({"1": aes(state, *items)}, **more).only("key")


# --- dates and states -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (PRE_ACTIVE, State.PRE_ACTIVE),
        (ACTIVE, State.ACTIVE),
        (DEACTIVATED_STATE, State.DEACTIVATED),
        (COMPROMISED_STATE, State.COMPROMISED),
        (DESTROYED_STATE, State.DESTROYED),
        (DESTROYED_COMPROMISED, State.DESTROYED),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_states_are_those_of_sp_800_57(told: int, state: State, legacy: bool) -> None:
    assert key(state=told, legacy=legacy).state is state


def test_a_date_that_is_not_told_is_not_set_where_the_server_tells_dates() -> None:
    found = key(*dates(MADE, LATER))
    assert (found.created_at, found.updated_at, found.activated_at) == (MADE, MADE, LATER)
    assert (found.expires_at, found.expiry_settable) == (NEVER, True)
    assert (found.last_rotated_at, found.material_known_at) == (LATER, LATER)
    assert (found.deletion_requested_at, found.deletion_at, found.suspended_at) == (NEVER, NEVER, NEVER)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (ACTIVE, [on(INITIAL, MADE)]),
        (ACTIVE, dates(MADE)),
        (DEACTIVATED_STATE, dates(MADE, MADE)),
        (COMPROMISED_STATE, dates(MADE, MADE)),
        (PRE_ACTIVE, [on(INITIAL, MADE)]),
    ],
)
def test_a_date_that_is_not_told_says_nothing_where_a_required_one_is_not_told_either(
    state: int, told: list[Item]
) -> None:
    found = inventory({"1": aes(state, *told)})
    row = found.only("key")
    assert (row.expires_at, row.expiry_settable) == (None, None)
    (gap,) = found.gaps("expires_at", row)
    assert gap.kind == "not_offered"


def test_it_expires_with_the_earlier_of_its_ends() -> None:
    assert key(*dates(MADE, MADE), on(PROTECT_STOP, LATER), on(DEACTIVATED, LATEST)).expires_at == LATER
    assert key(on(DEACTIVATED, LATEST)).expires_at == LATEST
    assert key(on(DEACTIVATED, LATEST)).expiry_settable is True


def test_what_is_not_yet_active_says_so_by_its_state() -> None:
    assert key(state=PRE_ACTIVE).activated_at == NEVER
    coming = key(*dates(MADE, LATEST), state=PRE_ACTIVE)
    assert (coming.activated_at, coming.last_rotated_at) == (NEVER, MADE)
    assert key(state=ACTIVE).activated_at is None


def test_when_it_was_destroyed() -> None:
    gone = key(*dates(MADE, MADE), on(DESTROYED, LATER), state=DESTROYED_STATE)
    assert (gone.deletion_requested_at, gone.deletion_at, gone.state) == (LATER, LATER, State.DESTROYED)
    untold = key(*dates(MADE, MADE), state=DESTROYED_STATE)
    assert untold.deletion_at is None


def test_without_a_state_nothing_is_said_of_its_life() -> None:
    found = inventory({"1": thing(SYMMETRIC, None, *dates(MADE))}).only("key")
    assert (found.state, found.deletion_at, found.deletion_requested_at) == (None, None, None)


def test_without_dates_earlier_runs_say_how_old_it_is_at_least() -> None:
    observed = datetime.fromisoformat(OBSERVED)
    assert key().last_rotated_at is None
    assert key().material_known_at == observed
    before = observed - timedelta(days=300)
    known = replace(SETTINGS, first_seen={"prod": {id_of("1"): before}})
    assert key(settings=known).material_known_at == before
    assert key(*dates(MADE, LATER), settings=known).material_known_at == LATER


def test_pykmip_as_it_is_tells_when_an_object_was_made_and_no_other_date() -> None:
    def fill(engine: Any) -> None:
        made = symmetric("plain", 10)
        made.state = enums.State.ACTIVE
        engine.add(made, Told())

    with serving(fill) as server:
        run = collected(server)
    found = Rows(rows_of(run))
    row = found.only("key")
    assert row.created_at is not None
    assert row.state is State.ACTIVE
    assert [row.updated_at, row.activated_at, row.expires_at, row.expiry_settable, row.extractable] == [None] * 5
    assert {gap.kind for gap in found.of("gap")} == {"not_offered"}


# --- material ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sensitive", "extractable", "in_clear"),
    [
        (True, None, False),
        (None, False, False),
        (True, True, False),
        (False, False, False),
        (False, True, True),
        (False, None, None),
        (None, True, None),
        (None, None, None),
    ],
)
def test_what_can_leave_in_clear(sensitive: bool | None, extractable: bool | None, in_clear: bool | None) -> None:
    told = [(0x420120, sensitive), (0x420122, extractable)]
    assert key(*(wire.boolean(tag, value) for tag, value in told if value is not None)).extractable is in_clear


@pytest.mark.parametrize(
    ("always_sensitive", "never_extractable", "never"),
    [
        (True, None, True),
        (None, True, True),
        (False, True, True),
        (True, False, True),
        (False, False, False),
        (False, None, None),
        (None, False, None),
        (None, None, None),
    ],
)
def test_what_could_never_leave_in_clear(
    always_sensitive: bool | None, never_extractable: bool | None, never: bool | None
) -> None:
    told = [(0x420121, always_sensitive), (0x420123, never_extractable)]
    assert key(*(wire.boolean(tag, value) for tag, value in told if value is not None)).never_extractable is never


def test_where_it_comes_from_is_said_only_where_it_is_certain() -> None:
    assert key(*dates(LATER, LATER), on(ORIGINAL, MADE)).origin is Origin.IMPORTED
    assert key(*dates(LATER, LATER), on(ORIGINAL, LATER)).origin is None
    assert key(*dates(LATER, LATER)).origin is None
    elsewhere = inventory(
        {
            "1": aes(
                ACTIVE,
                wire.boolean(0x4200BB, False),
                wire.structure(0x4200B8, wire.text(0x4200B9, "ldap://hsm"), wire.enumeration(0x4200BA, 2)),
            )
        }
    )
    assert elsewhere.only("key").origin is Origin.EXTERNAL
    assert elsewhere.only("key_version").external_key == "ldap://hsm"


def test_usages_and_the_type_that_follows() -> None:
    def used(kind: int, mask: int, *items: Item) -> Any:
        return inventory({"1": thing(kind, ACTIVE, wire.integer(MASK, mask), *items)}).only("key")

    assert used(SYMMETRIC, 12).usages == [Usage.ENCRYPT]
    assert used(SYMMETRIC, 12).key_type is KeyType.SYMMETRIC_DATA_ENCRYPTION
    assert used(SYMMETRIC, 0x30).key_type is KeyType.SYMMETRIC_KEY_WRAPPING
    assert used(SYMMETRIC, 0x3C).usages == [Usage.ENCRYPT, Usage.WRAP]
    assert used(SYMMETRIC, 0x3C).key_type is KeyType.SYMMETRIC_DATA_ENCRYPTION
    assert used(SYMMETRIC, 0x3C, wire.enumeration(0x42013A, 7)).key_type is KeyType.SYMMETRIC_KEY_WRAPPING
    assert used(SYMMETRIC, 12, wire.enumeration(0x42013A, 0x11)).key_type is None
    assert used(PRIVATE, 0x01).key_type is KeyType.PRIVATE_SIGNATURE
    assert used(PRIVATE, 0x28).key_type is KeyType.PRIVATE_KEY_TRANSPORT
    assert used(PUBLIC, 0x02).key_type is KeyType.PUBLIC_SIGNATURE_VERIFICATION
    assert used(SYMMETRIC, 0x200000).usages == sorted(set(Usage) - {Usage.ENCAPSULATE})
    assert used(SYMMETRIC, 0x4C).usages == [Usage.ENCRYPT]
    assert used(SYMMETRIC, 0).usages == []
    assert used(SYMMETRIC, 0x40000004).usages is None


def test_mechanisms_are_told_in_kmip_s_words() -> None:
    def parameters(*items: Item) -> Item:
        return wire.structure(0x42002B, *items)

    gcm = parameters(wire.enumeration(0x420011, 9))
    cbc = parameters(wire.enumeration(0x420011, 1), wire.enumeration(0x42005F, 3))
    assert key(gcm, cbc).mechanisms == ["AES CBC PKCS5", "AES GCM"]
    assert key().mechanisms == ["AES"]


PADDING, HASHING, SIGNATURE = 0x42005F, 0x420038, 0x4200AE
RSA, ECDSA = 4, 6
OAEP, PKCS1, PSS = 2, 8, 10
SHA_1, SHA_256 = 4, 6
SIGNS, DECRYPTS, AGREES = 0x01, 0x08, 0x8000


@pytest.mark.parametrize(
    ("algorithm", "mask", "sets", "mechanisms"),
    [
        (RSA, SIGNS, [{PADDING: PKCS1, HASHING: SHA_1}], ["RSA PKCS1 v1.5 SHA-1", "SHA-1 with RSA Encryption"]),
        (RSA, SIGNS, [{PADDING: PSS, HASHING: SHA_256}], ["RSA PSS SHA-256", "RSASSA-PSS with SHA-256"]),
        (RSA, SIGNS, [{SIGNATURE: 2}], ["MD5 with RSA Encryption", "RSA MD5 with RSA Encryption"]),
        (RSA, SIGNS, [{SIGNATURE: 8, HASHING: SHA_1}], ["RSA SHA-1 RSASSA-PSS", "RSASSA-PSS with SHA-1"]),
        (ECDSA, SIGNS, [{HASHING: SHA_1}], ["ECDSA SHA-1", "ECDSA with SHA-1"]),
        (ECDSA, SIGNS, [{HASHING: SHA_256}], ["ECDSA SHA-256", "ECDSA with SHA256"]),
        (RSA, DECRYPTS, [{PADDING: PKCS1}], ["RSA PKCS1 v1.5", "RSAES_PKCS1_V1_5"]),
        (RSA, DECRYPTS, [{PADDING: OAEP, HASHING: SHA_1}], ["RSA OAEP SHA-1"]),
        (
            RSA,
            SIGNS | DECRYPTS,
            [{PADDING: OAEP, HASHING: SHA_1}, {PADDING: PSS, HASHING: SHA_256}],
            ["RSA OAEP SHA-1", "RSA PSS SHA-256", "RSASSA-PSS with SHA-256"],
        ),
        (ECDSA, AGREES, [], ["ECDSA"]),
        (RSA, SIGNS, [], None),
        (RSA, SIGNS, [{PADDING: PKCS1}], None),
        (RSA, SIGNS | DECRYPTS, [{SIGNATURE: 5}], None),
        (RSA, None, [{PADDING: PKCS1}], None),
    ],
)
def test_what_each_request_may_choose_is_told_or_left_open(
    algorithm: int, mask: int | None, sets: list[dict[int, int]], mechanisms: list[str] | None
) -> None:
    parameters = [
        wire.structure(0x42002B, *(wire.enumeration(tag, number) for tag, number in one.items())) for one in sets
    ]
    used_for = [] if mask is None else [wire.integer(MASK, mask)]
    kind = [wire.enumeration(ALGORITHM, algorithm), wire.integer(LENGTH, 2048)]
    found = inventory({"1": thing(PRIVATE, ACTIVE, *kind, *used_for, *parameters)})
    row = found.only("key")
    assert row.mechanisms == mechanisms
    assert [gap.kind for gap in found.gaps("mechanisms", row)] == (["not_offered"] if mechanisms is None else [])


def test_what_protects_it() -> None:
    assert key(wire.integer(0x42015E, 0x1002)).protection_level is ProtectionLevel.HSM
    assert key(wire.integer(0x42015E, 1)).protection_level is ProtectionLevel.SOFTWARE
    assert key(wire.integer(0x42015E, 3)).protection_level is None
    assert key().protection_level is None


def test_rotation_is_said_where_the_server_tells_it() -> None:
    automatic, interval = wire.boolean(0x42016B, True), wire.interval(0x42016A, 90 * 86_400)
    found = key(automatic, interval)
    assert (found.rotatable, found.rotatable_reason, found.rotation_enabled) == (True, Rotatable.YES, True)
    assert (found.rotation_period_days, found.rotation_next_at) == (90, None)
    off = key(wire.boolean(0x42016B, False))
    assert (off.rotation_enabled, off.rotation_period_days, off.rotation_next_at) == (False, 0, NEVER)
    ended = key(automatic, interval, state=DEACTIVATED_STATE)
    assert (ended.rotatable, ended.rotatable_reason) == (False, Rotatable.NOT_ACTIVE)
    assert (key().rotatable, key().rotation_enabled) == (None, None)


def test_the_owner_s_own_attributes_are_tags() -> None:
    def own(name: str, value: Item, vendor: str = "x") -> Item:
        return wire.structure(0x420008, wire.text(0x42009D, vendor), wire.text(0x42000A, name), value)

    value = 0x42000B
    found = key(
        own("owner", wire.text(value, "payments")),
        own("x-data-class", wire.text(value, "restricted")),
        own("Owner", wire.text(value, "a vendor"), vendor="Example"),
        own("blob", wire.octets(value, b"secret")),
        own("State", wire.enumeration(value, 5)),
        wire.text(0x4200FC, "Cards of the shop"),
        wire.text(0x420022, "security@example.com"),
    )
    assert (found.owner, found.data_class, found.business_purpose) == ("a vendor", "restricted", "Cards of the shop")
    assert found.state is State.ACTIVE
    assert json.loads(found.tags) == {
        "owner": "payments",
        "x-data-class": "restricted",
        "Example/Owner": "a vendor",
        "State": "0x00000005",
    }
    assert key(wire.text(0x420022, "security@example.com")).owner == "security@example.com"
    assert key().owner == ""


def test_names_and_settings() -> None:
    limits = wire.structure(0x420095, wire.long(0x420097, 1000), wire.enumeration(0x420098, 1))
    other = wire.structure(0x4200BF, wire.text(0x4200C0, "serial 7"), wire.enumeration(0x4200C1, 3))
    found = key(named("b"), named("a"), other, limits, wire.interval(0x420049, 60), wire.text(0x420056, "group"))
    assert (found.name, found.aliases, found.manager) == ("b", ["a", "b", "serial 7"], Manager.CUSTOMER)
    settings = json.loads(found.key_settings)
    assert settings["usage_limits"]["usage_limits_total"] == 1000
    assert (settings["lease_time"], settings["object_group"], settings["unique_identifier"]) == (60, ["group"], "1")
    assert key().name == "1"


# --- chains -----------------------------------------------------------------------------------------------------------


def chain(*states: int, linked: bool = True) -> dict[str, Any]:
    """Objects "1", "2", … each of which replaced the one before it, a year later."""
    last = len(states)
    found: dict[str, Any] = {}
    for number, state in enumerate(states, 1):
        made = day(2020 + number)
        links = []
        if linked and number > 1:
            links.append(link("replaced", str(number - 1)))
        if linked and number < last:
            links.append(link("replacement", str(number + 1)))
        found[str(number)] = aes(state, *dates(made, made), *links)
    return found


def test_objects_that_replaced_one_another_are_versions_of_one_key() -> None:
    found = inventory(chain(DEACTIVATED_STATE, DEACTIVATED_STATE, ACTIVE))
    row = found.only("key")
    assert (row.id, row.rotations) == (id_of("3"), 2)
    assert (row.created_at, row.activated_at, row.last_rotated_at) == (day(2021), day(2021), day(2023))
    versions = found.of("key_version")
    assert [(v.id, v.key, v.created_at, v.superseded_at) for v in versions] == [
        (id_of("1"), row.id, day(2021), day(2022)),
        (id_of("2"), row.id, day(2022), day(2023)),
        (id_of("3"), row.id, day(2023), NEVER),
    ]
    assert [v.cause for v in versions] == [VersionCause.INITIAL, None, None]
    assert [v.state for v in versions] == [State.DEACTIVATED, State.DEACTIVATED, State.ACTIVE]


@pytest.mark.parametrize("kind", ["replaced", "replacement"])
def test_one_link_is_enough(kind: str) -> None:
    items = {"replaced": {"2": "1"}, "replacement": {"1": "2"}}[kind]
    found = inventory({n: aes(ACTIVE, *(link(kind, items[n]) for _ in [0] if n in items)) for n in ("1", "2")})
    assert (found.only("key").id, found.only("key").rotations) == (id_of("2"), 1)


def test_a_key_that_is_to_come_does_not_hide_the_one_in_use() -> None:
    found = inventory(chain(DEACTIVATED_STATE, ACTIVE, PRE_ACTIVE))
    row = found.only("key")
    assert (row.id, row.rotations, row.state) == (id_of("2"), 1, State.ACTIVE)
    assert [v.superseded_at for v in found.of("key_version")] == [day(2022), NEVER, NEVER]


def test_where_the_newest_was_not_read_nothing_is_said_of_the_key() -> None:
    objects = chain(DEACTIVATED_STATE, ACTIVE, ACTIVE) | {"3": REFUSED}
    found = inventory(objects)
    assert found.of("key") == []
    missing = [gap for gap in found.of("gap") if gap.rows_missing and gap.kind == "refused"]
    assert {(gap.of_table, gap.subject) for gap in missing} == {
        (table, id_of(name)) for table in ("key", "key_version", "certificate", "secret") for name in ("1", "2", "3")
    }


@pytest.mark.parametrize("unread", ["1", "2"])
def test_where_an_earlier_one_was_not_read_the_history_is_open(unread: str) -> None:
    found = inventory(chain(DEACTIVATED_STATE, DEACTIVATED_STATE, ACTIVE) | {unread: REFUSED})
    row = found.only("key")
    assert (row.id, row.last_rotated_at) == (id_of("3"), day(2023))
    assert [row.rotations, row.created_at, row.activated_at] == [None] * 3
    (gap,) = found.gaps("rotations", row)
    assert gap.kind == "refused"
    assert [v.cause for v in found.of("key_version")] == [None, None]


def test_where_an_earlier_one_is_gone_the_history_is_open() -> None:
    objects = chain(DEACTIVATED_STATE, ACTIVE)
    del objects["1"]
    found = inventory(objects)
    row = found.only("key")
    assert (row.rotations, row.created_at, row.last_rotated_at) == (None, None, day(2022))
    (gap,) = found.gaps("rotations", row)
    assert gap.kind == "not_offered"


@pytest.mark.parametrize(
    "links",
    [
        {"1": [link("replacement", "2")], "2": [link("replacement", "1")], "3": []},
        {"1": [link("replacement", "1")], "2": [], "3": []},
        {"1": [link("replacement", "2"), link("replacement", "3")], "2": [], "3": []},
        {"1": [], "2": [], "3": [link("replaced", "1"), link("replaced", "2")]},
    ],
)
def test_links_that_contradict_each_other_join_nothing(links: dict[str, list[Item]]) -> None:
    found = inventory({name: aes(ACTIVE, *dates(MADE, MADE), *of) for name, of in links.items()})
    assert {row.id for row in found.of("key")} == {id_of(name) for name in links}
    involved = [row for row in found.of("key") if row.rotations is None]
    assert len(involved) in (1, 2, 3)
    for row in involved:
        (gap,) = found.gaps("rotations", row)
        assert "contradict" in gap.error


def test_a_long_chain_is_gone_through_once() -> None:
    found = inventory(chain(*[DEACTIVATED_STATE] * 400, ACTIVE))
    assert found.only("key").rotations == 400


# --- pairs and certificates -------------------------------------------------------------------------------------------


def pair(private: list[Item], public: list[Item]) -> dict[str, Any]:
    rsa = [wire.enumeration(ALGORITHM, 4), wire.integer(LENGTH, 3072), *dates(MADE, MADE)]
    return {
        "1": thing(PUBLIC, ACTIVE, *rsa, wire.integer(MASK, 2), *public),
        "2": thing(PRIVATE, ACTIVE, *rsa, wire.integer(MASK, 1), *private),
    }


@pytest.mark.parametrize(
    ("private", "public"),
    [
        ([link("public", "1")], []),
        ([], [link("private", "2")]),
        ([link("public", "1")], [link("private", "2")]),
    ],
)
def test_a_pair_is_one_key(private: list[Item], public: list[Item]) -> None:
    found = inventory(pair(private, public))
    row = found.only("key")
    assert (row.id, row.key_type, row.bits) == (id_of("2"), KeyType.PRIVATE_SIGNATURE, 3072)


def test_a_public_key_whose_private_key_is_elsewhere_is_a_key_of_its_own() -> None:
    objects = pair([], [link("private", "9")])
    del objects["2"]
    assert inventory(objects).only("key").key_type is KeyType.PUBLIC_SIGNATURE_VERIFICATION


def test_a_public_key_is_none_of_its_own_where_its_private_key_was_not_read() -> None:
    assert inventory(pair([], [link("private", "2")]) | {"2": REFUSED}).of("key") == []


def _name(*parts: tuple[Any, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


SUBJECT = _name((NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, 'Ex "a, b"'), (NameOID.COMMON_NAME, "kmip+1"))


def certificate(*items: Item) -> list[Item]:
    return thing(CERTIFICATE, ACTIVE, *dates(MADE, MADE), on(DEACTIVATED, LATEST), *items)


def test_a_certificate_and_its_key() -> None:
    links = [link("public", "1"), link("private", "2")]
    sensitive = [wire.boolean(0x420120, True)]
    objects = pair([link("public", "1"), *sensitive], [link("private", "2")])
    names = [
        wire.structure(0x4200B7, wire.octets(0x4200B4, SUBJECT.public_bytes())),
        wire.structure(0x4200B6, wire.octets(0x4200B2, SUBJECT.public_bytes())),
    ]
    algorithm = [wire.enumeration(ALGORITHM, 4), wire.integer(LENGTH, 3072)]
    row = inventory(objects | {"3": certificate(*links, *names, *algorithm)}).only("certificate")
    assert (row.key, row.exportable, row.versions) == (id_of("2"), False, 1)
    assert (row.algorithm, row.bits, row.security_bits) == ("RSA", 3072, 128)
    assert (row.activated_at, row.expires_at) == (MADE, LATEST)
    assert row.subject == row.issuer == 'CN=kmip\\+1,O=Ex \\"a\\, b\\",C=DE'
    by_public = inventory(objects | {"3": certificate(link("public", "1"))}).only("certificate")
    assert by_public.key == id_of("2")
    assert inventory({"3": certificate()}).only("certificate").key == ""


def test_a_certificate_whose_key_was_not_read() -> None:
    found = inventory(pair([], []) | {"2": REFUSED, "3": certificate(link("private", "2"))})
    row = found.only("certificate")
    assert (row.key, row.exportable) == (None, None)
    (gap,) = found.gaps("key", row)
    assert gap.kind == "refused"


@pytest.mark.parametrize(
    "name",
    [
        SUBJECT,
        _name((NameOID.DOMAIN_COMPONENT, "example"), (NameOID.USER_ID, "u"), (NameOID.LOCALITY_NAME, "Köln")),
        x509.Name([]),
        x509.Name(
            [
                x509.RelativeDistinguishedName(
                    [x509.NameAttribute(NameOID.COMMON_NAME, "a"), x509.NameAttribute(NameOID.USER_ID, "b")]
                )
            ]
        ),
    ],
)
def test_distinguished_names_are_read_as_cryptography_reads_them(name: x509.Name) -> None:
    assert distinguished_name(name.public_bytes().hex()) == name.rfc4514_string()


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_reading_of_a_distinguished_name(data: bytes) -> None:
    distinguished_name(data.hex())
    distinguished_name("30" + f"{len(data):02x}" + data.hex())


def test_what_is_no_distinguished_name_is_told_to_be_none() -> None:
    for encoded in ("", "zz", "3002", "0400", "300430020401", SUBJECT.public_bytes().hex()[:-2]):
        assert distinguished_name(encoded) is None
    assert distinguished_name("300b3109300706022a030401ff") == "2a03=#ff"


# --- secrets and other things -----------------------------------------------------------------------------------------


def test_passwords_seeds_and_opaque_objects_are_secrets() -> None:
    found = inventory(
        {
            "1": thing(SECRET, ACTIVE, *dates(MADE, LATER), named("password"), wire.enumeration(0x420086, 1)),
            "2": thing(OPAQUE, None, *dates(MADE)),
            "3": thing(SECRET, ACTIVE, wire.boolean(0x42016B, True), wire.interval(0x42016A, 86_400)),
        }
    )
    password, opaque, rotated = found.of("secret")
    assert (password.kind, password.name, password.state) == ("Secret Data Password", "password", State.ACTIVE)
    assert (password.created_at, password.last_rotated_at, password.expires_at) == (MADE, MADE, NEVER)
    assert (opaque.kind, opaque.state) == ("Opaque Object", State.ACTIVE)
    assert (rotated.rotatable, rotated.rotation_period_days) == (True, 1)
    assert found.of("key") == []


def test_templates_and_requests_are_neither_keys_nor_secrets() -> None:
    found = inventory({"1": thing(6, None), "2": thing(10, None)})
    assert [found.of(table) for table in ("key", "secret", "certificate")] == [[], [], []]
    assert (found.only("scope").complete, found.only("scope").described) == (True, 2)


@pytest.mark.parametrize(
    ("items", "error"),
    [
        (thing(0x80000001, ACTIVE), "the object is of the unknown type 0x80000001"),
        (aes(9), "the object is in the unknown state 0x00000009"),
        ([wire.integer(LENGTH, 1)], "Object Type: Field required"),
        (thing(SYMMETRIC, ACTIVE, wire.text(LENGTH, "256")), "Cryptographic Length: Value error, is no Integer"),
        (aes(ACTIVE, wire.integer(INITIAL, 7)), "Initial Date: Value error, is no DateTime or DateTimeExtended"),
        (aes(ACTIVE, on(INITIAL, MADE), on(INITIAL, MADE)), "Initial Date stands there 2 times"),
        (aes(ACTIVE, wire.date(INITIAL, 1 << 61)), "Initial Date: Input should be a valid datetime"),
        (aes(ACTIVE, wire.boolean(0x42004A, True)), "Link.0: Value error, is no structure"),
        (aes(ACTIVE, wire.structure(0x42004A)), "Link.0.Link Type: Field required"),
        (aes(ACTIVE, wire.structure(0x420008)), "an attribute has no name, or no value"),
        (thing(SYMMETRIC, ACTIVE, wire.text(MASK, "12")), "Cryptographic Usage Mask: Value error, is no mask"),
    ],
)
def test_what_is_not_as_the_specification_has_it_is_no_answer(items: list[Item], error: str) -> None:
    found = inventory({"1": items, "2": aes()})
    assert [row.id for row in found.of("key")] == [id_of("2")]
    gaps = [gap for gap in found.of("gap") if gap.kind == "failed" and gap.subject == id_of("1")]
    assert len(gaps) == 4
    assert {gap.error for gap in gaps if error not in gap.error} == set()
    assert found.only("scope").complete is None


def test_what_was_listed_and_not_asked_about_is_missing() -> None:
    found = inventory({"1": None, "2": aes()})
    assert len([gap for gap in found.of("gap") if gap.rows_missing and gap.subject == id_of("1")]) == 4
    scope = found.only("scope")
    assert (scope.listed, scope.described, scope.complete) == (2, 1, None)


def test_identifiers_are_made_harmless_and_stay_apart() -> None:
    names = ["a/b", "a%2Fb", "../x", "", "\x1b[2J", "名前", " "]
    found = inventory({name: aes() for name in names if name})
    ids = [row.id for row in found.of("key")]
    assert len(set(ids)) == len(names) - 1
    assert all(id.isascii() and id.isprintable() and " " not in id for id in ids)


# --- the server -------------------------------------------------------------------------------------------------------


def validation(authority: int, major: int, minor: int | None, kind: int, profile: str = "") -> Item:
    return wire.structure(
        0x4200DF,
        wire.enumeration(0x4200E0, authority),
        wire.integer(0x4200E3, major),
        *([] if minor is None else [wire.integer(0x4200E4, minor)]),
        wire.enumeration(0x4200E5, kind),
        wire.integer(0x4200E6, 3),
        *([wire.text(0x4200EA, profile)] if profile else []),
    )


@pytest.mark.parametrize(
    ("validations", "standard", "level", "text"),
    [
        ([], "", None, ""),
        ([validation(2, 140, 3, 2)], "FIPS 140-3", "hsm", "FIPS 140-3 level 3 (Hardware)"),
        ([validation(2, 140, 2, 3)], "FIPS 140-2", "software", "FIPS 140-2 level 3 (Software)"),
        ([validation(2, 1, None, 5, "FIPS 140-2 level 3")], "FIPS 140-2", None, "FIPS 140-2 level 3 (Hybrid)"),
        ([validation(2, 1, 0, 2)], "", "hsm", "NIST CMVP level 3 (Hardware)"),
        ([validation(3, 140, 3, 2)], "", "hsm", "Common Criteria level 3 (Hardware)"),
        (
            [validation(2, 140, 3, 2), validation(2, 140, 2, 3)],
            "FIPS 140-2",
            None,
            "FIPS 140-3 level 3 (Hardware); FIPS 140-2 level 3 (Software)",
        ),
    ],
)
def test_by_what_the_server_is_validated(validations: list[Item], standard: str, level: str | None, text: str) -> None:
    found = inventory({"1": aes()}, assurances=validations)
    store = found.only("key_store")
    assert (store.validation_standard, store.protection_level, store.validation) == (standard, level, text)
    assert store.backed_by == ("" if validations else None), "what a validation is of holds the keys"
    assert [gap.kind for gap in found.gaps("backed_by", store)] == ([] if validations else ["not_offered"])
    assert found.only("key").protection_level == level


def test_what_the_server_says_of_itself() -> None:
    general = [
        wire.enumeration(0x42005C, 8),
        wire.enumeration(0x420057, 2),
        wire.text(0x42009D, "Example Corp"),
        wire.structure(0x420088, wire.text(0x420131, "Example KMS"), wire.text(0x42012F, "4.2")),
    ]
    store = inventory({}, general=general).only("key_store")
    assert (store.id, store.kind, store.name) == (STORE, "KMIP server", f"Example KMS at {ADDRESS}")
    settings = json.loads(store.store_settings)
    assert (settings["manufacturer"], settings["server_version"]) == ("Example Corp", "4.2")
    assert (settings["operations"], settings["protocol_versions"]) == (["Locate"], ["2.0"])
    assert (store.soft_delete, store.recovery_days, store.activated) == (False, 0, True)


def test_what_a_server_does_not_say() -> None:
    refused = inventory({"1": aes()}, general=REFUSED, assurances=REFUSED)
    store = refused.only("key_store")
    assert [store.activated, store.store_settings, store.validation, store.validation_standard] == [None] * 4
    assert store.backed_by is None
    assert {refused.gaps(name, store)[0].kind for name in ("validation", "backed_by")} == {"refused"}
    old = inventory({"1": aes()}, assurances=None, legacy=True)
    assert old.gaps("validation", old.only("key_store"))[0].kind == "not_offered"
    assert old.only("scope").complete is True
    switched_off = inventory({}, assurances=(Status.SWITCHED_OFF, "Feature Not Supported: no"))
    assert switched_off.gaps("validation_standard", switched_off.only("key_store"))[0].kind == "switched_off"


def test_nothing_is_said_of_who_may_use_it_and_what_it_protects() -> None:
    found = inventory({"1": aes()})
    missing = {gap.of_table: gap.kind for gap in found.of("gap") if gap.rows_missing}
    assert missing == {"access": "not_offered", "protected_resource": "not_offered"}


def test_a_list_that_was_refused_leaves_everything_open() -> None:
    found = inventory({}, located=REFUSED)
    missing = {gap.of_table for gap in found.of("gap") if gap.rows_missing and gap.kind == "refused"}
    assert missing == {"key", "key_version", "certificate", "secret"}
    scope = found.only("scope")
    assert (scope.listed, scope.complete, scope.refused) == (None, None, 1)


def test_a_list_that_ends_before_its_last_page_is_not_whole() -> None:
    taken = [o for o in recorded({"1": aes()}) if o.parameters.get("offset_items") != 1]
    found = rows(iter(taken))
    assert {gap.error for gap in found.of("gap") if gap.kind == "failed"} == {"the list ends before its last page"}
    assert len(found.of("key")) == 1


def test_nothing_recorded_comes_to_a_scope_that_says_so() -> None:
    found = Rows(list(normalize(HEADER, iter(()), SETTINGS)))
    assert found.only("scope").complete is None
    assert found.of("key") == []
    without_first = Rows(list(normalize(HEADER, iter([Reading(id_of("1"), [])]), SETTINGS)))
    assert without_first.only("scope").complete is None


def test_another_service_s_scope_is_refused() -> None:
    with pytest.raises(ValueError, match="'kms' is no service"):
        list(normalize(replace(HEADER, service="kms"), iter(()), SETTINGS))


@given(st.data())
def test_no_answer_crashes_the_normalizer(data: st.DataObject) -> None:
    """Bytes of an answer changed at random, as far as they still are a message."""
    junk = data.draw(
        st.lists(
            st.builds(
                Item,
                st.sampled_from(
                    [INITIAL, ACTIVATED, DEACTIVATED, COMPROMISED, LENGTH, MASK, 0x42004A, 0x420053, 0x420095]
                ),
                st.sampled_from([wire.DATE, wire.LONG]),
                st.binary(min_size=8, max_size=8),
            ),
            max_size=4,
        )
    )
    found = inventory({"1": aes(ACTIVE, *junk), "2": aes()})
    assert id_of("2") in [row.id for row in found.of("key")]


def test_an_answer_that_is_no_message_is_no_answer() -> None:
    whole = list(recorded({"1": aes()}))
    for body in ("{}", "[]", "null", '{"tag":"Response Message","type":"Structure","value":7}', '{"tag":1}', "{"):
        spoiled = [replace(o, body=body) for o in whole]
        found = rows(iter(spoiled))
        assert found.only("scope").complete is None
        assert found.only("key_store").store_settings is None


def test_readings_of_objects_that_nobody_listed_are_left_aside() -> None:
    more = observation("kmip:GetAttributes", id_of("9"), {"unique_identifier": "9"}, [])
    assert [row.id for row in rows(iter([*recorded({"1": aes()}), more])).of("key")] == [id_of("1")]


# --- what a list that is not whole leaves open ------------------------------------------------------------------------


def cut_short(objects: dict[str, Any]) -> Rows:
    """The rows where the list of objects lacks its end."""
    return rows(o for o in recorded(objects) if o.parameters.get("offset_items") != len(objects))


def test_what_replaced_a_key_may_stand_on_the_page_that_was_lost() -> None:
    objects = chain(DEACTIVATED_STATE, ACTIVE)
    del objects["2"]
    found = cut_short(objects)
    assert found.of("key") == []
    assert {gap.subject for gap in found.of("gap") if gap.rows_missing and gap.kind == "failed"} == {"", id_of("1")}
    assert [row.id for row in inventory(objects).of("key")] == [id_of("1")], "it is the newest that the server has"


def test_a_private_key_may_stand_on_the_page_that_was_lost() -> None:
    objects = pair([], [link("private", "2")])
    del objects["2"]
    assert cut_short(objects).of("key") == []
    found = cut_short({"3": certificate(link("private", "2"))})
    row = found.only("certificate")
    assert (row.key, row.exportable) == (None, None)
    assert {gap.kind for column in ("key", "exportable") for gap in found.gaps(column, row)} == {"failed"}
