"""One key: from the objects that were its material, one after the other, to its row and those of its versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import zip_longest
from typing import Any

from collectors.algorithms import RSA_PKCS1_ENCRYPTION
from collectors.kmip.answers import Attributes, CryptographicParameters
from collectors.kmip.facts.managed_object import (
    ATTRIBUTES,
    Chain,
    ManagedObject,
    algorithm_of,
    came_into_use,
    describing,
    expiry,
    names_of,
    owned,
    state_of,
    tells_dates,
)
from collectors.kmip.facts.scope import Setting
from collectors.kmip.key_specs import family, key_type, protection, usages
from collectors.periods import days_begun
from evidence.model import (
    NEVER,
    Key,
    KeyVersion,
    Manager,
    Origin,
    ProtectionLevel,
    Rotatable,
    Row,
    State,
    Usage,
    VersionCause,
)
from evidence.observation import canonical_json, iso


def key_rows(setting: Setting, chain: Chain, level: ProtectionLevel | None) -> Iterator[Row]:
    """The row of one key with its gaps, and those of its versions.

    `level` is what protects all keys of the server, where that is known.
    """
    current = chain.current
    attributes = current.told
    id = setting.object_id(current.identifier)
    row = Key(
        **setting.bookkeeping(id, chain.evidence),
        name=next(iter(names_of(attributes)), current.identifier),
        aliases=sorted(set(names_of(attributes))),
        description=describing(attributes),
        account=setting.header.account,
        region=setting.header.region,
        key_store=setting.store,
        manager=Manager.CUSTOMER,
        managed_by="",
        suspended_at=NEVER,
        rotation_requested_at=NEVER,
        deletion_window_set=False,
        deletion_window_days=0,
        recovery_level="",
        release_policy="",
        attestation="",
        access_reasons=[],
        origin=origin(attributes),
        protection_level=protection(attributes.protection_storage_mask) or level,
        key_settings=_settings(attributes, current.identifier),
        **owned(setting, attributes),
        **_material(attributes),
        **_lifecycle(attributes, chain),
        **_history(attributes, chain),
        **_rotation(attributes),
        **extraction(attributes),
    )
    if row.last_rotated_at is None and current.received_at:
        observed = datetime.fromisoformat(current.received_at)
        row.material_known_at = setting.settings.in_use_by(row.source, id, observed)
    yield from setting.explained(row, chain.readings)
    yield from _version_rows(setting, chain, id, level)


def origin(attributes: Attributes) -> Origin | None:
    """Where its material comes from, where that is told for certain.

    A key that existed before the server had it was brought in; one whose value is elsewhere is external. The server's
    own keys look like those whose owner brought them in as soon as they were made, so that nothing tells them.
    """
    if attributes.key_value_present is False:
        return Origin.EXTERNAL
    made, stored = attributes.original_creation_date, attributes.initial_date
    return Origin.IMPORTED if made is not None and stored is not None and made < stored else None


def extraction(attributes: Attributes) -> dict[str, Any]:
    """Whether its material can, or ever could, leave the server in clear, as columns.

    What is sensitive leaves it only wrapped, and what is not extractable not at all. Source: KMIP Specification 2.1,
    the attributes Extractable, Never Extractable, Sensitive and Always Sensitive.
    """
    return {
        "extractable": _both(attributes.extractable, _not(attributes.sensitive)),
        "never_extractable": _not(_both(_not(attributes.never_extractable), _not(attributes.always_sensitive))),
    }


def _not(told: bool | None) -> bool | None:
    return None if told is None else not told


def _both(one: bool | None, other: bool | None) -> bool | None:
    """Both hold; None where that depends on what is not told."""
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _material(attributes: Attributes) -> dict[str, Any]:
    used_for = None if attributes.cryptographic_usage_mask is None else usages(attributes.cryptographic_usage_mask)
    name = attributes.cryptographic_algorithm
    kind = algorithm_of(attributes)
    facts: dict[str, Any] = {
        "usages": used_for,
        "key_type": key_type(attributes.nist_key_type, attributes.object_type, used_for),
        "mechanisms": _mechanisms(name or "", attributes.cryptographic_parameters, used_for),
    }
    if kind is not None:
        return facts | asdict(kind)
    return facts | ({"algorithm": family(name), "bits": attributes.cryptographic_length} if name else {})


_SIGNING = {"RSA": "RSA", "DSA": "DSA", "EC": "ECDSA", "ECDSA": "ECDSA"}
"""Algorithms that sign what a hash makes of a message → their names in those of signatures."""


def _mechanisms(
    name: str, parameters: Sequence[CryptographicParameters], used_for: Sequence[Usage] | None
) -> list[str] | None:
    """What it may be used with, in KMIP's words: `AES CBC PKCS5`, and apart `SHA-256 with RSA Encryption`.

    Without parameters the algorithm alone is told. That is too little, and None, where it leaves the hash of
    signatures or the padding of RSA encryption to each request. Source: KMIP Specification 2.1, Cryptographic
    Parameters and the operations Sign and Decrypt.
    """
    found = {" ".join(filter(None, [name, *_words(one)])) for one in parameters} or {name}
    if name in _SIGNING:
        if used_for is None:
            return None
        if Usage.SIGN in used_for:
            signatures = set(filter(None, (_signature(_SIGNING[name], one) for one in parameters)))
            if not signatures:
                return None
            found |= signatures
    if name == "RSA" and not {Usage.ENCRYPT, Usage.WRAP}.isdisjoint(used_for or ()):
        paddings = {one.padding_method for one in parameters} - {None}
        if not paddings:
            return None
        found |= {RSA_PKCS1_ENCRYPTION} if "PKCS1 v1.5" in paddings else set()
    return sorted(found - {""})


def _signature(algorithm: str, one: CryptographicParameters) -> str | None:
    """The signature that parameters name, or make up by their parts, as KMIP names signatures; None for none.

    KMIP names no hash of RSASSA-PSS in one word with it.
    """
    stated, hash = one.digital_signature_algorithm, one.hashing_algorithm
    if stated is not None and stated != "RSASSA-PSS":
        return stated
    if hash is None or one.padding_method == "OAEP":
        return None
    if stated is not None or one.padding_method == "PSS":
        return f"RSASSA-PSS with {hash}"
    if algorithm == "RSA":
        return f"{hash} with RSA Encryption"
    return f"{algorithm} with {hash if hash == 'SHA-1' else hash.replace('-', '', 1)}"


def _words(one: CryptographicParameters) -> list[str | None]:
    return [
        one.cryptographic_algorithm,
        one.block_cipher_mode,
        one.padding_method,
        one.hashing_algorithm,
        one.digital_signature_algorithm,
        one.key_role_type,
    ]


def _lifecycle(attributes: Attributes, chain: Chain) -> dict[str, Any]:
    state = state_of(attributes)
    gone = attributes.destroy_date if state is State.DESTROYED else None if state is None else NEVER
    return {
        "state": state,
        "updated_at": attributes.last_change_date,
        "activated_at": _activated_at(chain),
        "deletion_requested_at": gone,
        "deletion_at": gone,
        **expiry(attributes),
    }


def _activated_at(chain: Chain) -> datetime | None:
    """When the first of its objects could be used. What is not yet active tells so by its state."""
    oldest = chain.oldest
    if oldest is None:
        return None
    return NEVER if state_of(oldest) is State.PRE_ACTIVE else oldest.activation_date


def _history(attributes: Attributes, chain: Chain) -> dict[str, Any]:
    """How often its material was replaced: an object's own never changes."""
    return {
        "created_at": chain.oldest.initial_date if chain.oldest else None,
        "rotations": chain.position if chain.whole else None,
        "last_rotated_at": came_into_use(attributes),
    }


def _rotation(attributes: Attributes) -> dict[str, Any]:
    """Whether the server rotates it by itself, which only servers tell that can."""
    automatic, interval = attributes.rotate_automatic, attributes.rotate_interval
    if automatic is None and interval is None:
        return {}
    active = state_of(attributes) is State.ACTIVE
    facts: dict[str, Any] = {
        "rotatable": active,
        "rotatable_reason": Rotatable.YES if active else Rotatable.NOT_ACTIVE,
        "rotation_enabled": automatic,
    }
    if automatic is False:
        facts |= {"rotation_period_days": 0, "rotation_next_at": NEVER}
    elif automatic and interval is not None:
        facts["rotation_period_days"] = days_begun(interval)
    return facts


_TOLD_AS_IT_IS = (
    "object_type",
    "state",
    "object_group",
    "key_format_type",
    "nist_key_type",
    "quantum_safe",
    "sensitive",
    "always_sensitive",
    "extractable",
    "never_extractable",
    "fresh",
    "key_value_present",
    "protection_level",
    "protection_storage_mask",
    "lease_time",
    "operation_policy_name",
    "contact_information",
    "comment",
    "rotate_generation",
    "rotate_latest",
    "rotate_interval",
    "split_key_parts",
    "split_key_threshold",
    "split_key_method",
    "original_creation_date",
    "process_start_date",
    "protect_stop_date",
    "deactivation_date",
    "compromise_occurrence_date",
    "compromise_date",
    "archive_date",
    "rotate_date",
)
"""Attributes that have no column, or whose own words say more than their column."""


def _settings(attributes: Attributes, identifier: str) -> str:
    """What else the server tells of it, as canonical JSON; what is not set is left out."""
    told = {name: getattr(attributes, name) for name in _TOLD_AS_IT_IS}
    limits, reason = attributes.usage_limits, attributes.revocation_reason
    told |= {
        "unique_identifier": identifier,
        "links": [[link.link_type, link.linked_object_identifier] for link in attributes.link],
        "application_specific_information": [
            [one.application_namespace, one.application_data or ""]
            for one in attributes.application_specific_information
        ],
        "key_value_location": [one.key_value_location_value for one in attributes.key_value_location],
        "usage_limits": None if limits is None else limits.model_dump(),
        "revocation_reason": None if reason is None else reason.model_dump(),
        "tells_dates": tells_dates(attributes),
    }
    set_ones = {name: value for name, value in told.items() if value is not None and value != []}
    return canonical_json({n: iso(v) if isinstance(v, datetime) else v for n, v in set_ones.items()})


# --- versions -------------------------------------------------------------------------------------------------------


def _version_rows(setting: Setting, chain: Chain, key: str, level: ProtectionLevel | None) -> Iterator[Row]:
    in_use = chain.position
    for number, (one, following) in enumerate(zip_longest(chain.line, chain.line[1:])):
        if one is None:
            continue  # what is not on the server any more
        if one.attributes is None:
            failure = one.reading.failures[ATTRIBUTES]
            anchor = KeyVersion(**setting.bookkeeping(key, ()))
            yield setting.rows_missing(anchor, "key_version", key, ATTRIBUTES, failure)
            continue
        row = _version(setting, one, key, level)
        late = number >= in_use and not chain.contradictory
        row.superseded_at = NEVER if late else _taken_over_at(following)
        row.cause = _cause(row, first=chain.whole and number == 0)
        yield from setting.explained(row, [one.reading, *([following.reading] if following else [])])


def _version(setting: Setting, one: ManagedObject, key: str, level: ProtectionLevel | None) -> KeyVersion:
    attributes = one.told
    state = state_of(attributes)
    kind = algorithm_of(attributes)
    name = attributes.cryptographic_algorithm
    return KeyVersion(
        **setting.bookkeeping(setting.object_id(one.identifier), one.reading.evidence),
        key=key,
        state=state,
        created_at=came_into_use(attributes),
        expires_at=expiry(attributes)["expires_at"],
        destroyed_at=attributes.destroy_date if state is State.DESTROYED else None if state is None else NEVER,
        origin=origin(attributes),
        algorithm=kind.algorithm if kind else family(name) if name else None,
        protection_level=protection(attributes.protection_storage_mask) or level,
        external_key=next((place.key_value_location_value for place in attributes.key_value_location), ""),
        attestation="",
    )


def _taken_over_at(following: ManagedObject | None) -> datetime | None:
    """When the next object took over from one; None where that is not known."""
    return came_into_use(following.attributes) if following is not None and following.attributes is not None else None


def _cause(version: KeyVersion, *, first: bool) -> VersionCause | None:
    if version.origin is Origin.IMPORTED:
        return VersionCause.IMPORT
    return VersionCause.INITIAL if first else None
