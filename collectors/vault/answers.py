"""What is read of each answer of Vault and OpenBao: the members that facts come from.

A list without entries is answered with `{"errors": []}` and no data. Source: the API documentation of OpenBao and of
HashiCorp Vault, and what a server of OpenBao 2.7 answers.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from evidence.reading import Answer, Flag, Text, Time, Whole

_UNIX = re.compile(r"\d{1,12}")
_GO_DURATION = re.compile(r"(?:(\d{1,9})h)?(?:(\d{1,12})m)?(?:(\d{1,12})(?:\.\d+)?s)?")
_LONGEST = 36_525 * 86_400
"""Seconds, a hundred years: more than anybody sets, and little enough to reckon with dates."""


def _seconds(value: object) -> object:
    """Durations are numbers of seconds, or texts as Go writes them: `2160h0m0s`."""
    if isinstance(value, str):
        match = _GO_DURATION.fullmatch(value)
        if match is None or not value:
            raise ValueError("is no duration, such as 720h0m0s")
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        value = hours * 3600 + minutes * 60 + seconds
    if isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= _LONGEST:
        raise ValueError("is no duration between nothing and 36,525 days")
    return value


def _unix(value: object) -> object:
    """A number of seconds since 1970 as the time that it is."""
    if type(value) is not int:
        return value
    if not _UNIX.fullmatch(str(value)):
        raise ValueError("is no number of seconds since 1970")
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)
    except OverflowError as error:
        raise ValueError("is beyond the times that can be compared") from error


def _nothing(value: object) -> object:
    """An empty text where there is no time."""
    return None if value == "" else value


def _or_empty(value: object) -> object:
    """Go writes a map that was never filled as null."""
    return {} if value is None else value


Count = Annotated[Whole, Field(ge=0)]
Seconds = Annotated[Whole, BeforeValidator(_seconds)]
UnixTime = Annotated[Time, BeforeValidator(_unix)]
TimeOrNone = Annotated[Time | None, BeforeValidator(_nothing)]
Texts = Annotated[dict[Text, Text], BeforeValidator(_or_empty)]


class Names(Answer):
    keys: list[Text]


class Listing(Answer):
    """Any list of names."""

    data: Names | None = None
    errors: list[Text] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Listing:
        if (self.data is None) == (self.errors is None):
            raise ValueError("it holds neither names nor word that there are none")
        return self

    @property
    def names(self) -> list[str]:
        """What is listed; those of folders end with a slash."""
        return [name for name in dict.fromkeys(self.data.keys) if name] if self.data else []

    @property
    def offered(self) -> bool:
        """The server knows such lists; false where it says that it does not."""
        return not self.errors


# --- the server -----------------------------------------------------------------------------------------------------


class Seal(Answer):
    """What keeps a barrier key."""

    type: Text
    initialized: Flag
    sealed: Flag
    t: Count
    """Shares that are needed: of the root key, or of the recovery key where the seal is automatic."""
    n: Count
    """Shares that there are."""


class SealStatus(Seal):
    """sys:ReadSealStatus."""

    recovery_seal: Flag = False
    """Another system seals; the shares are those of the recovery key."""
    version: Text = ""
    cluster_name: Text = ""
    cluster_id: Text = ""
    storage_type: Text = ""


class SealBackend(Answer):
    name: Text
    healthy: Flag


class SealBackends(Answer):
    """sys:ReadSealBackends. A server that is never sealed by several is answered by an error that says so."""

    backends: list[SealBackend] | None = None
    errors: list[Text] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> SealBackends:
        if (self.backends is None) == (self.errors is None):
            raise ValueError("it holds neither backends nor word that there are none")
        return self


class Health(Answer):
    """sys:ReadHealth."""

    initialized: Flag
    sealed: Flag
    standby: Flag
    replication_performance_mode: Text = ""
    replication_dr_mode: Text = ""
    enterprise: Flag = False


class KeyTerm(Answer):
    term: Count
    install_time: Time
    encryptions: Count = 0


class KeyStatus(Answer):
    """sys:ReadKeyStatus. A namespace without a barrier key of its own is answered with an error that says so."""

    data: KeyTerm | None = None
    errors: list[Text] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> KeyStatus:
        if (self.data is None) == (self.errors is None):
            raise ValueError("it holds neither a term nor word that there is none")
        return self


class NamespaceSeal(Answer):
    """sys:ReadNamespaceSeal."""

    data: Seal


class RotationSettings(Answer):
    enabled: Flag
    max_operations: Count
    interval: Seconds


class RotationConfig(Answer):
    """sys:ReadRotationConfig."""

    data: RotationSettings


class AuditDevice(Answer):
    type: Text
    path: Text = ""
    local: Flag = False
    options: Texts = Field(default_factory=dict)


class AuditDevices(Answer):
    """sys:ListAuditDevices."""

    data: Annotated[dict[Text, AuditDevice], BeforeValidator(_or_empty)]


class Mount(Answer):
    type: Text
    description: Text = ""
    accessor: Text = ""
    local: Flag = False
    seal_wrap: Flag = False
    options: Texts = Field(default_factory=dict)
    plugin_version: Text = ""
    running_plugin_version: Text = ""


def _with_slashes(mounts: dict[str, Mount]) -> dict[str, Mount]:
    if not all(path.endswith("/") and path.strip("/") for path in mounts):
        raise ValueError("has a path that is no mount's")
    return mounts


class Mounts(Answer):
    """sys:ListMounts and sys:ListAuthMethods. By their paths, each with a slash at its end."""

    data: Annotated[dict[Text, Mount], AfterValidator(_with_slashes)]


# --- transit --------------------------------------------------------------------------------------------------------


class KeyVersion(Answer):
    """A version of a key. The public half, and what else is told of asymmetric keys, stays in the observation."""

    creation_time: Time | None
    """None where the material is another key store's."""
    external_key: Text = ""
    """What the material is called there: `CONFIG:KEY`, as OpenBao's configuration of external keys names it."""


def _version(value: object) -> object:
    """A version of a symmetric key is told by its time alone, one of an external key by its name."""
    if isinstance(value, str):
        return {"creation_time": None, "external_key": value}
    return value if isinstance(value, dict) else {"creation_time": _unix(value)}


Version = Annotated[KeyVersion, BeforeValidator(_version)]


def _numbered(value: Any) -> Any:
    """Versions by their numbers, which are texts in JSON."""
    if not isinstance(value, dict):
        return value
    if not all(isinstance(name, str) and re.fullmatch(r"[1-9]\d{0,9}", name) for name in value):
        raise ValueError("has a version whose name is no number")
    return {int(name): version for name, version in value.items()}


class TransitKey(Answer):
    name: Text
    type: Text
    latest_version: Count
    min_decryption_version: Count
    min_encryption_version: Count
    min_available_version: Count = 0
    keys: Annotated[dict[int, Version], BeforeValidator(_numbered)] | None = None
    """Versions from the first that decrypts on; None for keys whose versions Vault does not tell of."""
    auto_rotate_period: Seconds = 0
    exportable: Flag
    allow_plaintext_backup: Flag
    deletion_allowed: Flag
    derived: Flag
    convergent_encryption: Flag = False
    imported_key: Flag = False
    allow_imported_rotation: Annotated[bool, Field(strict=True)] = Field(
        default=False, validation_alias="imported_key_allow_rotation"
    )
    soft_deleted: Flag = False
    key_size: Count = 0
    """Bytes, of HMAC keys."""
    parameter_set: Text = ""
    """Of ML-DSA and SLH-DSA."""


class TransitKeyAnswer(Answer):
    """transit:ReadKey."""

    data: TransitKey


# --- KV -------------------------------------------------------------------------------------------------------------


class SecretVersion(Answer):
    created_time: Time
    deletion_time: TimeOrNone
    destroyed: Flag


class SecretMetadata(Answer):
    created_time: Time
    updated_time: Time
    current_version: Count
    oldest_version: Count
    max_versions: Count
    cas_required: Flag
    delete_version_after: Seconds
    custom_metadata: Texts = Field(default_factory=dict)
    versions: Annotated[dict[int, SecretVersion], BeforeValidator(_numbered)]


def _of_secrets(value: Any) -> Any:
    """What is told of secrets; of a folder the server tells nothing, under its name."""
    if not isinstance(value, dict):
        return {} if value is None else value
    return {name: told for name, told in value.items() if not str(name).endswith("/")}


class DetailedNames(Names):
    key_info: Annotated[dict[Text, SecretMetadata], BeforeValidator(_of_secrets)]

    @model_validator(mode="after")
    def _all_described(self) -> DetailedNames:
        if any(name and not name.endswith("/") and name not in self.key_info for name in self.keys):
            raise ValueError("it names a secret that it does not describe")
        return self


class DetailedListing(Listing):
    """kv:ListDetailedMetadata."""

    data: DetailedNames | None = None


class SecretMetadataAnswer(Answer):
    """kv:ReadMetadata."""

    data: SecretMetadata
