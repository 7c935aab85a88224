"""Values and untrusted text as a reader sees them: nothing invisible, nothing endless, nothing that acts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from evidence.findings import Status, Verdict
from evidence.model import NEVER

VERDICT_WORDS: dict[str, str] = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.NOT_APPLICABLE: "not applicable",
}

VERDICT_SYMBOLS: dict[str, str] = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_APPLICABLE: "–",
}

STATUS_WORDS: dict[str, str] = {
    Status.NOT_SUPPORTED: "Not supported",
    Status.INCONCLUSIVE: "Inconclusive",
    Status.NEEDS_ATTESTATION: "Needs attestation",
    Status.SUPPORTED: "Supported",
    Status.NOT_APPLICABLE: "Not applicable",
}

STATUS_SYMBOLS: dict[str, str] = {
    Status.NOT_SUPPORTED: "✗",
    Status.INCONCLUSIVE: "?",
    Status.NEEDS_ATTESTATION: "○",
    Status.SUPPORTED: "✓",
    Status.NOT_APPLICABLE: "–",
}

PROVIDER_WORDS: dict[str, str] = {
    "aws": "AWS",
    "azure": "Azure",
    "gcp": "Google Cloud",
    "kmip": "KMIP",
    "pkcs11": "PKCS#11",
    "vault": "Vault",
}
"""How a provider calls itself; any other kind of source goes by its own name."""

ACCOUNT_WORDS: dict[str, str] = {
    "aws": "account",
    "azure": "subscription",
    "gcp": "project",
    "kmip": "server",
    "pkcs11": "token",
    "vault": "namespace",
}
"""What a provider calls the unit that holds keys."""

Item = TypeVar("Item")

TEXT_LIMIT = 2_000
"""Characters of any text that are shown; no page is filled by one value."""

_SPACES = re.compile(r"[\t\n\r ]+")
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad"  # controls, soft hyphen
    "\u061c\u115f\u1160\u180e\u3164\uffa0"  # letters and marks that show as nothing
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # zero width, line separators, direction
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"  # annotations, non-characters, halves of pairs
    "\U000e0000-\U000e007f]"  # tags
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def visible(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text` with every character that acts unseen written out as `[U+202E]`, shortened to about `limit`.

    White space is folded. A text that is cut ends in `… (n characters)`, n being its whole length.
    """
    shown = _SPACES.sub(" ", text[:limit])
    if len(text) > limit:
        shown = f"{shown.rstrip()} … ({len(text):,} characters)"
    return _UNSEEN.sub(lambda match: f"[U+{ord(match[0]):04X}]", shown)


def read_time(text: str | None) -> datetime | None:
    """The time that a text in ISO 8601 names; None for any other text."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def day(moment: datetime | date) -> str:
    """`2026-06-30`, in UTC; `never` for a date that is observed to be absent."""
    if isinstance(moment, datetime):
        moment = moment.astimezone(UTC).date()
    return "never" if moment == NEVER.date() else moment.isoformat()


def minute(moment: datetime) -> str:
    """`2026-06-30 09:15 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def digest(sha256: str) -> str:
    """The first 16 digits of a SHA-256, which are enough to tell one from another where the whole stands elsewhere."""
    return f"{sha256[:16]}…"


def number(value: int) -> str:
    """`12,345`."""
    return f"{value:,}"


def brief(value: int) -> str:
    """`987`, `1.2k`, `12k`: never more than it is, for what stands exactly elsewhere."""
    if value < 1_000:
        return str(value)
    return f"{value // 100 / 10}k" if value < 10_000 else f"{value // 1_000:,}k"


def percent(part: int, whole: int) -> str:
    """`95 %`; `100 %` says that it is all, `0 %` that it is none, so what lies between is never rounded to them."""
    share = 100 * part // whole
    return f"{share} %" if share or not part else "<1 %"


def plural(count: int, noun: str, many: str = "") -> str:
    """`1 key`, `1,200 keys`, `3 entries`."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def kind(name: str | None) -> str:
    """A value of an enumeration in words: `switched off` for `switched_off`."""
    return (name or "").replace("_", " ")


def provider_word(name: str) -> str:
    """A provider as it calls itself; a name that is not known stays as it is."""
    return PROVIDER_WORDS.get(name, visible(name, 30))


def value(fact: Any, limit: int = 120) -> str:
    """A fact as observed: a missing one is `not observed`, an empty one is `none`."""
    if fact is None:
        return "not observed"
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    if isinstance(fact, datetime):
        return day(fact)
    if isinstance(fact, int | float):
        return f"{fact:g}" if isinstance(fact, float) else str(fact)
    if isinstance(fact, list | tuple):
        few = ", ".join(value(item, limit) for item in fact[:3])
        return visible(few + (f" and {len(fact) - 3:,} more" if len(fact) > 3 else ""), limit) if fact else "none"
    if isinstance(fact, Mapping):
        return visible(json.dumps(fact, ensure_ascii=False, sort_keys=True), limit)
    text = str(fact)
    if match := _TIME.fullmatch(text):
        return "never" if match[1] == NEVER.date().isoformat() else match[1]
    return visible(text, limit) if text.strip() else "none"


def listed(items: Iterable[Item], limit: int) -> tuple[list[Item], int]:
    """The first `limit` items, and how many more there are."""
    every = list(items)
    return every[:limit], max(0, len(every) - limit)


_ADDRESS = re.compile(r"^https://([^./:]+)[^/]*")
_SEGMENTS = re.compile(r"[^:/]+|[:/]+")


def within(name: str, *places: str) -> str:
    """A provider's full name of a thing without what stands beside it anyway: domain, account and region.

    `key/1234` of `arn:aws:kms:eu-west-1:111122223333:key/1234`, `keyRings/r/cryptoKeys/k` of
    `projects/p/locations/europe-west3/keyRings/r/cryptoKeys/k`, `vault/keys/k` of `https://vault.example/keys/k`.
    """
    parts = _SEGMENTS.findall(_ADDRESS.sub(r"\1", name))
    start = 0
    for place in places:
        if place and place in parts[:-1]:
            start = max(start, parts.index(place) + 1)
    return "".join(parts[start:]).lstrip(":/") or name
