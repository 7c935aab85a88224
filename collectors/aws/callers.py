"""Whom the conditions of a policy tie a statement to: nobody in particular, accounts, organizations or services."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from collectors.aws.policy_document import Condition

EVERYWHERE = "*"
"""The place of callers that nothing ties to an account or an organization."""

_HOME = "own"
"""The organization of the account that owns the thing, where a policy names it by a variable."""

_Read = Callable[[str, str, "Owner"], "Tie"]

_ACCOUNT = re.compile(r"\d{12}")
_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}")
_USER_ID = re.compile(r"([A-Z]{4}[A-Z0-9]{12,}|\d{12})(:.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns the thing that a policy is attached to, and which accounts are its own kin."""

    account: str
    organization: str
    """Id of its organization; empty where that is not known."""
    accounts: frozenset[str]
    """The organization's accounts, as far as they are known; the own account always is."""
    accounts_known: bool
    """No account is missing among `accounts`."""

    def outside(self, place: str) -> bool | None:
        """The account or organization is an outsider; None where that is not known."""
        if place == _HOME:
            return False
        if place.startswith("o-"):
            return place != self.organization if self.organization else None
        if place in self.accounts:
            return False
        return True if self.accounts_known or place == EVERYWHERE else None

    def _belongs(self, account: str, organization: str) -> bool | None:
        if organization == _HOME or (organization == self.organization and self.organization):
            return account in self.accounts or (False if self.accounts_known else None)
        return False if self.organization and account in self.accounts else None

    def meet(self, one: str, other: str) -> str | None:
        """The place that lies in both; "" for none, None where that is not known."""
        if one == other:
            return one
        organizations = [place for place in (one, other) if place == _HOME or place.startswith("o-")]
        if not organizations:
            return ""
        if len(organizations) == 2:
            known = self.outside(one), self.outside(other)
            if None in known:
                return None
            return _HOME if known == (False, False) else ""
        account = other if organizations[0] == one else one
        belongs = self._belongs(account, organizations[0])
        return None if belongs is None else account if belongs else ""


class Reach(Enum):
    FREE = "free"
    """Anyone can meet it."""
    TIED = "tied"
    """Only known callers can meet it."""
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Tie:
    """Whom one condition, or one principal, ties a statement to."""

    reach: Reach
    places: frozenset[str] | None = None
    """Accounts and organizations that hold all these callers; None where that is not known."""
    services: bool = False
    """These callers are services of AWS."""
    source: bool = False
    """The places are those on whose behalf a service calls."""


FREE = Tie(Reach.FREE)
UNDECIDED = Tie(Reach.UNDECIDED)


def tied_to(*places: str) -> Tie:
    """A tie to callers of those accounts and organizations."""
    return Tie(Reach.TIED, frozenset(places))


NOBODY = tied_to()
SERVICES = Tie(Reach.TIED, frozenset(), services=True)
SOMEBODY = Tie(Reach.TIED, None)
"""Fixed callers whose account the name does not tell."""


@dataclass(frozen=True, slots=True)
class Callers:
    """Who meets a principal and all its conditions."""

    anyone: bool | None
    """Just anyone can; None where that cannot be decided."""
    places: frozenset[str] | None
    """Where they are, `*` for everywhere; None where that is not known."""
    services: bool

    def outside(self, owner: Owner) -> bool | None:
        """Some of them are outside the organization."""
        if self.places is None:
            return None
        return any_of(owner.outside(place) for place in self.places)


def any_of(truths: Iterable[bool | None]) -> bool | None:
    """True where one is true, else None where one is not known, else False."""
    known = set(truths)
    return True if True in known else None if None in known else False


def together(ties: Sequence[Tie], owner: Owner) -> Callers:
    """Who meets all of `ties`."""
    tied = [tie for tie in ties if tie.reach is Reach.TIED]
    if not tied:
        undecided = any(tie.reach is Reach.UNDECIDED for tie in ties)
        return Callers(None if undecided else True, None if undecided else frozenset({EVERYWHERE}), services=False)
    if any(tie.services for tie in tied):
        sources = [tie.places for tie in tied if tie.source and tie.places is not None]
        return Callers(False, _common(sources, owner) if sources else frozenset(), services=True)
    own = [tie for tie in tied if not tie.source] or tied
    places = [tie.places for tie in own if tie.places is not None]
    return Callers(False, _common(places, owner) if places else None, services=False)


def either(ties: Iterable[Tie]) -> Tie:
    """Who meets at least one of `ties`."""
    ties = [tie for tie in ties if tie != NOBODY]
    if not ties:
        return NOBODY
    for reach in (Reach.FREE, Reach.UNDECIDED):
        if any(tie.reach is reach for tie in ties):
            return Tie(reach)
    known = [tie.places for tie in ties if tie.places is not None]
    return Tie(
        Reach.TIED,
        frozenset().union(*known) if len(known) == len(ties) else None,
        services=all(tie.services for tie in ties),
        source=all(tie.source for tie in ties),
    )


def _common(sets: Sequence[frozenset[str]], owner: Owner) -> frozenset[str] | None:
    common = sets[0]
    for other in sets[1:]:
        met = [owner.meet(a, b) for a in common for b in other]
        if None in met:
            return None
        common = frozenset(place for place in met if place)
    return common


def named(condition: Condition, owner: Owner) -> Tie:
    """Whom the values of a condition name, as if it were not negated; FREE where it is not about who calls.

    Source: IAM User Guide, global condition context keys and condition operators; AWS KMS and Secrets Manager condition
    keys. As in AWS's own rules for public policies, a value with a wildcard or a variable is no fixed one.
    """
    if condition.operator == "null":
        absent = "true" in condition.values
        decided = condition.key in _KEYS or _about_how(condition.key)
        return FREE if decided and not (absent and condition.key in ALWAYS_PRESENT) else UNDECIDED
    read = _KEYS.get(condition.key)
    if read is None:
        return FREE if _about_how(condition.key) else UNDECIDED
    if condition.operator not in _BY_OTHER_OPERATORS.get(condition.key, _TEXT_OPERATORS):
        return UNDECIDED
    if condition.key in _MANY_VALUES and not condition.qualifier:
        return UNDECIDED
    return either(read(value, condition.operator, owner) for value in condition.values)


ALWAYS_PRESENT = frozenset({"kms:calleraccount", "aws:principalaccount", "aws:principalarn", "aws:userid"})
"""Keys of every signed request of a user or role; KMS, Secrets Manager and SSM answer no other."""


def _fixed(value: str, operator: str) -> bool:
    return "${" not in value and not (operator in _PATTERN_OPERATORS and ("*" in value or "?" in value))


def _unfixed(value: str, operator: str) -> Tie:
    return FREE if operator in _PATTERN_OPERATORS and value.strip("*") == "" and value else UNDECIDED


def _account(value: str, operator: str, owner: Owner) -> Tie:
    if value.lower() == "${aws:resourceaccount}":
        return tied_to(owner.account)
    if not _fixed(value, operator):
        return _unfixed(value, operator)
    return tied_to(value) if _ACCOUNT.fullmatch(value) else tied_to()


def _organization(value: str, operator: str, owner: Owner) -> Tie:
    if value.lower() == "${aws:resourceorgid}":
        return tied_to(_HOME)
    if not _fixed(value, operator):
        return FREE if operator in _PATTERN_OPERATORS and value in ("*", "o-*") else UNDECIDED
    return tied_to(value) if _ORGANIZATION.fullmatch(value) else tied_to()


def _organization_path(value: str, operator: str, owner: Owner) -> Tie:
    return _organization(value.split("/", 1)[0] if "/" in value else value, operator, owner)


def _arn(value: str, operator: str, owner: Owner) -> Tie:
    if "${" in value or (operator in _PATTERN_OPERATORS and value.strip("*") == ""):
        return _unfixed(value, operator)
    parts = value.split(":", 5)
    if operator == "stringlike":
        # Here a wildcard runs over colons, so the account is fixed only where none stands before it.
        head = re.split(r"[*?]", value, maxsplit=1)[0].split(":")
        if len(head) < 6 and not _fixed(value, operator):
            return UNDECIDED
    if len(parts) < 6 or parts[0] != "arn":
        return tied_to() if _fixed(value, operator) else UNDECIDED
    account = parts[4]
    if _ACCOUNT.fullmatch(account):
        return tied_to(account)
    if account == "" and _fixed(value, operator):
        return SOMEBODY
    if account == "*" and operator in ("arnlike", "arnequals"):
        return FREE
    return UNDECIDED


def _user_id(value: str, operator: str, owner: Owner) -> Tie:
    head = re.split(r"[*?]", value, maxsplit=1)[0] if operator in _PATTERN_OPERATORS else value
    if "${" in value:
        return UNDECIDED
    fixed = _USER_ID.fullmatch(head)
    if fixed is None or (head != value and not fixed[2]):
        return _unfixed(value, operator) if head != value else tied_to()
    return tied_to(fixed[1]) if _ACCOUNT.fullmatch(fixed[1]) else SOMEBODY


def _network(value: str, operator: str, owner: Owner) -> Tie:
    return SOMEBODY if _fixed(value, operator) else _unfixed(value, operator)


def _source(read: _Read) -> _Read:
    def of_source(value: str, operator: str, owner: Owner) -> Tie:
        found = read(value, operator, owner)
        return replace(found, source=found.reach is Reach.TIED)

    return of_source


def _service_name(value: str, operator: str, owner: Owner) -> Tie:
    return SERVICES if _fixed(value, operator) or value.lower().endswith(".amazonaws.com") else UNDECIDED


def _is_service(value: str, operator: str, owner: Owner) -> Tie:
    return UNDECIDED if operator != "bool" else SERVICES if value.lower() == "true" else FREE


def _own_resource(value: str, operator: str, owner: Owner) -> Tie:
    return FREE if value == owner.account else UNDECIDED


def _address(value: str, operator: str, owner: Owner) -> Tie:
    try:
        return FREE if ipaddress.ip_network(value, strict=False).prefixlen == 0 else UNDECIDED
    except ValueError:
        return UNDECIDED


_PATTERN_OPERATORS = frozenset({"stringlike", "arnlike", "arnequals"})
_TEXT_OPERATORS = _PATTERN_OPERATORS | {"stringequals", "stringequalsignorecase"}
_BY_OTHER_OPERATORS = {
    "aws:principalisawsservice": frozenset({"bool"}),
    "aws:sourceip": frozenset({"ipaddress"}),
    "aws:vpcsourceip": frozenset({"ipaddress"}),
}
_MANY_VALUES = frozenset({"aws:principalorgpaths", "aws:sourceorgpaths", "aws:principalservicenameslist"})

_KEYS: Mapping[str, _Read] = {
    "kms:calleraccount": _account,
    "aws:principalaccount": _account,
    "aws:principalorgid": _organization,
    "aws:principalorgpaths": _organization_path,
    "aws:principalarn": _arn,
    "aws:userid": _user_id,
    "aws:principalisawsservice": _is_service,
    "aws:principalservicename": _service_name,
    "aws:principalservicenameslist": _service_name,
    "aws:sourceaccount": _source(_account),
    "aws:sourceowner": _source(_account),
    "aws:sourceorgid": _source(_organization),
    "aws:sourceorgpaths": _source(_organization_path),
    "aws:sourcearn": _source(_arn),
    "aws:sourcevpc": _network,
    "aws:sourcevpce": _network,
    "aws:sourcevpcarn": _network,
    "aws:vpceaccount": _network,
    "aws:vpceorgid": _network,
    "aws:sourceip": _address,
    "aws:vpcsourceip": _address,
    "aws:resourceaccount": _own_resource,
}
"""Condition keys that tell who calls, or from where. A network is fixed, but its callers' accounts are not told."""

_HOW = frozenset(
    {
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:multifactorauthage",
        "aws:multifactorauthpresent",
        "aws:principaltype",
        "aws:referer",
        "aws:requestedregion",
        "aws:securetransport",
        "aws:sourceidentity",
        "aws:tagkeys",
        "aws:tokenissuetime",
        "aws:useragent",
        "aws:username",
        "aws:viaawsservice",
    }
)
_HOW_PREFIXES = ("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/", "secretsmanager:", "ssm:")
_KMS_UNDECIDED = "kms:recipientattestation:"


def _about_how(key: str) -> bool:
    """The key tells how a call is made, not by whom: anyone can tag a role, name a user or call by a service.

    kms:ViaService is one of these: AWS's own policies put it beside kms:CallerAccount, which tells who.
    """
    if key.startswith("kms:"):
        return not key.startswith(_KMS_UNDECIDED)
    return key in _HOW or key.startswith(_HOW_PREFIXES)


def tie_of_allow(condition: Condition, conditions: Iterable[Condition], owner: Owner) -> Tie:
    """Whom a condition among `conditions` of an Allow statement ties it to."""
    condition = _plainly(condition)
    tie = named(condition, owner)
    if tie.reach is not Reach.TIED:
        return FREE if condition.negated and condition.key in _KEYS else tie
    if condition.negated:
        return FREE
    return FREE if condition.true_without_key and not _carried(condition.key, conditions) else tie


def leaves_out(condition: Condition) -> bool:
    """The condition keeps some callers out and lets all others in."""
    condition = _plainly(condition)
    return condition.negated and condition.key in _KEYS


@dataclass(frozen=True, slots=True)
class Exemption:
    """Whom a condition of a Deny statement spares."""

    tie: Tie
    """Those spared; FREE where anyone can see to it that the condition is not met."""
    hits: Tie | None = None
    """Those whom alone it hits, where it names them; then `tie` is FREE."""


def exemption(condition: Condition, conditions: Iterable[Condition], owner: Owner) -> Exemption:
    """Whom a condition among `conditions` of a Deny statement spares."""
    condition = _plainly(condition)
    tie = named(condition, owner)
    if tie.reach is not Reach.TIED:
        names_all = tie.reach is Reach.FREE and condition.key in _KEYS and not condition.negated
        return Exemption(UNDECIDED if names_all or tie.reach is Reach.UNDECIDED else FREE)
    if not condition.negated:
        return Exemption(FREE, hits=tie)
    spared_without_key = not condition.true_without_key and not _carried(condition.key, conditions)
    return Exemption(FREE if spared_without_key else tie)


def _plainly(condition: Condition) -> Condition:
    if condition.key == "aws:principalisawsservice" and condition.values == ("false",):
        return replace(condition, negated=not condition.negated, values=("true",))
    return condition


def _carried(key: str, conditions: Iterable[Condition]) -> bool:
    """Every request that meets `conditions` carries the key."""
    return key in ALWAYS_PRESENT or any(
        other.key == key and other.operator == "null" and other.values == ("false",) for other in conditions
    )
