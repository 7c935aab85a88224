"""Which events of keys and secrets the patterns of EventBridge rules and of metric filters let through.

Every answer is True, False, or None where the pattern asks for more than what is known of every such event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from collectors.wildcards import matches
from evidence.model import AlertedEvent

Decided: TypeAlias = "bool | None"

ALERTED_EVENTS: Mapping[str, Mapping[AlertedEvent, str]] = {
    "kms": {
        AlertedEvent.DISABLE: "DisableKey",
        AlertedEvent.DELETE: "ScheduleKeyDeletion",
        AlertedEvent.POLICY_CHANGE: "PutKeyPolicy",
        AlertedEvent.IMPORT: "ImportKeyMaterial",
    },
    "secretsmanager": {AlertedEvent.DELETE: "DeleteSecret", AlertedEvent.POLICY_CHANGE: "PutResourcePolicy"},
}
"""Service → what can happen to what it holds, and the operation by which CloudTrail tells of it. Neither exports."""

_LONGEST = 10_000
"""Characters of a pattern that is looked at: AWS takes 4,096 in a rule and 1,024 in a metric filter."""

_DEEPEST = 20

_KEPT = 1_024
"""Patterns and events whose answer is remembered: it is asked of each several times, and many rules share a pattern."""

_ABSENT = ("errorCode", "errorMessage")
"""What CloudTrail tells of a call that failed only; an alert is to tell of those that succeed."""


def every(decided: Iterable[Decided]) -> Decided:
    """False where one is, else None where one is."""
    found = list(decided)
    return False if False in found else None if None in found else True


def some(decided: Iterable[Decided]) -> Decided:
    """True where one is, else None where one is."""
    found = list(decided)
    return True if True in found else None if None in found else False


@dataclass(frozen=True, slots=True)
class Event:
    """A successful call of an operation, as CloudTrail tells it: what is the same in all of them."""

    service: str
    operation: str
    account: str
    """Empty where it is not known."""
    region: str

    @property
    def record(self) -> Mapping[str, Any]:
        """What CloudTrail writes into a log."""
        return {
            "eventSource": f"{self.service}.amazonaws.com",
            "eventName": self.operation,
            "awsRegion": self.region,
            "eventType": "AwsApiCall",
            "eventCategory": "Management",
            "managementEvent": True,
            "readOnly": False,
        }

    @property
    def envelope(self) -> Mapping[str, Any]:
        """What EventBridge gets."""
        told = {
            "source": f"aws.{self.service}",
            "detail-type": "AWS API Call via CloudTrail",
            "account": self.account,
            "region": self.region,
            "detail": self.record,
        }
        return {name: value for name, value in told.items() if value}


def events_of(service: str, account: str, region: str) -> Mapping[AlertedEvent, Event]:
    """The events of a service of an account and region."""
    operations = ALERTED_EVENTS[service]
    return {what: Event(service, operation, account, region) for what, operation in operations.items()}


@lru_cache(maxsize=_KEPT)
def rule_matches(pattern: str, event: Event) -> Decided:
    """Whether an EventBridge rule with that event pattern matches every such event.

    Source: Amazon EventBridge User Guide, event patterns and comparison operators.
    """
    if len(pattern) > _LONGEST:
        return None
    try:
        document = json.loads(pattern)
    except (ValueError, RecursionError):
        return None
    return _object_matches(document, event.envelope, 0) if isinstance(document, dict) else None


def _object_matches(pattern: Mapping[str, Any], event: Mapping[str, Any], depth: int) -> Decided:
    if depth > _DEEPEST:
        return None
    return every(_field_matches(name, wanted, event, depth) for name, wanted in pattern.items())


def _field_matches(name: str, wanted: Any, event: Mapping[str, Any], depth: int) -> Decided:
    if name == "$or" and isinstance(wanted, list):
        return some(_object_matches(p, event, depth + 1) if isinstance(p, dict) else None for p in wanted)
    if isinstance(wanted, dict):
        within = event.get(name)
        return _object_matches(wanted, within, depth + 1) if isinstance(within, dict) else None
    if not isinstance(wanted, list):
        return None
    if name in _ABSENT:
        return some(_absent_matches(matcher) for matcher in wanted)
    if name not in event or isinstance(event[name], dict):
        return None
    return some(_value_matches(matcher, event[name]) for matcher in wanted)


def _absent_matches(matcher: Any) -> Decided:
    """A field that is not there matches nothing but that it is not."""
    if isinstance(matcher, dict):
        return {True: False, False: True}.get(matcher["exists"]) if _is_flag(matcher.get("exists")) else None
    return False


def _is_flag(value: Any) -> bool:
    return value is True or value is False


def _value_matches(matcher: Any, value: Any) -> Decided:
    if not isinstance(matcher, dict):
        return type(matcher) is type(value) and bool(matcher == value)
    if len(matcher) != 1:
        return None
    ((operator, wanted),) = matcher.items()
    if operator == "exists":
        return wanted if _is_flag(wanted) else None
    if operator == "anything-but":
        return _anything_but(wanted, value)
    if not isinstance(wanted, str) or not isinstance(value, str):
        return None
    return _text_matches(operator, wanted, value)


def _text_matches(operator: str, wanted: str, value: str) -> Decided:
    if operator == "prefix":
        return value.startswith(wanted)
    if operator == "suffix":
        return value.endswith(wanted)
    if operator == "equals-ignore-case":
        return value.casefold() == wanted.casefold()
    if operator == "wildcard" and "\\" not in wanted and "?" not in wanted:
        return matches(wanted, value)
    return None


def _anything_but(wanted: Any, value: Any) -> Decided:
    texts = [wanted] if isinstance(wanted, str) else wanted
    if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
        return value not in texts
    return None


_TOKEN = re.compile(
    r"""\s*(?:(?P<operator>&&|\|\||!=|<=|>=|[=<>(){}])
    |"(?P<quoted>[^"]*)"
    |\$\.(?P<selector>[A-Za-z0-9_.-]+)
    |(?P<word>[^\s"&|=!<>(){}]+))\s*""",
    re.VERBOSE,
)


def rule_may_match(state: str, pattern: str, events: Iterable[Event]) -> bool:
    """Whether it has to be known where an EventBridge rule sends what it matches."""
    return rule_enabled(state) is not False and some(rule_matches(pattern, event) for event in events) is not False


def filter_may_match(pattern: str, events: Iterable[Event]) -> bool:
    """Whether it has to be known which alarms watch the metrics of a metric filter."""
    return some(filter_matches(pattern, event) for event in events) is not False


_ENABLED = {"ENABLED": True, "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS": True, "DISABLED": False}


def rule_enabled(state: str) -> Decided:
    """Whether a rule in that state matches calls that change something."""
    return _ENABLED.get(state)


def selected(field: str, operators: Mapping[str, Sequence[str]], event: Event) -> Decided:
    """Whether an advanced event selector of a trail lets every such event through, as far as this field decides.

    `operators` are those that the selector uses, each with its texts. Source: AWS CloudTrail API reference,
    AdvancedFieldSelector.
    """
    record = event.record
    if field not in record:
        return None
    value = str(record[field]).lower() if isinstance(record[field], bool) else str(record[field])
    found: dict[str, Callable[[Sequence[str]], bool]] = {
        "Equals": lambda texts: value in texts,
        "StartsWith": lambda texts: value.startswith(tuple(texts)),
        "EndsWith": lambda texts: value.endswith(tuple(texts)),
        "NotEquals": lambda texts: value not in texts,
        "NotStartsWith": lambda texts: not value.startswith(tuple(texts)),
        "NotEndsWith": lambda texts: not value.endswith(tuple(texts)),
    }
    return every(found[name](texts) for name, texts in operators.items() if texts)


def local_log_group(arn: str, account: str, region: str) -> str:
    """The name of a log group; empty for one of another account or region, and where it is not known whose it is."""
    parts = arn.split(":")
    if len(parts) < 7 or parts[2] != "logs" or not account or (parts[3], parts[4]) != (region, account):
        return ""
    return parts[6]


class _Unread(Exception):
    """The text is not of the part of the language that is read here."""


@lru_cache(maxsize=_KEPT)
def filter_matches(pattern: str, event: Event) -> Decided:
    """Whether a metric filter with that pattern counts every such event.

    Read are patterns for JSON that compare members with texts, joined by `&&` and `||`; an empty one counts all.
    Source: Amazon CloudWatch Logs User Guide, filter pattern syntax.
    """
    if pattern.strip() == "":
        return True
    if len(pattern) > _LONGEST:
        return None
    try:
        return _Filter(list(_tokens(pattern)), event.record).whole()
    except (_Unread, RecursionError):
        return None


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(pattern):
        found = _TOKEN.match(pattern, position)
        if found is None:
            raise _Unread
        position = found.end()
        kind = str(found.lastgroup)
        yield kind, found[kind]


def _is_plain(wanted: str) -> bool:
    """A text with wildcards at its ends at most; what `%` sets off as a regular expression is not read here."""
    return not set("%?") & set(wanted) and "*" not in wanted[1:-1]


class _Filter:
    """Reads a filter pattern from the left to the right, and decides it on the way."""

    def __init__(self, tokens: list[tuple[str, str]], record: Mapping[str, Any]) -> None:
        self._tokens = tokens
        self._record = record

    def whole(self) -> Decided:
        self._take("operator", "{")
        decided = self._either()
        self._take("operator", "}")
        if self._tokens:
            raise _Unread
        return decided

    def _either(self) -> Decided:
        found = [self._both()]
        while self._next("operator", "||"):
            found.append(self._both())
        return some(found)

    def _both(self) -> Decided:
        found = [self._one()]
        while self._next("operator", "&&"):
            found.append(self._one())
        return every(found)

    def _one(self) -> Decided:
        if self._next("operator", "("):
            decided = self._either()
            self._take("operator", ")")
            return decided
        selector = self._take("selector")
        if self._next("word", "NOT"):
            self._take("word", "EXISTS")
            return True if selector in _ABSENT else False if selector in self._record else None
        if self._next("word", "EXISTS"):
            return False if selector in _ABSENT else True if selector in self._record else None
        return self._compared(selector, self._take("operator"))

    def _compared(self, selector: str, operator: str) -> Decided:
        kind, wanted = self._tokens.pop(0) if self._tokens else ("", "")
        if kind not in ("quoted", "word") or operator not in ("=", "!="):
            raise _Unread
        if selector in _ABSENT:
            return False if operator == "=" else None  # AWS does not say what differs from a member that is not there
        value = self._record.get(selector)
        if not isinstance(value, str) or not _is_plain(wanted):
            return None
        return matches(wanted, value) is (operator == "=")

    def _next(self, kind: str, text: str) -> bool:
        """Take the next token if it is that one."""
        if self._tokens[:1] != [(kind, text)]:
            return False
        del self._tokens[0]
        return True

    def _take(self, kind: str, text: str | None = None) -> str:
        found = self._tokens.pop(0) if self._tokens else ("", "")
        if found[0] != kind or (text is not None and found[1] != text):
            raise _Unread
        return found[1]
