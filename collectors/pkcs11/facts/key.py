"""One key of a token: from the attributes of its objects to its row, and the reasons of what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collectors.algorithms import RSA_PKCS1_ENCRYPTION, KeyAlgorithm
from collectors.pkcs11 import cryptoki, key_specs
from collectors.pkcs11.facts.attributes import READ, Object, first_failure, note_failures, read_objects
from collectors.pkcs11.facts.scope import Reasons, Setting
from collectors.pkcs11.facts.token import Token, access_row
from collectors.pkcs11.objects import Thing
from collectors.pkcs11.operations import USER
from collectors.scope_rows import fill
from evidence.model import (
    NEVER,
    Capability,
    GapKind,
    Key,
    KeyVersion,
    Manager,
    Origin,
    Rotatable,
    Row,
    State,
    VersionCause,
)
from evidence.observation import canonical_json
from evidence.reading import Failure, Reading

PRIVATE, PUBLIC = "CKO_PRIVATE_KEY", "CKO_PUBLIC_KEY"

_USAGE_FLAGS: Mapping[str, tuple[str, ...]] = {
    PRIVATE: ("CKA_DECRYPT", "CKA_UNWRAP", "CKA_SIGN", "CKA_DERIVE"),
    PUBLIC: ("CKA_ENCRYPT", "CKA_WRAP", "CKA_VERIFY", "CKA_DERIVE"),
}
_SECRET_FLAGS = ("CKA_ENCRYPT", "CKA_DECRYPT", "CKA_WRAP", "CKA_UNWRAP", "CKA_SIGN", "CKA_VERIFY", "CKA_DERIVE")
_RARE_FLAGS: Mapping[str, tuple[str, ...]] = {
    PRIVATE: ("CKA_SIGN_RECOVER", "CKA_DECAPSULATE"),
    PUBLIC: ("CKA_VERIFY_RECOVER", "CKA_ENCAPSULATE"),
}
"""Flags of purposes that a module may not know, so that none of its keys has them."""

_FLAGS = tuple(name for flags in (*_USAGE_FLAGS.values(), _SECRET_FLAGS, *_RARE_FLAGS.values()) for name in flags)
_SETTINGS = (
    *("CKA_PRIVATE", "CKA_SENSITIVE", "CKA_ALWAYS_SENSITIVE", "CKA_EXTRACTABLE", "CKA_NEVER_EXTRACTABLE"),
    *("CKA_LOCAL", "CKA_KEY_GEN_MECHANISM", "CKA_MODIFIABLE", "CKA_COPYABLE", "CKA_DESTROYABLE", "CKA_TRUSTED"),
    *("CKA_WRAP_WITH_TRUSTED", "CKA_ALWAYS_AUTHENTICATE", "CKA_CHECK_VALUE", "CKA_UNIQUE_ID"),
    *("CKA_OBJECT_VALIDATION_FLAGS", *_FLAGS),
)
"""Attributes that are told as they are."""

_SIZE = ("CKA_MODULUS", "CKA_EC_PARAMS", "CKA_PARAMETER_SET", "CKA_PRIME", "CKA_VALUE_LEN")
_SIZE_COLUMNS = ("parameter_set", "bits", "security_bits", "pq_category")

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "origin": ("CKA_LOCAL", "CKA_KEY_GEN_MECHANISM", "CKA_NEVER_EXTRACTABLE", "CKA_ALWAYS_SENSITIVE"),
    **dict.fromkeys(("usages", "key_type"), _FLAGS),
    **dict.fromkeys(_SIZE_COLUMNS, _SIZE),
    "mechanisms": ("CKA_ALLOWED_MECHANISMS", *_FLAGS),
    "state": ("CKA_START_DATE",),
    "activated_at": ("CKA_START_DATE",),
    "expires_at": ("CKA_END_DATE",),
    "expiry_settable": ("CKA_END_DATE",),
    "extractable": ("CKA_EXTRACTABLE", "CKA_SENSITIVE", "CKA_WRAP_WITH_TRUSTED"),
    "never_extractable": ("CKA_NEVER_EXTRACTABLE", "CKA_EXTRACTABLE", "CKA_SENSITIVE", "CKA_WRAP_WITH_TRUSTED"),
    "key_settings": _SETTINGS,
    "public": ("CKA_PRIVATE",),
}
"""Column → the attributes that tell it."""

_OF_PRIVATE_HALF = tuple(column for column in ATTRIBUTES if column not in _SIZE_COLUMNS)
"""Columns that the private key of a pair tells, and its public key does not."""

_UNKNOWN_TYPE = "the type, curve or parameter set of the key is not one that is known here"
_NOT_STATED: Mapping[str, str] = {
    "origin": "the module does not tell a key that it generated from one that was brought in",
    "key_type": "the key has no purpose: none of its usage flags is set",
    "algorithm": _UNKNOWN_TYPE,
    "parameter_set": _UNKNOWN_TYPE,
    "bits": _UNKNOWN_TYPE,
    "security_bits": "nothing tells how strong a key of this type and size is",
    "pq_category": "nothing tells how strong a key of this type and size is",
    "mechanisms": "which mechanisms take a key of this type is not known here",
    "never_extractable": "the key may be wrapped by a trusted key alone, and nothing tells whether that was always so",
    "activated_at": "the key has no start date, and PKCS#11 keeps no date of creation",
}
"""Why a column is not told though everything was read."""


def key_rows(setting: Setting, token: Token, thing: Thing, reading: Reading) -> Iterator[Row]:
    """The rows of one key and of its material, and their gaps; the first of them is the key's."""
    objects = read_objects(reading, thing)
    evidence = [*reading.evidence, *(one.observation for one in thing.objects)]
    row = Key(
        **setting.bookkeeping(thing.uri, evidence),
        **_names(thing),
        description="",
        account=setting.header.account,
        region="",
        key_store=token.uri,
        material_known_at=setting.settings.in_use_by(setting.header.source, thing.uri, token.found_at),
        manager=Manager.CUSTOMER,
        managed_by="",
        algorithm=key_specs.family(thing.objects[0].key_type),
        protection_level=token.protection_level,
        suspended_at=NEVER,
        rotatable=False,
        rotatable_reason=Rotatable.NOT_OFFERED,
        rotation_enabled=False,
        rotation_period_days=0,
        rotation_next_at=NEVER,
        rotation_requested_at=NEVER,
        rotations=0,
        deletion_window_set=False,
        deletion_window_days=0,
        recovery_level="",
        deletion_requested_at=NEVER,
        deletion_at=NEVER,
        release_policy="",
        attestation="",
        access_reasons=[],
        external_accounts=[],
        account_delegated=False,
    )
    fill(row, _described(token, thing, objects))
    reasons = _reasons(token, thing, objects, row)
    yield from setting.told(row, [reading, token.reading], reasons)
    yield from _version_rows(setting, row, [reading, token.reading], reasons)
    yield from _export_rows(setting, token, row)
    note_failures(reading, objects)


def _names(thing: Thing) -> dict[str, Any]:
    labels = {one.label.decode("utf-8", "replace"): None for one in thing.objects if one.label}
    return {
        "name": next(iter(labels), "") or thing.objects[0].id.hex() or "without a label",
        "aliases": sorted(labels),
    }


def _reasons(token: Token, thing: Thing, objects: Sequence[Object], row: Key) -> Reasons:
    """The reasons of what is unknown of a key all of whose objects were read; else the operations tell them."""
    if _private_unseen(token, thing) and token.unseen:
        return {**_not_stated(row, _SIZE_COLUMNS), **dict.fromkeys(_OF_PRIVATE_HALF, token.unseen)}
    if len(objects) < len(thing.objects):
        return {}
    reasons = _not_stated(row, _NOT_STATED)
    if token.mechanisms is None:
        reasons.pop("mechanisms", None)
    for column, names in ATTRIBUTES.items():
        failure = first_failure(objects, names)
        if failure is not None:
            reasons[column] = (READ, failure)
    return reasons


def _not_stated(row: Key, columns: Mapping[str, str] | Sequence[str]) -> dict[str, tuple[str, Failure]]:
    return {
        column: ("", Failure(GapKind.NOT_OFFERED, _NOT_STATED[column], ""))
        for column in columns
        if getattr(row, column) is None
    }


def _private_unseen(token: Token, thing: Thing) -> bool:
    """A public key whose private key may be on the token and does not show."""
    return thing.object_class == PRIVATE and thing.of(PRIVATE) is None and token.unseen is not None


def _described(token: Token, thing: Thing, objects: Sequence[Object]) -> dict[str, Any]:
    """The columns that attributes fill."""
    facts = _size(objects)
    if _private_unseen(token, thing):
        return facts
    decisive = next((one for one in objects if one.found is thing.objects[0]), None)
    return facts | _by(token, decisive) if decisive else facts


def _size(objects: Sequence[Object]) -> dict[str, Any]:
    """How large and strong it is. A public key and its private key are equally so; the public one tells it first."""
    for one in sorted(objects, key=lambda one: one.found.object_class, reverse=True):
        spec = _spec(one)
        if spec is not None:
            return {
                "parameter_set": spec.parameter_set,
                "bits": spec.bits,
                "security_bits": spec.security_bits,
                "pq_category": spec.pq_category,
            }
        length = None if one.found.object_class in (PRIVATE, PUBLIC) else one.number("CKA_VALUE_LEN")
        if length is not None and length < _LONGEST_KEY:
            return {"parameter_set": "", "bits": 8 * length}
    return {}


_LONGEST_KEY = 1 << 32
"""Bytes; no key is that long, and the inventory's integers hold it."""


def _spec(one: Object) -> KeyAlgorithm | None:
    key_type = one.found.key_type
    if key_type == "CKK_RSA":
        bits = one.number("CKA_MODULUS")
        return key_specs.by_modulus(bits) if bits else None
    if key_type in ("CKK_EC", "CKK_EC_EDWARDS", "CKK_EC_MONTGOMERY"):
        parameters = one.text("CKA_EC_PARAMS")
        return key_specs.by_curve(parameters) if parameters else None
    if key_type in ("CKK_ML_DSA", "CKK_ML_KEM", "CKK_SLH_DSA"):
        number = one.number("CKA_PARAMETER_SET")
        return None if number is None else key_specs.by_parameter_set(key_type, number)
    if key_type in ("CKK_DSA", "CKK_DH", "CKK_X9_42_DH"):
        bits = one.number("CKA_PRIME") if one.found.object_class == PUBLIC else None
        return key_specs.by_prime(key_type, bits) if bits else None
    if one.found.object_class in (PRIVATE, PUBLIC):
        return None
    fixed = key_specs.without_length(key_type)
    length = None if fixed else one.number("CKA_VALUE_LEN")
    return fixed if length is None else key_specs.by_length(key_type, length)


def _by(token: Token, one: Object) -> dict[str, Any]:
    """What the private or secret key tells, or a public key that is alone."""
    object_class = one.found.object_class
    flags = _flags(one)
    purposes = None if flags is None else key_specs.usages(object_class, flags)
    start, end = one.day("CKA_START_DATE", end=False), one.day("CKA_END_DATE", end=True)
    return {
        "usages": purposes,
        "key_type": None if purposes is None else key_specs.key_type_of(object_class, purposes),
        "mechanisms": _mechanisms(token, one, flags),
        "origin": _origin(one),
        "state": _state(one),
        "activated_at": None if start == NEVER else start,
        "expires_at": end,
        "expiry_settable": False if one.missing("CKA_END_DATE") else None if end is None else True,
        "extractable": False if object_class == PUBLIC else _extractable(one),
        "never_extractable": True if object_class == PUBLIC else _never_extractable(one),
        "key_settings": _settings(one),
        "public": _public(token, one),
    }


def _flags(one: Object) -> set[str] | None:
    """The usage flags that are set; None where one of them is not known.

    One that a module does not have is not set, unless it has none of them at all.
    """
    object_class = one.found.object_class
    names = _USAGE_FLAGS.get(object_class, _SECRET_FLAGS)
    absent = None if all(one.missing(name) for name in names) else False
    values = {name: one.flag(name, absent=absent) for name in names}
    values |= {name: one.flag(name, absent=False) for name in _RARE_FLAGS.get(object_class, ())}
    return None if None in values.values() else {name for name, value in values.items() if value}


_ENCRYPTING = frozenset(f"CKF_{purpose}" for purpose in ("ENCRYPT", "DECRYPT", "WRAP", "UNWRAP"))
"""Purposes for which CKM_RSA_PKCS is another mechanism than the signature of that name."""


def _mechanisms(token: Token, one: Object, flags: set[str] | None) -> list[str] | None:
    """What it may be used with: those that it is limited to, else all of the token's that take such a key and serve
    its purposes."""
    allowed = one.numbers("CKA_ALLOWED_MECHANISMS", absent=())
    if allowed is None or flags is None or (not allowed and token.mechanisms is None):
        return None
    wanted = {flag.replace("CKA_", "CKF_") for flag in flags}
    if allowed:
        serving = dict.fromkeys((cryptoki.named("CKM", cryptoki.MECHANISMS, number) for number in allowed), wanted)
        names: list[str] | None = sorted(serving)
    else:
        serving = {name: wanted & purposes for name, purposes in (token.mechanisms or {}).items()}
        names = key_specs.mechanisms_of(one.found.key_type, [name for name, served in serving.items() if served])
    encrypts = not _ENCRYPTING.isdisjoint(serving.get("CKM_RSA_PKCS", ()))
    return sorted([*names, RSA_PKCS1_ENCRYPTION]) if names and "CKM_RSA_PKCS" in names and encrypts else names


def _origin(one: Object) -> Origin | None:
    """Where its material comes from.

    A key that a token generated has CKA_LOCAL. One without may have been brought in or derived, and some modules leave
    it out of all: only where the module names the mechanism of those that it generated does its absence tell. Material
    that could never be extracted has not come from outside either way. Source: PKCS#11 Specification, common key
    attributes, C_CreateObject and C_UnwrapKey.
    """
    local = one.flag("CKA_LOCAL")
    if local is None:
        return None
    if local:
        return Origin.GENERATED
    if one.found.object_class != PUBLIC:
        never = one.flag("CKA_NEVER_EXTRACTABLE", absent=False)
        sensitive = one.flag("CKA_ALWAYS_SENSITIVE", absent=False)
        if never is None or sensitive is None:
            return None
        if never or sensitive:
            return Origin.GENERATED
    mechanism = one.number("CKA_KEY_GEN_MECHANISM")
    return Origin.IMPORTED if mechanism == cryptoki.UNAVAILABLE else None


def _state(one: Object) -> State | None:
    """One whose end date has passed stays active: whether that is right is for a control to say."""
    if one.missing("CKA_START_DATE"):
        return State.ACTIVE
    start = one.day("CKA_START_DATE", end=False)
    if start is None:
        return None
    return State.PRE_ACTIVE if one.read_at < start < NEVER else State.ACTIVE


def _extractable(one: Object) -> bool | None:
    """Its value can be read, or be wrapped with a key of the caller's own choice."""
    extractable = one.flag("CKA_EXTRACTABLE")
    sensitive = one.flag("CKA_SENSITIVE") if extractable else True
    trusted = one.flag("CKA_WRAP_WITH_TRUSTED", absent=False) if extractable and sensitive else False
    if extractable is None or sensitive is None or trusted is None:
        return None
    return extractable and not (sensitive and trusted)


def _never_extractable(one: Object) -> bool | None:
    """A key that could be extracted once may have been; one that only a trusted key may wrap was not, if that was
    always so, which nothing tells."""
    never = one.flag("CKA_NEVER_EXTRACTABLE")
    if never is None or never:
        return never
    return None if one.flag("CKA_EXTRACTABLE") and _extractable(one) in (False, None) else False


def _settings(one: Object) -> str | None:
    """What has no column, or less than a column, as canonical JSON; None where a part of it could not be read.

    What the object does not have is left out.
    """
    told: dict[str, Any] = {}
    for name in _SETTINGS:
        if name in one.attributes.told and not one.missing(name):
            value = one.plain(name)
            if value is None:
                return None
            told[name] = value
    mechanism = told.pop("CKA_KEY_GEN_MECHANISM", cryptoki.UNAVAILABLE)
    if mechanism != cryptoki.UNAVAILABLE:
        told["CKA_KEY_GEN_MECHANISM"] = cryptoki.named("CKM", cryptoki.MECHANISMS, mechanism)
    return canonical_json(told)


_CAUSES = {Origin.GENERATED: VersionCause.INITIAL, Origin.IMPORTED: VersionCause.IMPORT}
_AS_OF_KEY = {
    "state": "state",
    "expires_at": "expires_at",
    "origin": "origin",
    "cause": "origin",
    "algorithm": "algorithm",
}
"""Column of the material → the column of the key that is unknown for the same reason."""


def _version_rows(setting: Setting, row: Key, readings: Sequence[Reading], reasons: Reasons) -> Iterator[Row]:
    """The key's one piece of material: an object's value is never replaced, a new one is a new object.

    Its start date is not when it came into use: the key's owner sets it, to any day.
    """
    version = KeyVersion(
        **setting.bookkeeping(row.id, row.evidence),
        key=row.id,
        state=row.state,
        superseded_at=NEVER,
        cause=_CAUSES.get(row.origin) if row.origin else None,
        expires_at=row.expires_at,
        destroyed_at=NEVER,
        origin=row.origin,
        algorithm=row.algorithm,
        protection_level=row.protection_level,
        external_key="",
        attestation="",
    )
    own = {column: reasons[of_key] for column, of_key in _AS_OF_KEY.items() if of_key in reasons}
    yield from setting.told(version, readings, own)


def _export_rows(setting: Setting, token: Token, row: Key) -> Iterator[Row]:
    """Who may take the key's material out: whoever may use a key that can be extracted."""
    if row.extractable is None:
        why = token.unseen or (READ, Failure(GapKind.FAILED, "whether the key can be extracted was not read", ""))
        yield setting.rows_missing(row, "access", row.id, *why)
    elif row.extractable and token.info is not None:
        yield from access_row(setting, token, row.id, USER, Capability.EXPORT, "CKA_EXTRACTABLE", row.evidence)


def _public(token: Token, one: Object) -> bool | None:
    """It is used without login. A public key admits nobody to anything that is secret."""
    if one.found.object_class == PUBLIC:
        return False
    private = one.flag("CKA_PRIVATE")
    return False if private and token.info is not None and token.info.login_required else None
