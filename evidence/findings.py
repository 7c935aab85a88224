"""What an assessment says: findings one by one, and controls and requirements as a whole."""

from __future__ import annotations

import datetime as dt
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import pyarrow as pa

FINDINGS_VERSION = "1"
"""Version of findings.json and findings.parquet; raised when a member changes its meaning or goes away."""


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"


class Severity(StrEnum):
    """In rising order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the lowest."""
        return list(Severity).index(self)


class Stage(StrEnum):
    """Stages of a key's life, in the order of the report."""

    INVENTORY = "inventory"
    GOVERNANCE = "governance"
    GENERATION = "generation"
    DISTRIBUTION = "distribution"
    STORAGE = "storage"
    USAGE = "usage"
    ROTATION = "rotation"
    DESTRUCTION = "destruction"
    SECRETS = "secrets"
    CERTIFICATES = "certificates"
    ALGORITHMS = "algorithms"
    POST_QUANTUM = "post_quantum"
    EVIDENCE = "evidence"


class Decided(StrEnum):
    """How much of a requirement metadata can decide."""

    AUTOMATICALLY = "automatically"
    PARTLY = "partly"
    MANUALLY = "manually"


class Status(StrEnum):
    """What the evidence says about a requirement. Never "compliant": that judgement is the assessor's."""

    NOT_SUPPORTED = "not_supported"
    INCONCLUSIVE = "inconclusive"
    NEEDS_ATTESTATION = "needs_attestation"
    SUPPORTED = "supported"
    NOT_APPLICABLE = "not_applicable"


class Topic(StrEnum):
    """What people attest that controls judge: the date of a statement, and what else it says."""

    POLICY = "policy"
    """Policies and procedures for cryptography and key management, approved and reviewed."""
    ACKNOWLEDGEMENT = "acknowledgement"
    """A custodian of keys acknowledges the duties; subjects are principals."""
    CRYPTOGRAPHY_REVIEW = "cryptography_review"
    """The cryptography in use was reviewed, with a plan for what is to change."""
    RECOVERY_EXERCISE = "recovery_exercise"
    """Recovery of lost and replacement of compromised keys were exercised; subjects are key stores."""
    KEY_TRANSFER = "key_transfer"
    """Key material was brought in under dual control; subjects are keys."""
    BACKUP = "backup"
    """Key material can be recovered from a backup; subjects are key stores or keys."""
    ACCESS_REVIEW = "access_review"
    """Who may do what was reviewed; subjects are key stores."""
    COLLECTOR_RIGHTS = "collector_rights"
    """The rights of the collecting identity were reviewed and read only; subjects are scopes."""
    RECONCILIATION = "reconciliation"
    """Keys and secrets were counted independently; subjects are scopes."""
    CHANGE = "change"
    """A change was authorized; subjects are keys and secrets."""
    DESTRUCTION = "destruction"
    """A destruction was approved; subjects are keys and secrets."""
    COMPROMISE = "compromise"
    """Compromised key material was replaced; subjects are keys."""
    DEPARTURE = "departure"
    """What a leaving custodian knew was replaced; subjects are keys."""
    MIGRATION = "migration"
    """Migration to post-quantum algorithms is planned, with an owner and a date; subjects are keys."""
    CERTIFICATE_REGISTER = "certificate_register"
    """The register of certificates was compared with the endpoints that present them."""
    SECRET_SCAN = "secret_scan"  # noqa: S105 - a topic, no password
    """Code and configuration were searched for secrets, and so many findings are open."""


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ParameterValue(Model):
    """A parameter as it was used, and who says so."""

    name: str
    value: bool | int | float | str | list[str]
    source: str
    """The standard, or the organization's document, that sets the value."""
    set_by: Literal["catalogue", "framework", "organization"]


class Counts(Model):
    """Findings of one control by verdict."""

    passed: int
    failed: int
    inconclusive: int
    not_applicable: int
    excepted: int
    """Of `failed`, those that a valid exception covers. They stay failures."""
    awaiting: int
    """Of `inconclusive`, those that lack nothing but an attestation."""

    @property
    def judged(self) -> int:
        """Subjects in the population, as far as it is known."""
        return self.passed + self.failed + self.inconclusive


class RequirementRef(Model):
    framework: str
    requirement: str


class ControlResult(Model):
    """One control with one set of parameters, and what came of it."""

    id: str
    variant: str
    """`default`, or the framework whose parameters these are."""
    title: str
    stage: Stage
    severity: Severity
    decided: Decided
    """How much of it metadata can decide."""
    meaning: str
    over: str
    """The table or view whose rows are judged."""
    population: str
    """The SQL expression that decides whether a row is judged."""
    test: str
    """The SQL expression that decides the verdict."""
    population_words: str
    test_words: str
    facts: list[str]
    """Columns that the two expressions read."""
    parameters: list[ParameterValue]
    remediation: dict[str, str]
    """Provider → what to do."""
    counts: Counts
    population_complete: bool
    """False where a gap leaves rows unseen; each such scope has an inconclusive finding of its own."""
    requirements: list[RequirementRef]


class ExceptionUsed(Model):
    """A documented exception from the organization's register."""

    id: str
    control: str
    subjects: list[str]
    """Ids of the rows it covers; `*` within one stands for any text."""
    where: str
    """Condition on the tags of the rows it covers, in SQL; empty where it names subjects."""
    reason: str
    owner: str
    approver: str
    compensating_control: str
    approved: dt.date
    expires: dt.date
    document: str
    """Path of the document as the register names it; empty for none."""
    sha256: str
    valid: bool
    """It counts at `as_of`."""
    problem: str
    """Why it does not count; empty where it does."""
    covers: int
    """Failures that it covers."""


class AttestationUsed(Model):
    """A person's statement about what metadata cannot decide."""

    id: str
    requirements: list[RequirementRef]
    topic: Topic | None
    subjects: list[str]
    """Ids of what it is about; `*` within one stands for any text."""
    statement: str
    document: str
    sha256: str
    owner: str
    approver: str
    date: dt.date
    expires: dt.date
    not_applicable: bool
    """It states that the requirement does not apply."""
    occurred: dt.date | None
    """When what it is about happened: a compromise, a departure."""
    target: dt.date | None
    """When what it plans will be done."""
    counts: dict[str, int]
    """What was counted: keys, secrets, certificates, or open findings."""
    principals_sha256: str
    """Digest of the principals that a review of access covered; empty where it states none."""
    valid: bool
    problem: str


class RequirementResult(Model):
    id: str
    text: str
    """Our own one-line paraphrase; the framework's text is its publisher's."""
    decided: Decided
    metadata: str
    """What metadata decides; empty for nothing."""
    remains: str
    """What remains for people; empty for nothing."""
    controls: list[tuple[str, str]]
    """(control, variant) that support it and are in the catalogue."""
    unavailable: list[str]
    """Controls that would support it and are not in the catalogue."""
    status: Status
    reason: str
    """Why that status, in one sentence."""
    attestations: list[str]
    """Ids of the valid attestations used."""


class FrameworkResult(Model):
    id: str
    name: str
    edition: str
    note: str
    requirements: list[RequirementResult]


MOST_SAMPLED = 500
"""Items of one sample: each has a record in the report."""

SampleSize = Annotated[int, Field(ge=0, le=MOST_SAMPLED)]


class SamplingPlan(Model):
    """How many items of each control's population are drawn for an auditor to test by hand."""

    size: SampleSize = 1
    """Items of each population for which `sizes` sets no other number."""
    sizes: dict[str, SampleSize] = {}
    """Control → items of each of its populations."""
    seed: str = Field(default="", max_length=200, pattern=r"^[ -~]*$")
    """Text of the auditor's that every draw depends on, beside the evidence digest; empty for none. ASCII, so that any
    shell can repeat the draw."""

    def of(self, control: str) -> int:
        """Items to draw of each population of a control; 0 for none."""
        return self.sizes.get(control, self.size)


class Assessment(Model):
    """The whole assessment but its single findings, which stand in findings.parquet."""

    version: str = FINDINGS_VERSION
    run: str
    organization: str
    tool_version: str
    catalogue_sha256: str
    as_of: datetime
    period_start: datetime
    period_end: datetime
    controls: list[ControlResult]
    frameworks: list[FrameworkResult]
    exceptions: list[ExceptionUsed]
    attestations: list[AttestationUsed]
    sampling: SamplingPlan = SamplingPlan()


@cache
def findings_schema() -> pa.Schema:
    """The Arrow schema of findings.parquet: one row a verdict, sorted by control, variant and subject."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("id", pa.string(), False),  # FND-…: stable for control, variant, scope and subject
            pa.field("control", pa.string(), False),
            pa.field("variant", pa.string(), False),
            pa.field("severity", pa.string(), False),
            pa.field("verdict", pa.string(), False),
            pa.field("subject", pa.string(), False),  # id of the row judged; the scope's id where rows may be missing
            pa.field("subject_table", pa.string(), False),
            pa.field("subject_name", pa.string(), False),
            pa.field("source", pa.string(), False),
            pa.field("scope", pa.string(), False),
            pa.field("account", pa.string(), False),
            pa.field("region", pa.string(), False),
            pa.field("observed", pa.string(), False),  # JSON object: each fact read, null where not observed
            pa.field("missing", pa.list_(pa.string()), False),  # ids of the gaps that explain the nulls
            pa.field("awaits", pa.list_(pa.string()), False),  # topics whose attestation the verdict waits for
            pa.field("exception", pa.string(), False),  # id of the valid exception that covers a failure, else ""
            pa.field("evidence", pa.list_(pa.string()), False),  # ids of observations; empty for not_applicable
        ],
        {"keyproof.table": "findings", "keyproof.schema_version": FINDINGS_VERSION},
    )
