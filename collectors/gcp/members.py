"""Who the members of an IAM policy are, as far as their names tell, and whether they are of the organization."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from evidence.model import PrincipalKind

PlaceKind = Literal["domain", "project", "folder", "organization"]

_CONSUMER_DOMAINS = frozenset({"gmail.com", "googlemail.com"})
_AGENT = re.compile(
    r"""(?:service-|bq-)(\d+)@(?:gcp-sa-[a-z0-9-]+|bigquery-encryption|cloud-filer|cloud-memcache-sa|cloud-ml\.google\.com
    |cloud-redis|cloud-tpu|cloudcomposer-accounts|compute-system|container-analysis|container-engine-robot
    |containerregistry|dataflow-service-producer-prod|dataproc-accounts|dlp-api|endpoints-portal|firebase-rules
    |gae-api-prod\.google\.com|gcf-admin-robot|gcp-gae-service|genomics-api\.google\.com|gs-project-accounts
    |remotebuildexecution|serverless-robot-prod|service-networking|sourcerepo-service-accounts
    )\.iam\.gserviceaccount\.com""",
    re.VERBOSE,
)
"""Service agents carry the number of the project that they act for, and belong to projects of Google's. An account of
any other project may be called the same. Source: IAM documentation, service agents."""
_ACCOUNT = re.compile(r"[^@]+@([a-z0-9.-]+)\.iam\.gserviceaccount\.com")
_DEFAULTS = (
    re.compile(r"(\d+)-compute@developer\.gserviceaccount\.com"),
    re.compile(r"([a-z0-9.-]+)@appspot\.gserviceaccount\.com"),
)
_CLOUD_SERVICES = re.compile(r"(\d+)@cloudservices\.gserviceaccount\.com")
_WORKLOAD = re.compile(r"([a-z0-9.:-]+)\.svc\.id\.goog\[.*\]")
_POOL = re.compile(r"//iam\.googleapis\.com/projects/(\d+)/locations/global/workloadIdentityPools/.*")
_WORKFORCE = re.compile(r"//iam\.googleapis\.com/locations/global/workforcePools/.*")
_RESOURCES = re.compile(r"//cloudresourcemanager\.googleapis\.com/(project|folder|organization)s/([^/]+)(/.*)?")
_CONVENIENCE = ("projectOwner", "projectEditor", "projectViewer")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member belongs: a domain, or a part of the resource hierarchy by id or number."""

    kind: PlaceKind
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a policy."""

    principal: str
    """As the policy names it; `*` for anyone."""
    kind: PrincipalKind
    place: Place | None
    """None where its name does not tell."""

    @property
    def anyone(self) -> bool:
        """It stands for everybody, with or without an account at Google."""
        return self.kind is PrincipalKind.ANYONE


@dataclass(frozen=True, slots=True)
class Own:
    """What is known to belong to the organization."""

    domains: frozenset[str]
    all_domains: bool
    """`domains` are all that it has."""
    projects: frozenset[str]
    """By id and by number."""
    organization: str
    """Its number; "" where it is not known, or there is none."""
    all_projects: bool
    """`projects` are all that it has."""

    def outside(self, member: Member) -> bool | None:
        """The member does not belong to the organization; None where that cannot be told."""
        if member.anyone:
            return True
        place = member.place
        if place is None:
            return None
        if place.kind == "domain":
            return self._outside_domain(place.name)
        if place.kind == "project":
            return False if place.name in self.projects else True if self.all_projects else None
        if place.kind == "organization" and self.organization:
            return place.name != self.organization
        return None

    def _outside_domain(self, domain: str) -> bool | None:
        if domain in self.domains:
            return False
        return True if self.all_domains or domain in _CONSUMER_DOMAINS else None


def member_of(name: str) -> Member | None:
    """The member of that name; None for one that is deleted, which nothing is granted to."""
    return None if name.startswith("deleted:") else _member(name)


@lru_cache(maxsize=4096)
def _member(name: str) -> Member:
    if name in ("allUsers", "allAuthenticatedUsers"):
        return Member("*", PrincipalKind.ANYONE, None)
    kind, _, rest = name.partition(":")
    if kind == "serviceAccount":
        return _service_account(name, rest.lower())
    if kind in ("user", "group"):
        domain = rest.lower().rpartition("@")[2]
        human = PrincipalKind.HUMAN if kind == "user" else PrincipalKind.GROUP
        return Member(name, human, Place("domain", domain) if "@" in rest else None)
    if kind == "domain":
        return Member(name, PrincipalKind.GROUP, Place("domain", rest.lower()))
    if kind in _CONVENIENCE:
        return Member(name, PrincipalKind.GROUP, Place("project", rest))
    if kind in ("principal", "principalSet"):
        return _federated(name, rest, single=kind == "principal")
    return Member(name, PrincipalKind.UNDECIDED, None)


def _service_account(name: str, email: str) -> Member:
    agent = _AGENT.fullmatch(email) or _CLOUD_SERVICES.fullmatch(email)
    if agent:
        return Member(name, PrincipalKind.SERVICE, Place("project", agent[1]))
    found = next((match for pattern in (*_DEFAULTS, _WORKLOAD) if (match := pattern.fullmatch(email))), None)
    if found is None:
        found = _ACCOUNT.fullmatch(email)
    return Member(name, PrincipalKind.MACHINE, Place("project", _project(found[1])) if found else None)


def _project(host: str) -> str:
    """`id.example.com`, as service accounts have it, is the project `example.com:id`."""
    id, dot, domain = host.partition(".")
    return f"{domain}:{id}" if dot else host


def _federated(name: str, rest: str, *, single: bool) -> Member:
    pool = _POOL.fullmatch(rest)
    if pool:
        kind = PrincipalKind.MACHINE if single else PrincipalKind.GROUP
        return Member(name, kind, Place("project", pool[1]))
    resources = _RESOURCES.fullmatch(rest)
    if resources:
        place: PlaceKind = resources[1]  # type: ignore[assignment]
        return Member(name, PrincipalKind.GROUP, Place(place, resources[2]))
    if _WORKFORCE.fullmatch(rest):
        return Member(name, PrincipalKind.HUMAN if single else PrincipalKind.GROUP, None)
    return Member(name, PrincipalKind.UNDECIDED, None)
