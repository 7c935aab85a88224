"""What is read of the answers of PKI, SSH and database mounts.

Source: the API documentation of OpenBao and HashiCorp Vault, and what a server of OpenBao 2.7 answers.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from collectors.vault.access_answers import Names
from collectors.vault.answers import Count, Listing, Seconds, TimeOrNone, UnixTime
from collectors.vault.answers import Names as ListedNames
from evidence.reading import Answer, Flag, Text

# --- PKI ------------------------------------------------------------------------------------------------------------


class PkiKey(Answer):
    key_id: Text
    key_name: Text
    key_type: Text
    managed_key_id: Text = ""
    """Where another key store holds the key for Vault (Vault Enterprise)."""


class PkiKeyAnswer(Answer):
    """pki:ReadKey."""

    data: PkiKey


class Issuer(Answer):
    issuer_id: Text
    issuer_name: Text
    key_id: Text
    """Empty where the mount has the certificate alone."""
    certificate: Text
    usage: Text = ""
    revoked: Flag = False


class ListedIssuer(Answer):
    is_default: Flag = False


class ListedIssuers(ListedNames):
    key_info: dict[Text, ListedIssuer] = Field(default_factory=dict)


class Issuers(Listing):
    """pki:ListIssuers."""

    data: ListedIssuers | None = None

    @property
    def default(self) -> str:
        """The id of the issuer that roles mean by `default`; "" where none is."""
        return next((id for id, told in (self.data.key_info if self.data else {}).items() if told.is_default), "")


class IssuerAnswer(Answer):
    """pki:ReadIssuer."""

    data: Issuer


class PkiRole(Answer):
    issuer_ref: Text = "default"
    allow_any_name: Flag
    allowed_domains: Names = Field(default_factory=list)
    allow_glob_domains: Flag
    allow_subdomains: Flag
    allow_wildcard_certificates: Flag = True
    enforce_hostnames: Flag = True
    key_type: Text
    key_bits: Count
    max_ttl: Seconds
    ttl: Seconds = 0
    not_after: Text = ""
    no_store: Flag = False
    server_flag: Flag = False
    client_flag: Flag = False
    code_signing_flag: Flag = False


class PkiRoleAnswer(Answer):
    """pki:ReadRole."""

    data: PkiRole


class CrlConfig(Answer):
    disable: Flag
    expiry: Text
    auto_rebuild: Flag = False
    ocsp_disable: Flag = False


class CrlConfigAnswer(Answer):
    """pki:ReadCrlConfig."""

    data: CrlConfig


class AutoTidy(Answer):
    enabled: Flag
    interval_duration: Seconds
    tidy_cert_store: Flag = False
    tidy_revoked_certs: Flag = False
    safety_buffer: Seconds = 0


class AutoTidyAnswer(Answer):
    """pki:ReadAutoTidy."""

    data: AutoTidy


def _unless_zero(value: object) -> object:
    return None if value == 0 else value


class StoredCertificate(Answer):
    certificate: Text
    revocation_time: Annotated[UnixTime | None, BeforeValidator(_unless_zero)]


class StoredCertificateAnswer(Answer):
    """pki:ReadCertificate."""

    data: StoredCertificate


# --- SSH ------------------------------------------------------------------------------------------------------------


class SshIssuer(Answer):
    issuer_name: Text = ""
    is_default: Flag = False
    public_key: Text


class ListedSshIssuers(ListedNames):
    key_info: dict[Text, SshIssuer]


class SshIssuers(Listing):
    """ssh:ListIssuers."""

    data: ListedSshIssuers | None = None


class SshCa(Answer):
    issuer_id: Text = ""
    """OpenBao's alone, which can have several."""
    public_key: Text


class SshCaAnswer(Answer):
    """ssh:ReadCa. A mount without one is answered with an error that says so."""

    data: SshCa | None = None


class SshRole(Answer):
    key_type: Text
    issuer_ref: Text = "default"
    algorithm_signer: Text = ""
    allow_user_certificates: Flag = False
    allow_host_certificates: Flag = False
    allowed_users: Text = ""
    allowed_domains: Text = ""
    max_ttl: Seconds = 0
    ttl: Seconds = 0


class SshRoleAnswer(Answer):
    """ssh:ReadRole."""

    data: SshRole


# --- databases ------------------------------------------------------------------------------------------------------


class Connection(Answer):
    plugin_name: Text
    allowed_roles: Names = Field(default_factory=list)
    password_policy: Text = ""
    rotation_period: Seconds = 0
    """Of the root password, where Vault rotates it by itself (Vault Enterprise)."""
    rotation_schedule: Text = ""
    disable_automated_rotation: Flag = False


class ConnectionAnswer(Answer):
    """database:ReadConnection."""

    data: Connection


def _unless_year_one(value: Any) -> Any:
    """Go writes a time that was never set as the first of all."""
    return None if isinstance(value, str) and value.startswith("0001-01-01T00:00:00") else value


def _time(value: Any) -> Any:
    return None if value == "" else _unless_year_one(value)


class StaticRole(Answer):
    db_name: Text
    username: Text
    credential_type: Text = ""
    last_vault_rotation: Annotated[TimeOrNone, BeforeValidator(_time)] = None
    rotation_period: Seconds = 0
    rotation_schedule: Text = ""
    rotation_window: Seconds = 0


class StaticRoleAnswer(Answer):
    """database:ReadStaticRole."""

    data: StaticRole
