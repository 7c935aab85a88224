"""One certificate of a token: from its attributes and its own bytes to its row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from collectors.pkcs11.facts.attributes import READ, Object, first_failure, note_failures, read_objects
from collectors.pkcs11.facts.scope import Setting
from collectors.pkcs11.facts.token import Token
from collectors.pkcs11.objects import Found, Thing
from collectors.scope_rows import fill
from collectors.x509 import read_certificate
from evidence.model import Certificate, GapKind, Manager, Row, State
from evidence.reading import Failure, Reading

VALUE = "CKA_VALUE"

_OF_VALUE = (
    "subject",
    "issuer",
    "fingerprint",
    "algorithm",
    "bits",
    "security_bits",
    "activated_at",
    "expires_at",
    "authority",
)
"""Columns that the certificate itself tells."""

_OF_ITS_KEY = ("algorithm", "bits", "security_bits")
_UNKNOWN_KEY = Failure(GapKind.NOT_OFFERED, "the certificate's key is of a kind that is not known here", "")

Exportable = Mapping[str, tuple[bool | None, tuple[str, Failure] | None]]
"""URI of a key → whether it can be extracted, and why that is not known."""


def certificate_rows(setting: Setting, token: Token, thing: Thing, reading: Reading, keys: Exportable) -> Iterator[Row]:
    """The row of one certificate and its gaps."""
    objects = read_objects(reading, thing)
    label = thing.objects[0].label.decode("utf-8", "replace")
    key = _key(token, thing.objects[0])
    row = Certificate(
        **setting.bookkeeping(thing.uri, [*reading.evidence, thing.objects[0].observation]),
        name=label or thing.objects[0].id.hex() or "without a label",
        account=setting.header.account,
        region="",
        key_store=token.uri,
        key=key,
        manager=Manager.CUSTOMER,
        renewal_enabled=False,
        renewal_days=0,
        versions=1,
    )
    reasons: dict[str, tuple[str, Failure]] = {}
    if objects:
        row.state = State.ACTIVE
        facts, failure = _by_value(objects[0])
        fill(row, facts)
        if failure:
            reading.failures.setdefault(READ, failure)
            reasons |= dict.fromkeys(_OF_VALUE, (READ, failure))
        elif row.algorithm is None:
            reasons |= dict.fromkeys(_OF_ITS_KEY, ("", _UNKNOWN_KEY))
    if key is None:
        reasons |= dict.fromkeys(("key", "exportable"), _why_no_key(token))
    else:
        row.exportable, why = keys.get(key, (None, None)) if key else (False, None)
        if why:
            reasons["exportable"] = why
    yield from setting.told(row, [reading, token.reading], reasons)
    note_failures(reading, objects)


def _key(token: Token, found: Found) -> str | None:
    """The key with the same CKA_ID, "" where none is on the token; None where that cannot be told."""
    with_id = [thing.uri for thing in token.contents.by_id.get(found.id, ()) if thing.object_class == "CKO_PRIVATE_KEY"]
    if not found.id or not with_id:
        return "" if token.unseen is None else None
    return with_id[0] if len(with_id) == 1 else None


def _why_no_key(token: Token) -> tuple[str, Failure]:
    several = Failure(GapKind.NOT_OFFERED, "several keys have the CKA_ID of the certificate", "")
    return token.unseen or ("", several)


def _by_value(one: Object) -> tuple[dict[str, Any], Failure | None]:
    """What the certificate states, or why it does not."""
    value = one.text(VALUE)
    if value is None:
        return {}, first_failure([one], [VALUE])
    try:
        return asdict(read_certificate(bytes.fromhex(value))), None
    except ValueError as error:
        return {}, Failure(GapKind.FAILED, f"{VALUE} is no X.509 certificate: {error}", one.observation.id)
