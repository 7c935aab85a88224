"""From what Azure answered to rows: the facts, by cases; and what holds whatever Azure answers."""

import json
from datetime import UTC, datetime

import azure_recordings as azure
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID
from normalizing import table, unexplained

from evidence.model import (
    NEVER,
    Capability,
    GapKind,
    KeyType,
    Manager,
    PrincipalKind,
    ProtectionLevel,
    Rotatable,
    RotationResult,
    State,
    Usage,
    VersionCause,
)

GET_CERTIFICATE = "certificates:GetCertificate"
TIMESTAMPS = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS


def rows_of(service, made=None):
    return azure.RECORDINGS.rows(azure.header(service), made or azure.recorded(service))


def with_answer(service, operation, answer, subject=""):
    """The rows where one operation answered something else."""
    exchanges = [(s, o, answer if (s, o) == (subject, operation) else told) for s, o, told in azure.EXCHANGES[service]]
    return rows_of(service, azure.recorded(service, exchanges))


VAULT = rows_of("vault")
HSM = rows_of("managedhsm")


def key(name, rows=None, host=azure.VAULT_HOST):
    return table(VAULT if rows is None else rows, "key")[azure.url(name, host=host)]


def on(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_key_that_rotates():
    found = key("rotating")
    assert (found.name, found.aliases, found.description) == ("rotating", [], "")
    assert (found.account, found.region, found.key_store) == (azure.SUBSCRIPTION, "westeurope", azure.VAULT)
    assert (found.manager, found.managed_by, found.state) == (Manager.CUSTOMER, "", State.ACTIVE)
    assert (found.usages, found.key_type) == ([Usage.ENCRYPT, Usage.SIGN, Usage.WRAP], KeyType.PRIVATE_KEY_TRANSPORT)
    assert (found.algorithm, found.bits, found.security_bits, found.pq_category) == ("RSA", 3072, 128, 0)
    assert (found.rotatable, found.rotatable_reason) == (True, Rotatable.YES)
    assert (found.rotation_enabled, found.rotation_period_days) == (True, 365)
    assert found.rotation_next_at == on("2027-03-01")
    assert (found.rotations, found.last_rotated_at) == (2, on("2026-03-01"))
    assert (found.created_at, found.activated_at, found.expires_at) == (
        on("2024-01-01"),
        on("2024-01-01"),
        on("2028-03-01"),
    )
    assert (found.deletion_window_set, found.deletion_window_days) == (True, 30)
    assert (found.deletion_at, found.deletion_requested_at, found.suspended_at) == (NEVER, NEVER, NEVER)
    assert (found.owner, found.business_purpose, found.data_class) == ("ledger", "cards", "restricted")
    assert (found.extractable, found.protection_level, found.expiry_settable) == (False, ProtectionLevel.SOFTWARE, True)
    assert (found.public, found.external_accounts) == (False, [])
    assert found.account_delegated is True


def test_the_versions_of_a_key_are_its_history():
    versions = [row for row in VAULT if row.table == "key_version" and row.key == azure.url("rotating")]
    assert [(v.created_at, v.superseded_at, v.cause, v.state) for v in versions] == [
        (on("2024-01-01"), on("2025-02-01"), VersionCause.INITIAL, State.DEACTIVATED),
        (on("2025-02-01"), on("2026-03-01"), None, State.DEACTIVATED),
        (on("2026-03-01"), NEVER, None, State.ACTIVE),
    ]


def test_a_policy_that_only_notifies_rotates_nothing():
    found = key("noticed")
    assert (found.rotation_enabled, found.rotation_period_days, found.rotation_next_at) == (False, 0, NEVER)
    assert (found.rotations, found.last_rotated_at) == (0, found.created_at)


def test_a_disabled_key_in_an_hsm_that_may_be_released():
    found = key("curve")
    assert (found.state, found.suspended_at) == (State.SUSPENDED, None)
    assert (found.rotatable, found.rotatable_reason) == (False, Rotatable.NOT_ACTIVE)
    assert (found.rotation_enabled, found.rotation_period_days, found.rotation_next_at) == (True, 335, NEVER)
    assert (found.algorithm, found.parameter_set, found.protection_level) == ("EC", "secp256k1", ProtectionLevel.HSM)
    assert found.key_type is KeyType.PRIVATE_SIGNATURE
    assert (found.extractable, found.release_policy) == (True, '{"version":"1.0.0"}')


def test_a_key_whose_time_has_not_come():
    found = key("young")
    assert (found.state, found.activated_at) == (State.PRE_ACTIVE, NEVER)


def test_a_key_type_that_the_sdk_does_not_know():
    found = key("odd")
    assert (found.algorithm, found.parameter_set, found.pq_category) == ("ML-DSA", "ML-DSA-87", 5)


def test_a_type_that_nobody_knows_is_a_failure():
    odd = azure.bundle("odd", "2026-11-01", key={"kty": "QKD", "key_ops": ["teleport"]})
    rows = with_answer("vault", "keys:GetKey", odd, azure.url("odd"))
    found = key("odd", rows)
    assert (found.algorithm, found.usages, found.key_type, found.bits) == (None, None, None, None)
    assert any("no known kty and key_ops" in gap.error for gap in table(rows, "gap").values())


@pytest.mark.parametrize(
    ("operations", "purposes", "types"), [({}, None, None), ({"key_ops": []}, [], KeyType.PRIVATE_KEY_TRANSPORT)]
)
def test_operations_that_are_not_told_are_not_none(operations, purposes, types):
    told = azure.bundle("noticed", "2024-01-01", key={"kty": "RSA", "n": azure.rsa(3072), **operations})
    rows = with_answer("vault", "keys:GetKey", told, azure.url("noticed"))
    found = key("noticed", rows)
    assert (found.usages, found.mechanisms, found.key_type) == (purposes, purposes, types)
    assert (found.algorithm, found.bits) == ("RSA", 3072)
    failed = [gap.error for gap in table(rows, "gap").values() if gap.kind is GapKind.FAILED]
    assert [error for error in failed if "no known key_ops" in error] == failed
    assert bool(failed) is (purposes is None)
    assert unexplained(rows) == []


def test_the_key_of_a_certificate_rotates_with_it():
    found = key("site")
    assert (found.managed_by, found.rotatable, found.rotatable_reason) == ("site", False, Rotatable.CERTIFICATE)
    assert (found.rotation_enabled, found.rotation_next_at, found.extractable) == (False, NEVER, None)


def test_a_deleted_key():
    found = key("gone")
    assert (found.state, found.rotatable_reason) == (State.PENDING_DELETION, Rotatable.NOT_ACTIVE)
    assert (found.deletion_requested_at, found.deletion_at) == (on("2026-11-01"), on("2026-12-01"))
    assert (found.rotations, found.last_rotated_at, found.rotation_enabled) == (None, None, False)
    assert not [row for row in VAULT if row.table == "key_version" and row.key == found.id]


@pytest.mark.parametrize(
    ("level", "days", "window"),
    [
        ("Recoverable", None, (True, 90)),
        ("Recoverable+Purgeable", None, (True, 90)),
        ("CustomizedRecoverable", None, (True, 30)),
        ("CustomizedRecoverable+Purgeable", 7, (True, 7)),
        ("Purgeable", None, (False, 0)),
    ],
)
def test_for_how_long_a_deletion_can_be_undone(level, days, window):
    told = azure.bundle("noticed", "2024-01-01", of_attributes={"recoveryLevel": level, "recoverableDays": days})
    found = key("noticed", with_answer("vault", "keys:GetKey", told, azure.url("noticed")))
    assert (found.deletion_window_set, found.deletion_window_days) == window


def test_an_answer_about_another_key_is_none():
    rows = with_answer("vault", "keys:GetKey", azure.bundle("curve", "2024-01-01"), azure.url("noticed"))
    assert key("noticed", rows).algorithm is None
    assert any("describes another key" in gap.error for gap in table(rows, "gap").values())


def test_an_answer_about_another_vault_is_none():
    other = {**azure.vault(), "id": azure.VAULT.replace("cards", "toys")}
    rows = with_answer("vault", "arm:Vaults_Get", other)
    assert table(rows, "key_store")[azure.VAULT].purge_protection is None
    assert any("describes another store" in gap.error for gap in table(rows, "gap").values())


def test_a_policy_that_is_none_is_a_failure():
    spoiled = azure.policy(Rotate={"timeAfterCreate": "every year"})
    rows = with_answer("vault", "keys:GetKeyRotationPolicy", spoiled, azure.url("noticed"))
    assert key("noticed", rows).rotation_enabled is None
    assert any("rotation policy cannot be read" in gap.error for gap in table(rows, "gap").values())


def test_the_vault():
    store = table(VAULT, "key_store")[azure.VAULT]
    assert (store.kind, store.name, store.region) == ("Azure Key Vault", "cards", "westeurope")
    assert (store.soft_delete, store.purge_protection, store.recovery_days) == (True, True, 30)
    assert (store.network_public, store.private_endpoints, store.access_model) == (False, 1, "roles")
    assert (store.logging_enabled, store.logging_targets) == (True, [azure.WORKSPACE])
    assert store.logging_retention_days == 400
    assert (store.state, store.deletion_at, store.activated) == (State.ACTIVE, NEVER, True)
    assert json.loads(store.store_settings)["bypass"] == "AzureServices"


@pytest.mark.parametrize(
    ("properties", "public"),
    [
        ({"networkAcls": None, "publicNetworkAccess": None}, True),
        ({"networkAcls": {"defaultAction": "Allow"}}, True),
        ({"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "0.0.0.0/0"}]}}, True),
        ({"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "198.51.100.0/24"}]}}, False),
        ({"networkAcls": None, "publicNetworkAccess": "Disabled"}, False),
        ({"networkAcls": None, "publicNetworkAccess": "disabled"}, False),
        ({"networkAcls": None, "publicNetworkAccess": "enabled"}, True),
        ({"networkAcls": {"defaultAction": "deny"}}, False),
        ({"networkAcls": {}}, True),
    ],
)
def test_who_reaches_a_vault(properties, public):
    rows = with_answer("vault", "arm:Vaults_Get", azure.vault(**properties))
    assert table(rows, "key_store")[azure.VAULT].network_public is public


@pytest.mark.parametrize(
    "properties", [{"publicNetworkAccess": "SecuredByPerimeter"}, {"networkAcls": {"defaultAction": "Audit"}}]
)
def test_a_network_rule_that_nobody_knows_leaves_open_who_reaches_a_vault(properties):
    rows = with_answer("vault", "arm:Vaults_Get", azure.vault(**properties))
    assert table(rows, "key_store")[azure.VAULT].network_public is None
    (gap,) = (gap for gap in table(rows, "gap").values() if "network_public" in gap.columns)
    assert (gap.operation, gap.kind) == ("arm:Vaults_Get", GapKind.FAILED)
    assert "who reaches it is not told" in gap.error
    assert key("rotating", rows).external_accounts == [], "what the answer tells of access stands"
    assert unexplained(rows) == []


def test_purge_protection_that_is_not_told_is_off():
    rows = with_answer("vault", "arm:Vaults_Get", azure.vault(enablePurgeProtection=None))
    assert table(rows, "key_store")[azure.VAULT].purge_protection is False


KEPT = {"retentionPolicy": {"enabled": True, "days": 500}}


@pytest.mark.parametrize(
    ("setting", "facts"),
    [
        ({"value": []}, (False, [], 0)),
        (azure.logs(storageAccountId="/s"), (True, ["/s"], None)),
        (azure.logs(eventHubAuthorizationRuleId="/e", storageAccountId="/s"), (True, ["/e", "/s"], None)),
        (azure.logs([{"category": "Other", "enabled": True}], storageAccountId="/s"), (False, [], 0)),
        (azure.logs([{"categoryGroup": "audit", "enabled": False}], workspaceId="/w"), (False, [], 0)),
        (
            azure.logs([{"categoryGroup": "allLogs", "enabled": True, **KEPT}], storageAccountId="/s"),
            (True, ["/s"], None),
        ),
        (azure.logs(workspaceId=azure.WORKSPACE), (True, [azure.WORKSPACE], 400)),
        *(
            (azure.logs(workspaceId=azure.WORKSPACE, **{place: "/a"}), (True, ["/a", azure.WORKSPACE], None))
            for place in ("storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")
        ),
    ],
)
def test_where_the_log_goes_and_for_how_long(setting, facts):
    store = table(with_answer("vault", "arm:DiagnosticSettings_List", setting), "key_store")[azure.VAULT]
    assert (store.logging_enabled, store.logging_targets, store.logging_retention_days) == facts


def granted(rows, subject):
    return {
        (row.principal, row.capability, row.via) for row in table(rows, "access").values() if row.subject == subject
    }


def test_what_is_granted_on_a_vault_is_told_once():
    assert granted(VAULT, azure.VAULT) == {
        (azure.ANNA, Capability.ADMINISTER, "role assignment at root"),
        (azure.ANNA, Capability.GRANT, "role assignment at root"),
        (azure.OPS, Capability.ADMINISTER, "role assignment at vault"),
        (azure.OPS, Capability.USE, "role assignment at vault"),
        (azure.OPS, Capability.DECRYPT, "role assignment at vault"),
        (azure.APP, Capability.ADMINISTER, "role assignment at resource group"),
    }
    assert granted(VAULT, f"{azure.VAULT}/secrets") == {
        (azure.ANNA, Capability.ADMINISTER, "role assignment at root"),
        (azure.ANNA, Capability.GRANT, "role assignment at root"),
    }
    conditions = {row.conditions for row in table(VAULT, "access").values() if row.principal == azure.OPS}
    assert conditions == {'{"condition":"@Request[x] StringEquals \'y\'","version":"2.0"}'}


def test_what_is_granted_on_one_thing_is_about_that():
    at_key = "role assignment at key"
    assert granted(VAULT, azure.url("rotating")) == {
        (azure.APP, capability, at_key) for capability in (Capability.ADMINISTER, Capability.USE, Capability.DECRYPT)
    }
    token = azure.url("token", kind="secrets")
    assert granted(VAULT, token) == {(azure.GUEST, Capability.DECRYPT, "role assignment at secret")}
    secret = table(VAULT, "secret")[token]
    assert (secret.public, secret.external_accounts, secret.wildcard_access) == (False, [azure.GUEST], False)
    kinds = {row.principal: row.principal_kind for row in table(VAULT, "access").values()}
    assert kinds == {
        azure.ANNA: PrincipalKind.HUMAN,
        azure.OPS: PrincipalKind.GROUP,
        azure.APP: PrincipalKind.MACHINE,
        azure.GUEST: PrincipalKind.GROUP,
    }


@pytest.mark.parametrize(
    ("role", "keys", "secrets"),
    [
        (azure.ADMINISTRATOR, True, True),
        (azure.CRYPTO_OFFICER, True, False),
        ("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", False, True),
        (azure.CRYPTO_USER, False, False),
        (azure.OWNER, False, False),
    ],
)
def test_every_operation_is_told_of_keys_and_of_secrets(role, keys, secrets):
    exchanges = [e for e in azure.EXCHANGES["vault"] if e[1] != "arm:RoleAssignments_ListForScope"]
    told = ("", "arm:RoleAssignments_ListForScope", azure.page(azure.assignment(azure.VAULT, role, azure.APP)))
    rows = rows_of("vault", azure.recorded("vault", [exchanges[0], told, *exchanges[1:]]))
    assert key("rotating", rows).wildcard_access is keys
    assert table(rows, "secret")[azure.url("token", kind="secrets")].wildcard_access is secrets


@pytest.mark.parametrize("kind", [None, "", "AgentIdentity"])
def test_a_principal_of_a_type_that_nobody_knows_may_be_an_outsider(kind):
    exchanges = [e for e in azure.EXCHANGES["vault"] if e[1] != "arm:RoleAssignments_ListForScope"]
    place = f"{azure.VAULT}/keys/rotating"
    assigned = azure.page(
        azure.assignment("/", azure.OWNER, azure.ANNA, "User"),
        azure.assignment(place, azure.CRYPTO_USER, azure.APP, kind),
    )
    told = ("", "arm:RoleAssignments_ListForScope", assigned)
    rows = rows_of("vault", azure.recorded("vault", [exchanges[0], told, *exchanges[1:]]))
    external = {row.principal: row.external for row in table(rows, "access").values()}
    assert external == {azure.ANNA: False, azure.APP: None}
    assert (key("rotating", rows).external_accounts, key("rotating", rows).public) == (None, False)
    assert key("curve", rows).external_accounts == []
    why = {
        (g.operation, g.error) for g in table(rows, "gap").values() if {"external", "external_accounts"} & {*g.columns}
    }
    assert why == {("arm:RoleAssignments_ListForScope", "the answer names no known type of a principal")}
    assert unexplained(rows) == []


def _policy(tenant, principal, **permissions):
    return {"tenantId": tenant, "objectId": principal, "permissions": permissions}


def test_access_policies_and_not_roles_give_the_use_of_such_a_vault():
    policies = [
        _policy(azure.TENANT, azure.APP, keys=["get", "wrapKey", "UnwrapKey"], secrets=["get"]),
        _policy(azure.PARTNER, azure.GUEST, keys=["all"]),
    ]
    rows = with_answer("vault", "arm:Vaults_Get", azure.vault(enableRbacAuthorization=False, accessPolicies=policies))
    found = granted(rows, azure.VAULT)
    assert {(p, c) for p, c, via in found if via == "access policy"} == {
        (azure.APP, Capability.USE),
        (azure.APP, Capability.DECRYPT),
        *((azure.GUEST, c) for c in (Capability.ADMINISTER, Capability.USE, Capability.DECRYPT)),
    }
    assert (azure.OPS, Capability.DECRYPT, "role assignment at vault") not in found
    assert (azure.ANNA, Capability.GRANT, "role assignment at root") in found, "an owner may write the policies"
    one = key("rotating", rows)
    assert (one.external_accounts, one.wildcard_access, one.account_delegated) == ([azure.PARTNER], True, False)
    outside = {row.principal for row in table(rows, "access").values() if row.external}
    assert outside == {azure.GUEST}


def test_a_role_that_nobody_tells_leaves_access_open():
    exchanges = [e for e in azure.EXCHANGES["vault"] if e[1] != "arm:RoleDefinitions_Get"]
    rows = rows_of("vault", azure.recorded("vault", exchanges))
    assert key("rotating", rows).external_accounts is None
    missing = [gap for gap in table(rows, "gap").values() if gap.of_table == "access" and gap.rows_missing]
    assert [gap.operation for gap in missing] == ["arm:RoleDefinitions_Get"]


@pytest.mark.parametrize(
    ("service", "name", "host"), [("vault", "rotating", azure.VAULT_HOST), ("managedhsm", "root", azure.HSM_HOST)]
)
def test_nobody_reads_a_store_on_which_no_role_is_assigned(service, name, host):
    exchanges = [e for e in azure.EXCHANGES[service] if e[1] != "arm:RoleAssignments_ListForScope"]
    rows = rows_of(
        service,
        azure.recorded(
            service, [*exchanges[:1], ("", "arm:RoleAssignments_ListForScope", azure.page()), *exchanges[1:]]
        ),
    )
    found = key(name, rows, host)
    assert (found.public, found.external_accounts, found.wildcard_access) == (None, None, None)
    missing = [gap for gap in table(rows, "gap").values() if gap.of_table == "access" and gap.rows_missing]
    assert [gap.operation for gap in missing] == ["arm:RoleAssignments_ListForScope"]
    assert "not even the one" in missing[0].error
    assert unexplained(rows) == []


def test_secrets():
    found = table(VAULT, "secret")
    token = found[azure.url("token", kind="secrets")]
    assert (token.name, token.kind, token.content_type, token.state) == ("token", "secret", "text/plain", State.ACTIVE)
    assert (token.created_at, token.last_rotated_at) == (on("2025-01-01"), on("2026-01-01"))
    assert (token.expires_at, token.expiry_settable, token.rotatable) == (on("2027-01-01"), True, False)
    assert (token.rotation_enabled, token.rotation_result, token.keys) == (False, RotationResult.NONE, [])
    assert (token.owner, token.key_store) == ("ledger", azure.VAULT)
    site = found[azure.url("site", kind="secrets")]
    assert (site.kind, site.managed_by) == ("certificate's secret", "site")
    lost = found[azure.url("lost", kind="secrets")]
    assert (lost.state, lost.created_at) == (State.PENDING_DELETION, None)


def test_certificates():
    (site,) = table(VAULT, "certificate").values()
    assert (site.name, site.subject, site.issuer, site.versions) == ("site", "CN=site.example", "DigiCert", 1)
    assert (site.key, site.exportable, site.authority) == (azure.url("site"), True, False)
    assert (site.algorithm, site.bits, site.security_bits) == ("RSA", 2048, 112)
    assert (site.activated_at, site.expires_at) == (on("2025-06-01"), on("2026-06-01"))
    assert (site.renewal_enabled, site.renewal_days) == (True, 73)
    assert site.fingerprint == "7cb8b7539d87ba7215357b9b9049dff2d3fa59ba"


def _with_content(content, **policy):
    """The row of the certificate with other content, and with members of its policy changed; and its gaps."""
    (told,) = (answer for _, operation, answer in azure.EXCHANGES["vault"] if operation == GET_CERTIFICATE)
    answer = {**told, "cer": content, "policy": {**told["policy"], **policy}}
    found = with_answer("vault", GET_CERTIFICATE, answer, azure.url("site", kind="certificates"))
    (row,) = table(found, "certificate").values()
    return row, [gap for gap in table(found, "gap").values() if gap.of_table == "certificate"]


def _certified(issuer, *, self_signed=False, logged=False):
    """The row of the certificate with another policy's issuer and another content."""
    extensions = []
    if logged:
        stamp = bytes(33) + bytes(8) + b"\x00\x00" + b"\x04\x03\x00\x00"
        stamps = (len(stamp) + 2).to_bytes(2) + len(stamp).to_bytes(2) + stamp
        extensions.append(x509.UnrecognizedExtension(TIMESTAMPS, b"\x04" + len(stamps).to_bytes(1) + stamps))
    signed_by = "CN=site.example" if self_signed else "CN=Some authority"
    row, _ = _with_content(azure.certificate(2048, *extensions, issuer=signed_by), issuer={"name": issuer})
    return row


@pytest.mark.parametrize(
    ("issuer", "content", "trusted"),
    [
        ("Self", {"self_signed": True}, False),
        ("DigiCert", {"self_signed": True, "logged": True}, False),
        ("DigiCert", {"logged": True}, True),
        ("DigiCert", {}, None),
        ("Self", {"logged": True}, None),
        ("Unknown", {"logged": True}, None),
    ],
)
def test_whether_browsers_trust_a_certificate(issuer, content, trusted):
    assert _certified(issuer, **content).publicly_trusted is trusted


def test_a_certificate_is_what_it_is_and_not_what_the_next_one_will_be():
    next_one = {
        "key_props": {"exportable": True, "kty": "EC", "crv": "P-384"},
        "x509_props": {"subject": "CN=other.example", "key_usage": ["keyCertSign"]},
    }
    row, _ = _with_content(azure.certificate(3072), **next_one)
    assert (row.subject, row.algorithm, row.bits, row.security_bits) == ("CN=site.example", "RSA", 3072, 128)
    assert row.authority is False
    authority = x509.BasicConstraints(ca=True, path_length=None)
    row, _ = _with_content(azure.certificate(2048, authority), x509_props={"key_usage": []})
    assert row.authority is True


OF_ITSELF = {"subject", "authority", "publicly_trusted", "algorithm", "bits", "security_bits"}


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        ("MIIB", GapKind.FAILED, "the certificate in the answer cannot be read"),
        ("%", GapKind.FAILED, "the certificate in the answer cannot be read"),
        (None, GapKind.NOT_OFFERED, "Key Vault has no certificate yet, and its policy says what is asked for"),
        ("", GapKind.NOT_OFFERED, "Key Vault has no certificate yet, and its policy says what is asked for"),
    ],
)
def test_without_a_certificate_that_can_be_read_nothing_is_told_of_it(content, kind, reason):
    row, gaps = _with_content(content)
    (gap,) = (gap for gap in gaps if "bits" in gap.columns)
    assert {name for name in OF_ITSELF if getattr(row, name) is not None} == set()
    assert (gap.kind, gap.error, set(gap.columns)) == (kind, reason, OF_ITSELF)
    assert (row.issuer, row.exportable, row.renewal_enabled) == ("DigiCert", True, True)


def test_a_managed_hsm():
    store = table(HSM, "key_store")[azure.HSM]
    assert (store.kind, store.protection_level) == ("Azure Managed HSM", ProtectionLevel.HSM)
    assert (store.activated, store.network_public, store.access_model) == (False, False, "local roles")
    assert (store.regions, store.purge_protection) == (["northeurope", "westeurope"], False)
    assert json.loads(store.store_settings) == {
        "sku": "Standard_B1",
        "AllowKeyManagementOperationsThroughARM": "false",
    }
    assert (store.logging_enabled, store.logging_targets, store.logging_retention_days) == (False, [], 0)


def test_an_external_key_manager_is_a_store_of_its_own():
    store, hsm = table(HSM, "key_store")[f"{azure.HSM}/ekm"], table(HSM, "key_store")[azure.HSM]
    assert (store.kind, store.name, store.protection_level) == (
        "EKM connection",
        "ekm.example.com",
        ProtectionLevel.EXTERNAL,
    )
    assert json.loads(store.store_settings)["path_prefix"] == "/api/v1"
    assert hsm.connection_state is store.connection_state is None


def test_a_managed_hsm_without_an_external_key_manager():
    absent = {"error": {"code": "NotFound", "message": "The EKM connection does not exist."}}
    rows = with_answer("managedhsm", "administration:GetEkmConnection", absent)
    stores = table(rows, "key_store")
    assert (set(stores), stores[azure.HSM].connection_state) == ({azure.HSM}, "none")


def test_another_error_does_not_say_that_there_is_no_external_key_manager():
    rows = with_answer("managedhsm", "administration:GetEkmConnection", {"error": {"code": "BadRequest"}})
    store = table(rows, "key_store")[azure.HSM]
    assert store.connection_state is None
    missing = {(gap.of_table, gap.operation) for gap in table(rows, "gap").values() if gap.rows_missing}
    assert missing == {("key_store", "administration:GetEkmConnection")}
    assert unexplained(rows) == []


def test_a_key_of_a_managed_hsm():
    found = key("root", HSM, azure.HSM_HOST)
    assert (found.algorithm, found.bits, found.key_type) == ("AES", None, KeyType.SYMMETRIC_KEY_WRAPPING)
    assert (found.attestation, found.regions) == ("Managed HSM key attestation", ["northeurope", "westeurope"])
    assert (found.rotation_enabled, found.rotation_period_days) == (True, 183)
    assert found.rotation_next_at == on("2025-07-01"), "it is overdue, and stays the date it is"
    assert found.protection_level is ProtectionLevel.HSM
    assert (found.account_delegated, found.wildcard_access, found.external_accounts) == (False, False, [])


def test_local_roles_give_the_use_of_a_managed_hsm():
    assert granted(HSM, azure.HSM) == {
        (azure.ANNA, Capability.ADMINISTER, "role assignment at subscription"),
        (azure.ANNA, Capability.ADMINISTER, "local role assignment at managed HSM"),
        (azure.ANNA, Capability.GRANT, "local role assignment at managed HSM"),
    }
    assert granted(HSM, azure.url("root", host=azure.HSM_HOST)) == {
        (azure.APP, Capability.USE, "local role assignment at key"),
        (azure.APP, Capability.DECRYPT, "local role assignment at key"),
    }


def test_deleted_stores_are_rows_of_their_subscription():
    rows = rows_of("subscription")
    (store,) = table(rows, "key_store").values()
    assert (store.name, store.state, store.deletion_at.date().isoformat()) == (
        "old",
        State.PENDING_DELETION,
        "2027-01-30",
    )
    assert (store.soft_delete, store.purge_protection, store.recovery_days) == (True, True, 90)
    (scope,) = table(rows, "scope").values()
    assert (scope.account_name, scope.complete) == ("Production", True)


def test_a_tenant_is_an_account_without_a_name():
    (scope,) = table(rows_of("tenant"), "scope").values()
    assert (scope.account, scope.account_name, scope.service) == (azure.TENANT, "", "tenant")


def test_a_list_without_any_subscription_is_that_of_a_caller_without_any_role():
    rows = with_answer("tenant", "arm:Subscriptions_List", azure.page())
    (scope,) = table(rows, "scope").values()
    assert (scope.reached, scope.complete) == (True, None)
    missing = [gap for gap in table(rows, "gap").values() if gap.rows_missing]
    assert [(gap.of_table, gap.operation, len(gap.evidence)) for gap in missing] == [
        ("scope", "arm:Subscriptions_List", 1)
    ]
    assert "holds no role" in missing[0].error
    assert unexplained(rows) == []


# Where Resource Manager stands in for a data plane that refuses.

ARM_KEY = {
    "id": f"{azure.VAULT}/keys/rotating",
    "name": "rotating",
    "tags": azure.TAGS,
    "properties": {
        "kty": "RSA",
        "keySize": 3072,
        "keyOps": azure.ALL,
        "keyUri": f"{azure.VAULT_HOST}:443/keys/rotating",
        "keyUriWithVersion": f"{azure.VAULT_HOST}:443/keys/rotating/v1",
        "attributes": {**azure.attributes("2026-03-01"), "recoverableDays": None},
        "rotationPolicy": {
            "attributes": {"created": 1, "updated": 1},
            "lifetimeActions": [{"trigger": {"timeAfterCreate": "P1Y"}, "action": {"type": "rotate"}}],
        },
    },
}


def _private():
    """A vault whose data plane refuses everything."""
    subject = azure.url("rotating")
    listed = {"name": "rotating", "properties": {"keyUri": f"{azure.VAULT_HOST}:443/keys/rotating"}}
    version = {"properties": {"keyUriWithVersion": f"{azure.VAULT_HOST}/keys/rotating/v1"}}
    version["properties"]["attributes"] = azure.attributes("2026-03-01")
    secret = {"secretUri": f"{azure.VAULT_HOST}/secrets/token", "attributes": azure.attributes("2025-01-01")}
    lists = [
        azure.RECORDINGS.refused(one) if one.operation.partition(":")[0] != "arm" else one
        for one in azure.recorded("vault", azure.VAULT_LISTS)
    ]
    by_manager = [
        ("", "arm:Keys_List", azure.page(listed)),
        ("", "arm:Secrets_List", azure.page({"properties": secret})),
        (subject, "arm:Keys_Get", ARM_KEY),
        (subject, "arm:Keys_ListVersions", azure.page(version)),
    ]
    return [*lists, *azure.recorded("vault", by_manager)]


def test_resource_manager_tells_the_keys_of_a_private_vault():
    rows = rows_of("vault", _private())
    found = key("rotating", rows)
    assert (found.algorithm, found.bits, found.rotations) == ("RSA", 3072, 0)
    assert (found.rotation_enabled, found.rotation_period_days) == (True, 365)
    assert (found.deletion_window_days, found.owner) == (30, "ledger")
    assert (found.managed_by, found.rotatable) == (None, None), "only the data plane tells a certificate's key"
    secret = table(rows, "secret")[azure.url("token", kind="secrets")]
    assert (secret.state, secret.created_at, secret.kind) == (State.ACTIVE, None, None)
    missing = {(gap.of_table, gap.operation) for gap in table(rows, "gap").values() if gap.rows_missing}
    assert missing == {
        ("key", "keys:GetDeletedKeys"),
        ("key_version", "keys:GetDeletedKeys"),
        ("secret", "secrets:GetDeletedSecrets"),
        ("certificate", "certificates:GetCertificates"),
        ("certificate", "certificates:GetDeletedCertificates"),
    }
    assert unexplained(rows) == []
