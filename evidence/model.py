"""The inventory's tables: one dataclass a table, from which schema, documentation and checks are made.

Two rules hold in every table. None means "not observed" and nothing else: "never", "none" and "not applicable" are
values of their own (`NEVER`, the empty string, the empty list, 0, an enum member). And every None has a gap that
names it.
"""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = "1"
"""Raised whenever a column changes its meaning or goes away; a new column does not raise it."""

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""A date that is observed to be absent: a key that does not expire, a deletion that is not scheduled."""


class Manager(StrEnum):
    CUSTOMER = "customer"
    PROVIDER = "provider"


class Origin(StrEnum):
    GENERATED = "generated"
    """Generated inside the key store."""
    IMPORTED = "imported"
    """Generated elsewhere and brought in."""
    EXTERNAL = "external"
    """Stays in a key store outside the provider."""


class ProtectionLevel(StrEnum):
    SOFTWARE = "software"
    HSM = "hsm"
    EXTERNAL = "external"


class State(StrEnum):
    """The states of SP 800-57 Part 1, with the one that providers add: waiting to be destroyed."""

    PRE_ACTIVE = "pre_active"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"
    COMPROMISED = "compromised"
    PENDING_DELETION = "pending_deletion"
    DESTROYED = "destroyed"


class Usage(StrEnum):
    """One purpose of a key, as SP 800-57 Part 1 section 5.2 separates them."""

    ENCRYPT = "encrypt"
    WRAP = "wrap"
    SIGN = "sign"
    MAC = "mac"
    DERIVE = "derive"
    AGREE = "agree"
    ENCAPSULATE = "encapsulate"


class KeyType(StrEnum):
    """The rows of SP 800-57 Part 1 Table 1, named as KMIP's NIST Key Type enumeration names them."""

    PRIVATE_SIGNATURE = "private signature"
    PUBLIC_SIGNATURE_VERIFICATION = "public signature verification"
    SYMMETRIC_AUTHENTICATION = "symmetric authentication"
    PRIVATE_AUTHENTICATION = "private authentication"
    SYMMETRIC_DATA_ENCRYPTION = "symmetric data encryption"
    SYMMETRIC_KEY_WRAPPING = "symmetric key wrapping"
    SYMMETRIC_MASTER = "symmetric master"
    PRIVATE_KEY_TRANSPORT = "private key transport"
    PUBLIC_KEY_TRANSPORT = "public key transport"
    SYMMETRIC_KEY_AGREEMENT = "symmetric key agreement"
    PRIVATE_STATIC_KEY_AGREEMENT = "private static key agreement"
    PUBLIC_STATIC_KEY_AGREEMENT = "public static key agreement"


class Rotatable(StrEnum):
    """Whether the key store can rotate a key by itself, and if not, why not."""

    YES = "yes"
    ASYMMETRIC = "asymmetric"
    MAC = "mac"
    IMPORTED = "imported"
    CUSTOM_KEY_STORE = "custom_key_store"
    REPLICA = "replica"
    NOT_ACTIVE = "not_active"
    PROVIDER_MANAGED = "provider_managed"
    EXTERNAL = "external"
    """Its material is in a key manager outside the provider."""
    CERTIFICATE = "certificate"
    """It belongs to a certificate, and is renewed with it."""
    NOT_OFFERED = "not_offered"


class VersionCause(StrEnum):
    """How a version of key material came about."""

    INITIAL = "initial"
    AUTOMATIC = "automatic"
    ON_DEMAND = "on_demand"
    IMPORT = "import"
    MANUAL = "manual"


class RotationResult(StrEnum):
    """How the last rotation of a secret ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NONE = "none"
    """No rotation has been tried."""


class PrincipalKind(StrEnum):
    ACCOUNT = "account"
    """A whole account: its own policies decide who in it."""
    GROUP = "group"
    """Several principals; the provider's answers do not tell who."""
    HUMAN = "human"
    MACHINE = "machine"
    SERVICE = "service"
    """A service of the provider."""
    UNDECIDED = "undecided"
    """The provider's answers do not tell a person from a machine."""
    ANYONE = "anyone"


class Capability(StrEnum):
    ADMINISTER = "administer"
    USE = "use"
    DECRYPT = "decrypt"
    EXPORT = "export"
    """Take the material out."""
    GRANT = "grant"


class CredentialKind(StrEnum):
    """What a cloud calls its own long-lived credentials."""

    ACCESS_KEY = "access_key"
    """AWS: of an IAM user or of the root user."""
    SERVICE_ACCOUNT_KEY = "service_account_key"
    API_KEY = "api_key"
    ACCOUNT_KEY = "account_key"
    """Azure: the shared keys of a storage account."""


class AlertedEvent(StrEnum):
    """What may happen to keys and secrets that somebody should hear of."""

    DISABLE = "disable"
    DELETE = "delete"
    """A deletion is asked for, or done."""
    POLICY_CHANGE = "policy_change"
    IMPORT = "import"
    EXPORT = "export"


class GapKind(StrEnum):
    REFUSED = "refused"
    FAILED = "failed"
    SWITCHED_OFF = "switched_off"
    NOT_OFFERED = "not_offered"
    """Neither a permission nor another try would bring this fact: the provider does not offer it, or keyproof does not
    ask for it; the gap says which."""


def bookkeeping(doc: str) -> Any:
    """A column that identifies a row and is never unknown."""
    return field(metadata={"doc": doc})


def column(doc: str) -> Any:
    """A fact, with what it means; None until it is observed."""
    return field(default=None, metadata={"doc": doc})


_ROWS: dict[str, type[Row]] = {}
"""Every kind of row by the name of its table."""


@dataclass(slots=True, kw_only=True)
class Row:
    """What every row carries."""

    table: ClassVar[str]
    doc: ClassVar[str]

    def __init_subclass__(cls) -> None:
        _ROWS[cls.table] = cls

    id: str = bookkeeping("The provider's own name of the thing (an ARN, a URL); unique within a scope")
    source: str = bookkeeping("Name of the configured source")
    scope: str = bookkeeping("Id of the scope in which this was read")
    evidence: list[str] = bookkeeping("Ids of the observations that this row was made from")


@dataclass(slots=True, kw_only=True)
class Scope(Row):
    table = "scope"
    doc = "One thing that was to be read: account × region × service, a vault, a token"

    provider: str | None = column("Kind of source: aws, azure, gcp, …")
    account: str | None = column("Account, subscription or project")
    account_name: str | None = column("The account's name as its owner gave it; empty where it has none")
    region: str | None = column("Region or location; `global` where the service has none")
    service: str | None = column("Service read: kms, secretsmanager, …")
    identity: str | None = column("Who collected, as the provider names the caller")
    asked: bool | None = column("The configuration asks for it")
    reached: bool | None = column("At least one call was answered; false where the region is switched off")
    complete: bool | None = column("Everything in it was read; not observed where any call was refused or failed")
    calls: int | None = column("Exchanges recorded")
    pages: int | None = column("Exchanges that were pages of a list")
    listed: int | None = column("Keys, secrets and stores listed; not observed where a list is incomplete")
    described: int | None = column("Of those, the ones whose description was read")
    refused: int | None = column("Calls that the provider refused")
    failed: int | None = column("Calls without a usable answer")
    collected_at: datetime | None = column("When the last exchange was received")


@dataclass(slots=True, kw_only=True)
class KeyStore(Row):
    table = "key_store"
    doc = "A place that holds keys: the KMS of an account and region, a custom key store, a vault, a token"

    kind: str | None = column("What it is, in the provider's words")
    name: str | None = column("Its name")
    account: str | None = column("Account, subscription or project")
    region: str | None = column("Region or location")
    protection_level: ProtectionLevel | None = column("What protects key material at rest")
    validation: str | None = column("FIPS 140 validation where the provider's API states it; empty for none stated")
    validation_standard: str | None = column("FIPS 140-2 or FIPS 140-3, by which it is validated; empty for neither")
    backed_by: str | None = column("Id of the key store that holds its keys for it; empty where it holds them itself")
    kek_security_bits: int | None = column(
        "Security strength, in bits, of the key that encrypts the keys it holds; 0 where none does"
    )
    kek_apart: bool | None = column(
        "That key is held elsewhere: in other hardware, in another key store, or split among custodians"
    )
    soft_delete: bool | None = column("A deleted key can be brought back for a time")
    purge_protection: bool | None = column("Nobody can shorten that time")
    recovery_days: int | None = column("The shortest time, in days, for which a deletion can be undone")
    network_public: bool | None = column("Reachable from the public internet")
    logging_enabled: bool | None = column("Key operations are written to an audit log")
    alerted_events: list[AlertedEvent] | None = column(
        "What happens to its keys and secrets that an alert with a recipient watches for, sorted"
    )
    logging_targets: list[str] | None = column("Where that log goes, as the provider names it, sorted")
    logging_retention_days: int | None = column("Days for which that log is kept; 0 for no log or no end")
    private_endpoints: int | None = column("Private endpoints through which it is reached")
    access_model: str | None = column("How access is granted: key policy, RBAC, access policy, …")
    activated: bool | None = column("It is ready to be used: connected, or its security domain is activated")
    state: State | None = column("active; pending_deletion where it has been deleted and can be brought back")
    deletion_at: datetime | None = column("When it will be gone for good; NEVER if that is not scheduled")
    regions: list[str] | None = column("Regions that hold a copy of its keys, sorted")
    store_settings: str | None = column("Further settings of its own, as a JSON object")
    connection_state: str | None = column("For a store outside the service: connected, disconnected, failed; else none")


@dataclass(slots=True, kw_only=True)
class Key(Row):
    table = "key"
    doc = "A logical key, whatever the number of its versions"

    name: str | None = column("What people call it: its first alias, else its id")
    aliases: list[str] | None = column("All aliases, sorted")
    description: str | None = column("Description given by its owner; empty for none")
    account: str | None = column("Account, subscription or project that holds it")
    region: str | None = column("Region or location")
    key_store: str | None = column("Id of the key store that holds it")
    manager: Manager | None = column("Who decides over it: the customer or the provider")
    managed_by: str | None = column("What runs it for its owner: a certificate, a service; empty for nothing")
    origin: Origin | None = column("Where its material was generated")
    usages: list[Usage] | None = column("What it may be used for, sorted; one purpose a key is the rule")
    key_type: KeyType | None = column("Its row in SP 800-57 Part 1 Table 1, from which its cryptoperiod follows")
    algorithm: str | None = column("Algorithm family: AES, RSA, EC, HMAC, ML-DSA, …")
    parameter_set: str | None = column("Curve or parameter set in the algorithm's own name; empty where size says all")
    bits: int | None = column("Key size in bits; 0 where the algorithm has none")
    security_bits: int | None = column("Classical security strength in bits (SP 800-57 Part 1 Table 2)")
    pq_category: int | None = column("NIST post-quantum category 1-5; 0 for what a quantum computer breaks")
    mechanisms: list[str] | None = column("Algorithms it may be used with, as the provider names them, sorted")
    protection_level: ProtectionLevel | None = column("What protects its material")
    state: State | None = column("Its state, in the terms of SP 800-57")
    created_at: datetime | None = column("When it was created")
    updated_at: datetime | None = column("When its settings were last changed")
    activated_at: datetime | None = column("When it could first be used; NEVER if not yet")
    expires_at: datetime | None = column("When its material expires; NEVER if it does not")
    expiry_settable: bool | None = column("The key store lets its owner set an expiry date for it")
    suspended_at: datetime | None = column("When it was disabled; NEVER if it is not")
    rotatable: bool | None = column("The key store can rotate it by itself")
    rotatable_reason: Rotatable | None = column("Why it can, or why not")
    rotation_enabled: bool | None = column("Automatic rotation is on")
    rotation_period_days: int | None = column("Days between automatic rotations; 0 where it is off")
    rotation_next_at: datetime | None = column("Next automatic rotation; NEVER where it is off")
    rotation_requested_at: datetime | None = column("Since when a rotation on demand is under way; NEVER for none")
    rotations: int | None = column("Completed rotations, automatic or not")
    last_rotated_at: datetime | None = column(
        "When the material now in use began to be used; creation if never rotated"
    )
    material_known_at: datetime | None = column(
        "Since when, at the latest, the material now in use is in use: as the key store tells, else as the runs of the "
        "evidence store show"
    )
    used: bool | None = column("It has been used for cryptography since it was created")
    last_used_at: datetime | None = column("Last cryptographic use; creation if it was never used (see `used`)")
    usage_tracked_since: datetime | None = column("From when on the provider knows about use")
    deletion_window_set: bool | None = column("A waiting period before destruction has been chosen for it")
    deletion_window_days: int | None = column("Days between the request and the destruction; 0 where none is chosen")
    recovery_level: str | None = column(
        "What becomes of it when it is deleted, in the provider's words; empty for none"
    )
    deletion_requested_at: datetime | None = column("When its deletion was asked for; NEVER if it was not")
    deletion_at: datetime | None = column("When it will be destroyed; NEVER if that is not scheduled")
    extractable: bool | None = column("Its material can leave the key store in clear")
    never_extractable: bool | None = column("At no time could its material leave the key store in clear")
    release_policy: str | None = column("To what its material may be released, in the provider's words; empty for none")
    attestation: str | None = column("Form in which the hardware vouches for its material; empty for none")
    access_reasons: list[str] | None = column("The only reasons for which the provider may use it; empty for no limit")
    protected_resources: int | None = column("Resources that the provider counts as encrypted with it")
    public: bool | None = column("Its policy admits anyone")
    external_accounts: list[str] | None = column("Accounts outside the organization that its policy or grants admit")
    wildcard_access: bool | None = column("A statement admits any principal, or gives a principal every operation")
    account_delegated: bool | None = column("The account's own policies decide who else may use it")
    regions: list[str] | None = column("Regions that hold a copy of its material, sorted")
    key_settings: str | None = column("Further settings of its own, as a JSON object")
    owner: str | None = column("Who answers for it, by its tags; empty for nobody")
    business_purpose: str | None = column("What it is for, by its tags, else its description; empty for nothing said")
    data_class: str | None = column("Classification of the data it protects, by its tags; empty for none")
    environment: str | None = column("Environment, by its tags; empty for none")
    tags: str | None = column("All tags, as a JSON object")


@dataclass(slots=True, kw_only=True)
class KeyVersion(Row):
    table = "key_version"
    doc = "One piece of key material"

    key: str | None = column("Id of its key")
    state: State | None = column("Its state; a superseded version is `deactivated`: it decrypts only")
    created_at: datetime | None = column("When it came into use")
    superseded_at: datetime | None = column("When a newer version took over; NEVER for the one in use")
    cause: VersionCause | None = column("How it came about")
    expires_at: datetime | None = column("When it expires; NEVER if it does not")
    destroyed_at: datetime | None = column("When it was destroyed, or will be; NEVER if neither")
    origin: Origin | None = column("Where it was generated")
    algorithm: str | None = column("Algorithm family")
    protection_level: ProtectionLevel | None = column("What protects it")
    external_key: str | None = column("Its name in the key manager outside the provider; empty for none")
    attestation: str | None = column("Form in which the hardware vouches for it; empty for none")


@dataclass(slots=True, kw_only=True)
class Secret(Row):
    table = "secret"
    doc = "A managed secret, never its value"

    name: str | None = column("Its name")
    kind: str | None = column("What it is, in the provider's words")
    content_type: str | None = column("What its owner says its value is; empty for nothing said")
    description: str | None = column("Description given by its owner; empty for none")
    account: str | None = column("Account, subscription or project that holds it")
    region: str | None = column("Region or location")
    key_store: str | None = column("Id of the secrets manager that holds it")
    managed_by: str | None = column("The provider's service that manages it; empty where the customer does")
    manager: Manager | None = column("Who decides over it")
    state: State | None = column("Its state, in the terms of SP 800-57")
    created_at: datetime | None = column("When it was created")
    last_rotated_at: datetime | None = column("When its value last changed; creation if never")
    used: bool | None = column("Its value has been read since it was created")
    last_used_at: datetime | None = column("Last read of its value, to the day; creation if never (see `used`)")
    rotatable: bool | None = column("The secrets manager can rotate it, or have it rotated, by itself")
    rotation_enabled: bool | None = column("Automatic rotation is on")
    rotation_period_days: int | None = column("Days between automatic rotations; 0 where it is off")
    rotation_schedule: str | None = column("The schedule as the provider states it; empty for none")
    rotation_next_at: datetime | None = column("Latest date of the next rotation; NEVER where it is off")
    rotation_result: RotationResult | None = column("How the last rotation ended")
    expires_at: datetime | None = column("When it expires; NEVER if it does not")
    expiry_settable: bool | None = column("The secrets manager lets its owner set an expiry date for it")
    deletion_window_set: bool | None = column("A waiting period before destruction has been chosen for it")
    deletion_window_days: int | None = column("Days between the request and the destruction; 0 where none is chosen")
    keys: list[str] | None = column("The keys that encrypt it, as the provider names them; empty for its default")
    key_settable: bool | None = column("The secrets manager lets its owner choose the key that encrypts it")
    public: bool | None = column("Its policy admits anyone")
    external_accounts: list[str] | None = column("Accounts outside the organization that its policy admits")
    wildcard_access: bool | None = column("A statement admits any principal, or gives a principal every operation")
    regions: list[str] | None = column("Regions that hold a copy of it, sorted")
    owner: str | None = column("Who answers for it, by its tags; empty for nobody")
    business_purpose: str | None = column("What it is for, by its tags, else its description; empty for nothing said")
    data_class: str | None = column("Classification, by its tags; empty for none")
    environment: str | None = column("Environment, by its tags; empty for none")
    tags: str | None = column("All tags, as a JSON object")


@dataclass(slots=True, kw_only=True)
class Certificate(Row):
    table = "certificate"
    doc = "A managed certificate and its key"

    name: str | None = column("Its name")
    account: str | None = column("Account, subscription or project that holds it")
    region: str | None = column("Region or location")
    key_store: str | None = column("Id of the key store that holds it")
    key: str | None = column("Id of its key; empty where the key is not in the inventory")
    manager: Manager | None = column("Who decides over it")
    state: State | None = column("Its state, in the terms of SP 800-57")
    subject: str | None = column("Subject, as the certificate states it")
    issuer: str | None = column("Who issues it, as the provider names the issuer")
    publicly_trusted: bool | None = column("It chains to an authority that browsers trust")
    authority: bool | None = column("It may issue other certificates")
    in_use: bool | None = column("Something presents it")
    fingerprint: str | None = column("SHA-1 fingerprint, in hexadecimal: the name by which the provider cites it")
    algorithm: str | None = column("Algorithm family of its key")
    bits: int | None = column("Size of its key in bits; 0 where the algorithm has none")
    security_bits: int | None = column("Classical security strength of its key in bits")
    created_at: datetime | None = column("When it was created")
    activated_at: datetime | None = column("From when on it is valid")
    expires_at: datetime | None = column("Until when it is valid")
    renewal_enabled: bool | None = column("It is renewed automatically")
    renewal_days: int | None = column("Days before its end at which it is renewed; 0 where it is not")
    exportable: bool | None = column("Its private key can leave the key store")
    versions: int | None = column("How many versions of it there are")
    owner: str | None = column("Who answers for it, by its tags; empty for nobody")
    business_purpose: str | None = column("What it is for, by its tags; empty for nothing said")
    data_class: str | None = column("Classification, by its tags; empty for none")
    environment: str | None = column("Environment, by its tags; empty for none")
    tags: str | None = column("All tags, as a JSON object")


@dataclass(slots=True, kw_only=True)
class Account(Row):
    table = "account"
    doc = "An account, subscription or project, with what it holds beside keys and secrets"

    name: str | None = column("The account's name as its owner gave it; empty where it has none")
    root_credentials: int | None = column("1 where its root user has access keys, however many; 0 where it has none")


@dataclass(slots=True, kw_only=True)
class Credential(Row):
    table = "credential"
    doc = "A long-lived credential of the cloud's own, never its value: an access key, an API key"

    name: str | None = column("Its name; its id where it has none")
    kind: CredentialKind | None = column("What it is")
    account: str | None = column("Account, subscription or project that holds it")
    principal: str | None = column("Whose it is, as the provider names the principal; empty for nobody's")
    of_root: bool | None = column("It belongs to the account's root user")
    manager: Manager | None = column("Who keeps and rotates it: the customer, or the provider")
    state: State | None = column("Its state, in the terms of SP 800-57")
    created_at: datetime | None = column("When it was created")
    last_rotated_at: datetime | None = column("When its value last changed; creation if never")
    used: bool | None = column("It has been used since it was created")
    last_used_at: datetime | None = column("Last use; creation if never (see `used`)")
    expires_at: datetime | None = column("When it expires; NEVER if it does not")
    reminder_days: int | None = column("Age in days at which its provider reminds to rotate it; 0 for no reminder")
    services_restricted: bool | None = column("It is limited to some of the provider's services")
    clients_restricted: bool | None = column("It is limited to some hosts, addresses or applications")


@dataclass(slots=True, kw_only=True)
class ProtectedResource(Row):
    table = "protected_resource"
    doc = "A data store and the key that encrypts it"

    name: str | None = column("Its full name, as the provider writes it")
    kind: str | None = column("What it is, in the provider's words")
    service: str | None = column("The service that holds it")
    account: str | None = column("Account, subscription or project that holds it")
    region: str | None = column("Region or location")
    encrypted: bool | None = column("It is encrypted at rest")
    key: str | None = column("Id of the key that encrypts it; empty for one of the provider's own")
    created_at: datetime | None = column("When it was created")


@dataclass(slots=True, kw_only=True)
class Access(Row):
    table = "access"
    doc = "A principal and what it may do with one key, secret or store"

    subject: str | None = column("Id of the key, secret or store")
    principal: str | None = column("The principal as the policy names it; `*` for anyone")
    principal_kind: PrincipalKind | None = column("What the principal is, as far as its name tells")
    capability: Capability | None = column("What it may do")
    via: str | None = column("Where that is granted: key policy, grant, resource policy, role assignment")
    conditions: str | None = column("Conditions on it, as JSON; `{}` for none")
    external: bool | None = column("The principal is outside the organization")
    public: bool | None = column("This grants the capability to anyone")


@dataclass(slots=True, kw_only=True)
class Gap(Row):
    table = "gap"
    doc = "Something that was not observed"

    operation: str | None = column("The operation that would have told")
    kind: GapKind | None = column("Why it was not observed")
    error: str | None = column("The provider's error, or what is wrong with its answer")
    of_table: str | None = column("The table that it concerns")
    subject: str | None = column("Id of the row that it concerns; empty for every row of the scope")
    columns: list[str] | None = column(
        "The columns that it leaves unknown, or whose key was not read; empty where it is the rows themselves"
    )
    rows_missing: bool | None = column("Rows may be missing: the table is incomplete for the subject, or for the scope")


@dataclass(slots=True, kw_only=True)
class ObservationIndex(Row):
    table = "observation"
    doc = "One API exchange; its body stands in the file of its scope"

    subject: str | None = column("What the exchange is about; empty for the scope itself")
    operation: str | None = column("Operation, as the provider's permissions name it")
    parameters: str | None = column("The request's parameters, as JSON")
    requested_at: datetime | None = column("When it was asked, by the collector's clock")
    received_at: datetime | None = column("When the answer was complete")
    status: str | None = column("ok, refused, failed or switched_off")
    error: str | None = column("The provider's error code and message; empty for none")
    request_id: str | None = column("The provider's id of the request; empty where it gave none")
    attempts: int | None = column("How often it was tried")
    identity: str | None = column("Who asked; empty where not known")
    sha256: str | None = column("SHA-256 of the answer's body")
    bytes: int | None = column("Size of the answer's body")
    file: str | None = column("The file below `observations/` that holds it")


TABLES: dict[str, type[Row]] = {
    table.table: table
    for table in (
        Scope,
        KeyStore,
        Key,
        KeyVersion,
        Certificate,
        Secret,
        Account,
        Credential,
        Access,
        ProtectedResource,
        Gap,
        ObservationIndex,
    )
}
"""Every table of the inventory by name."""

BOOKKEEPING = ("id", "source", "scope", "evidence")
"""The columns that identify a row and are never unknown."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name, type (`string`, `list of string`, `integer`, `boolean`, `timestamp`), values and meaning."""

    name: str
    type: str
    values: tuple[str, ...]
    doc: str


def columns(table: type[Row]) -> tuple[Column, ...]:
    """The columns of a table in their order."""
    return _columns(table.table)


@cache
def _columns(name: str) -> tuple[Column, ...]:
    table = _ROWS[name]
    hints = typing.get_type_hints(table)
    return tuple(_column(f.name, hints[f.name], f.metadata["doc"]) for f in fields(table))


def _column(name: str, hint: Any, doc: str) -> Column:
    args = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
    inner = args[0] if isinstance(hint, types.UnionType) else hint
    many = typing.get_origin(inner) is list
    if many:
        inner = typing.get_args(inner)[0]
    values = tuple(member.value for member in inner) if issubclass(inner, StrEnum) else ()
    kind = {bool: "boolean", int: "integer", datetime: "timestamp"}.get(inner, "string")
    return Column(name, f"list of {kind}" if many else kind, values, doc)


def arrow_schema(table: type[Row]) -> pa.Schema:
    """The Arrow schema of a table; times are microseconds in UTC."""
    return _arrow_schema(table.table)


@cache
def _arrow_schema(name: str) -> pa.Schema:
    import pyarrow as pa

    table = _ROWS[name]
    kinds = {
        "string": pa.string(),
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "list of string": pa.list_(pa.field("element", pa.string())),  # as Parquet names it, and tells it when read
    }
    metadata = {"keyproof.table": table.table, "keyproof.schema_version": SCHEMA_VERSION}
    arrow_fields = [pa.field(c.name, kinds[c.type], c.name not in BOOKKEEPING) for c in columns(table)]
    return pa.schema(arrow_fields, metadata)
