"""Scopes of Azure as they are recorded, written by hand on the shapes of Microsoft's REST reference."""

import base64
from datetime import UTC, datetime

import normalizing
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding
from normalizing import Recordings, Scope

from collectors.azure.normalize import SERVICES
from collectors.source import Settings
from evidence.recording import ScopeHeader

SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"
TENANT, PARTNER = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/payments"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/cards"
HSM = f"{GROUP}/providers/Microsoft.KeyVault/managedHSMs/roots"
WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/audit"
_OF_SUBSCRIPTION = f"/subscriptions/{SUBSCRIPTION}/providers"
VAULT_HOST, HSM_HOST = "https://cards.vault.azure.net", "https://roots.managedhsm.azure.net"
ANNA, OPS, APP, GUEST = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "cdef")

SETTINGS = Settings(
    tag_names={
        "owner": ("owner", "team"),
        "business_purpose": ("purpose",),
        "data_class": ("data-class",),
        "environment": ("env",),
    }
)


def header(service):
    of_subscription = {name: f"{SUBSCRIPTION}/global/{name}" for name in ("subscription", "storage")}
    places = {"tenant": f"{TENANT}/global/tenant", **of_subscription}
    name = {"vault": "cards", "managedhsm": "roots"}.get(service, "")
    return ScopeHeader(
        id=f"prod/{places.get(service, f'{SUBSCRIPTION}/{service}/{name}')}",
        source="prod",
        type="azure",
        service=service,
        account="" if service == "tenant" else SUBSCRIPTION,
        account_name=None if service in ("tenant", "subscription") else "Production",
        region="global" if service in places else "westeurope",
        identity="auditor",
        organization=TENANT,
    )


def recorded(service, exchanges=None):
    """Observations of a scope from (subject, operation, answer); by default what is recorded of the service."""
    store = {"vault": VAULT, "managedhsm": HSM}.get(service, "")

    def parameters(operation):
        return {"resourceId": store} if store and operation.startswith("arm:") else {}

    return normalizing.recorded(header(service), EXCHANGES[service] if exchanges is None else exchanges, parameters)


def day(text):
    """Seconds since 1970, as the Key Vault APIs give times."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def attributes(created, **more):
    return {
        "enabled": True,
        "created": day(created),
        "updated": day(created),
        "recoveryLevel": "CustomizedRecoverable",
        "recoverableDays": 30,
        **more,
    }


def url(name, version="", *, kind="keys", host=VAULT_HOST):
    return f"{host}/{kind}/{name}" + (f"/{version}" if version else "")


def rsa(bits):
    return base64.urlsafe_b64encode(((1 << (bits - 1)) | 1).to_bytes(bits // 8)).rstrip(b"=").decode()


ALL = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]


def bundle(name, created, *, host=VAULT_HOST, key=None, tags=None, of_attributes=None, **more):
    """GetKey's answer for an RSA key of 3072 bits, or for `key`."""
    material = key or {"kty": "RSA", "key_ops": ALL, "n": rsa(3072), "e": "AQAB"}
    told = {"key": {"kid": url(name, "v9", host=host), **material}, "attributes": attributes(created)}
    told["attributes"].update(of_attributes or {})
    return {**told, **({"tags": tags} if tags else {}), **more}


def item(name, created, version="", *, host=VAULT_HOST, of_attributes=None, **more):
    return {"kid": url(name, version, host=host), "attributes": attributes(created, **(of_attributes or {})), **more}


def page(*items, next_link=None):
    return {"value": list(items), "nextLink": next_link}


def policy(expiry=None, **triggers):
    """A rotation policy: `Rotate` and `Notify` with their triggers."""
    actions = [{"trigger": trigger, "action": {"type": name}} for name, trigger in triggers.items()]
    return {
        "id": "x",
        "lifetimeActions": actions,
        "attributes": {"expiryTime": expiry, "created": 1, "updated": 1},
    }


def key(name, described, versions, rotation=None, *, host=VAULT_HOST, get="keys:GetKey", **more):
    subject = url(name, host=host)
    asked = [
        (
            subject,
            "keys:GetKeyVersions",
            page(*(item(name, at, f"v{n}", host=host, of_attributes=more) for n, at in enumerate(versions))),
        ),
        (subject, get, described),
    ]
    return [*asked, (subject, "keys:GetKeyRotationPolicy", rotation)] if rotation is not None else asked


def assignment(scope, role, principal, kind="ServicePrincipal", **more):
    return {
        "id": f"{scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{principal}-{role}",
        "name": f"{principal}-{role}",
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": f"{_OF_SUBSCRIPTION}/Microsoft.Authorization/roleDefinitions/{role}",
            "principalId": principal,
            "principalType": kind,
            "scope": scope,
            **more,
        },
    }


OWNER, CRYPTO_OFFICER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "14b46e9e-c2b7-41b4-b07b-48a6ebf60603"
CRYPTO_USER, SECRETS_USER = "12338af0-0e69-4776-bea7-57ae8d297424", "4633458b-17de-408a-b874-0445c86b69e6"
ADMINISTRATOR, CUSTOM = "00482a5a-887f-4fb3-b363-3b7fe8e74483", "99999999-0000-4000-8000-000000000009"


def vault(**properties):
    return {
        "id": VAULT,
        "name": "cards",
        "type": "Microsoft.KeyVault/vaults",
        "location": "westeurope",
        "tags": {},
        "properties": {
            "tenantId": TENANT,
            "sku": {"family": "A", "name": "premium"},
            "vaultUri": f"{VAULT_HOST}/",
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": 30,
            "enablePurgeProtection": True,
            "enableRbacAuthorization": True,
            "accessPolicies": [],
            "publicNetworkAccess": "Enabled",
            "networkAcls": {
                "bypass": "AzureServices",
                "defaultAction": "Deny",
                "ipRules": [],
                "virtualNetworkRules": [],
            },
            "privateEndpointConnections": [
                {"id": "x", "properties": {"privateLinkServiceConnectionState": {"status": status}}}
                for status in ("Approved", "Pending")
            ],
            "provisioningState": "Succeeded",
            **properties,
        },
    }


def certificate(bits, *extensions, issuer="CN=Some authority"):
    """The DER, in base64, of a certificate whose key is of RSA; nobody has its private half."""
    public = RSAPublicNumbers(65537, (1 << (bits - 1)) | 1).public_key()
    names = (x509.Name.from_rfc4514_string(name) for name in (issuer, "CN=site.example"))
    dates = (datetime(year, 6, 1, tzinfo=UTC) for year in (2025, 2026))
    made = x509.CertificateBuilder(*names, public, 7, *dates)
    for extension in extensions:
        made = made.add_extension(extension, critical=False)
    signed = made.sign(Ed25519PrivateKey.from_private_bytes(bytes(32)), None)
    return base64.b64encode(signed.public_bytes(Encoding.DER)).decode()


def logs(chosen=None, **places):
    return {"value": [{"id": "x", "name": "audit", "properties": {**places, "logs": chosen or LOGS}}]}


LOGS = [{"category": "AuditEvent", "enabled": True, "retentionPolicy": {"enabled": False, "days": 0}}]
TAGS = {"team": "ledger", "purpose": "cards", "data-class": "restricted"}

VAULT_LISTS = [
    ("", "arm:Vaults_Get", vault()),
    ("", "arm:DiagnosticSettings_List", logs(workspaceId=WORKSPACE)),
    ("", "arm:Workspaces_Get", {"id": WORKSPACE.lower(), "properties": {"retentionInDays": 400}}),
    (
        "",
        "arm:RoleAssignments_ListForScope",
        page(
            assignment("/", OWNER, ANNA, "User"),
            assignment(
                VAULT, CRYPTO_OFFICER, OPS, "Group", condition="@Request[x] StringEquals 'y'", conditionVersion="2.0"
            ),
            next_link="https://management.azure.com/x",
        ),
    ),
    (
        "",
        "arm:RoleAssignments_ListForScope",
        page(
            assignment(f"{VAULT}/keys/rotating", CRYPTO_USER, APP),
            assignment(f"{VAULT.upper()}/secrets/token", SECRETS_USER, GUEST, "ForeignGroup"),
            assignment(GROUP, CUSTOM, APP),
            assignment(f"{GROUP}/providers/Microsoft.KeyVault/vaults/other", ADMINISTRATOR, APP),
        ),
    ),
    (
        "",
        "arm:RoleDefinitions_Get",
        {
            "id": f"/providers/Microsoft.Authorization/roleDefinitions/{CUSTOM}",
            "properties": {
                "roleName": "Purger",
                "permissions": [
                    {
                        "actions": [],
                        "dataActions": ["Microsoft.KeyVault/vaults/keys/*"],
                        "notDataActions": ["Microsoft.KeyVault/vaults/keys/*/action"],
                        "notActions": [],
                    }
                ],
            },
        },
    ),
    ("", "keys:GetKeys", page(next_link=f"{VAULT_HOST}:443/keys?$skiptoken=a")),
    (
        "",
        "keys:GetKeys",
        page(
            *(item(name, "2024-01-01") for name in ("rotating", "noticed", "curve", "young", "odd")),
            item("site", "2025-06-01", managed=True),
        ),
    ),
    (
        "",
        "keys:GetDeletedKeys",
        page({**item("gone", "2023-01-01"), "deletedDate": day("2026-11-01"), "scheduledPurgeDate": day("2026-12-01")}),
    ),
    (
        "",
        "secrets:GetSecrets",
        page(
            {
                "id": url("token", kind="secrets"),
                "attributes": attributes("2025-01-01", exp=day("2027-01-01")),
                "contentType": "text/plain",
                "tags": TAGS,
            },
            {
                "id": url("site", kind="secrets"),
                "attributes": attributes("2025-06-01"),
                "managed": True,
                "contentType": "application/x-pkcs12",
            },
        ),
    ),
    (
        "",
        "secrets:GetDeletedSecrets",
        page(
            {
                "id": url("lost", kind="secrets"),
                "attributes": attributes("2025-01-01"),
                "deletedDate": day("2026-11-01"),
                "scheduledPurgeDate": day("2026-12-01"),
            }
        ),
    ),
    (
        "",
        "certificates:GetCertificates",
        page(
            {
                "id": url("site", kind="certificates"),
                "x5t": "fLi3U52HunIVNXubkEnf8tP6Wbo",
                "attributes": attributes("2025-06-01", nbf=day("2025-06-01"), exp=day("2026-06-01")),
            }
        ),
    ),
    ("", "certificates:GetDeletedCertificates", page()),
]

VAULT_EXCHANGES = [
    *VAULT_LISTS,
    *key(
        "rotating",
        bundle("rotating", "2026-03-01", tags=TAGS, of_attributes={"exp": day("2028-03-01"), "exportable": False}),
        ["2026-03-01", "2024-01-01", "2025-02-01"],
        policy("P2Y", Rotate={"timeAfterCreate": "P12M"}, Notify={"timeBeforeExpiry": "P30D"}),
    ),
    *key("noticed", bundle("noticed", "2024-01-01"), ["2024-01-01"], policy(Notify={"timeBeforeExpiry": "P30D"})),
    *key(
        "curve",
        bundle(
            "curve",
            "2025-01-01",
            key={"kty": "EC-HSM", "key_ops": ["sign", "verify"], "crv": "P-256K", "x": "x", "y": "y"},
            of_attributes={"enabled": False, "exp": day("2027-01-01"), "exportable": True},
            release_policy={
                "contentType": "application/json",
                "data": "eyJ2ZXJzaW9uIjogIjEuMC4wIn0",
                "immutable": True,
            },
        ),
        ["2025-01-01"],
        policy("P1Y", Rotate={"timeBeforeExpiry": "P30D"}),
    ),
    *key(
        "young",
        bundle("young", "2026-11-01", of_attributes={"nbf": day("2027-01-01")}),
        ["2026-11-01"],
        {"attributes": None},
        nbf=day("2027-01-01"),
    ),
    *key(
        "odd",
        bundle("odd", "2026-11-01", key={"kty": "AKP", "alg": "ML-DSA-87", "key_ops": ["sign", "verify"]}),
        ["2026-11-01"],
        {"attributes": None},
    ),
    *key("site", bundle("site", "2025-06-01", managed=True), ["2025-06-01"]),
    (url("gone"), "keys:GetDeletedKey", bundle("gone", "2023-01-01")),
    (
        url("token", kind="secrets"),
        "secrets:GetSecretVersions",
        page(
            *(
                {"id": url("token", v, kind="secrets"), "attributes": attributes(at)}
                for v, at in (("b", "2026-01-01"), ("a", "2025-01-01"))
            )
        ),
    ),
    (
        url("site", kind="secrets"),
        "secrets:GetSecretVersions",
        page({"id": url("site", "a", kind="secrets"), "attributes": attributes("2025-06-01")}),
    ),
    (
        url("site", kind="certificates"),
        "certificates:GetCertificate",
        {
            "id": url("site", "a", kind="certificates"),
            "kid": url("site", "a"),
            "sid": url("site", "a", kind="secrets"),
            "x5t": "fLi3U52HunIVNXubkEnf8tP6Wbo",
            "cer": certificate(2048),
            "attributes": attributes("2025-06-01", nbf=day("2025-06-01"), exp=day("2026-06-01")),
            "policy": {
                "id": "x",
                "key_props": {"exportable": True, "kty": "RSA", "key_size": 2048, "reuse_key": False},
                "secret_props": {"contentType": "application/x-pkcs12"},
                "x509_props": {"subject": "CN=site.example", "ekus": [], "key_usage": [], "validity_months": 12},
                "lifetime_actions": [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}],
                "issuer": {"name": "DigiCert"},
            },
        },
    ),
    (
        url("site", kind="certificates"),
        "certificates:GetCertificateVersions",
        page({"id": url("site", "a", kind="certificates"), "attributes": attributes("2025-06-01")}),
    ),
]

LOCAL_USER, LOCAL_OFFICER = "21dbd100-6940-42c2-9190-5d6cb909625b", "515eb02d-2335-4d2d-92f2-b1cbdf9c3778"
_LOCAL = "Microsoft.KeyVault/managedHsm"


def local(role, principal, scope):
    id = f"Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/{role}"
    return {
        "id": f"{scope}{principal}",
        "name": principal,
        "properties": {"roleDefinitionId": id, "principalId": principal, "scope": scope},
    }


def local_role(role, *data_actions):
    return {
        "id": f"Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/{role}",
        "name": role,
        "properties": {
            "roleName": role,
            "type": "AKVBuiltInRole",
            "permissions": [{"actions": [], "dataActions": list(data_actions)}],
        },
    }


HSM_EXCHANGES = [
    (
        "",
        "arm:ManagedHsms_Get",
        {
            "id": HSM,
            "name": "roots",
            "location": "westeurope",
            "sku": {"family": "B", "name": "Standard_B1"},
            "tags": {},
            "properties": {
                "tenantId": TENANT,
                "hsmUri": f"{HSM_HOST}/",
                "enableSoftDelete": True,
                "softDeleteRetentionInDays": 90,
                "enablePurgeProtection": False,
                "publicNetworkAccess": "Disabled",
                "provisioningState": "Succeeded",
                "securityDomainProperties": {"activationStatus": "NotActivated", "activationStatusMessage": "x"},
            },
        },
    ),
    ("", "arm:MHSMRegions_ListByResource", page({"name": "northeurope", "isPrimary": False})),
    ("", "arm:DiagnosticSettings_List", {"value": []}),
    ("", "arm:RoleAssignments_ListForScope", page(assignment(f"/subscriptions/{SUBSCRIPTION}", OWNER, ANNA, "User"))),
    (
        "",
        "administration:RoleAssignments_ListForScope",
        page(local(LOCAL_OFFICER, ANNA, "/"), local(LOCAL_USER, APP, "/keys/root")),
    ),
    (
        "",
        "administration:RoleDefinitions_List",
        page(
            local_role(LOCAL_OFFICER, f"{_LOCAL}/roleAssignments/write/action", f"{_LOCAL}/keys/deletedKeys/delete"),
            local_role(LOCAL_USER, f"{_LOCAL}/keys/encrypt/action", f"{_LOCAL}/keys/decrypt/action"),
        ),
    ),
    (
        "",
        "administration:GetSettings",
        {"settings": [{"name": "AllowKeyManagementOperationsThroughARM", "value": "false", "type": "boolean"}]},
    ),
    (
        "",
        "administration:GetEkmConnection",
        {"host": "ekm.example.com", "path_prefix": "/api/v1", "server_subject_common_name": "ekm.example.com"},
    ),
    ("", "keys:GetKeys", page(item("root", "2025-01-01", host=HSM_HOST))),
    ("", "keys:GetDeletedKeys", page()),
    *key(
        "root",
        bundle(
            "root",
            "2025-01-01",
            host=HSM_HOST,
            key={"kty": "oct-HSM", "key_ops": ["wrapKey", "unwrapKey"]},
            of_attributes={"attestation": {"certificatePemFile": "x", "privateKeyAttestation": "y"}},
        ),
        ["2025-01-01"],
        policy(Rotate={"timeAfterCreate": "P6M"}),
        host=HSM_HOST,
        get="keys:GetKeyAttestation",
    ),
]

_SUBSCRIPTION = {
    "id": f"/subscriptions/{SUBSCRIPTION}",
    "subscriptionId": SUBSCRIPTION,
    "displayName": "Production",
    "state": "Enabled",
    "tenantId": TENANT,
}


def _listed(id, name, address):
    return {"id": id, "name": name, "location": "westeurope", "properties": address}


def storage_account(name, **properties):
    return {
        "id": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{name}",
        "name": name,
        "type": "Microsoft.Storage/storageAccounts",
        "location": "westeurope",
        "properties": {
            "creationTime": "2024-01-01T00:00:00.1234567Z",
            "encryption": {"keySource": "Microsoft.Storage"},
            "publicNetworkAccess": "Enabled",
            **properties,
        },
    }


EXCHANGES = {
    "tenant": [("", "arm:Subscriptions_List", page(_SUBSCRIPTION))],
    "subscription": [
        ("", "arm:Subscriptions_Get", _SUBSCRIPTION),
        ("", "arm:Vaults_ListBySubscription", page(_listed(VAULT, "cards", {"vaultUri": f"{VAULT_HOST}/"}))),
        (
            "",
            "arm:Vaults_ListDeleted",
            page(
                {
                    "id": f"{_OF_SUBSCRIPTION}/Microsoft.KeyVault/locations/westus/deletedVaults/old",
                    "name": "old",
                    "type": "Microsoft.KeyVault/deletedVaults",
                    "properties": {
                        "vaultId": VAULT.replace("cards", "old"),
                        "location": "westus",
                        "deletionDate": "2026-11-01T00:00:59Z",
                        "scheduledPurgeDate": "2027-01-30T00:00:59Z",
                        "purgeProtectionEnabled": True,
                        "tags": {},
                    },
                }
            ),
        ),
        ("", "arm:ManagedHsms_ListBySubscription", page(_listed(HSM, "roots", {"hsmUri": f"{HSM_HOST}/"}))),
        ("", "arm:ManagedHsms_ListDeleted", page()),
    ],
    "storage": [
        (
            "",
            "arm:StorageAccounts_List",
            page(
                storage_account(
                    "cards",
                    keyCreationTime={"key1": "2026-09-01T00:00:00.1234567Z", "key2": "2025-01-01T00:00:00Z"},
                    keyPolicy={"keyExpirationPeriodInDays": 90},
                    allowSharedKeyAccess=True,
                    networkAcls={"bypass": "AzureServices", "defaultAction": "Deny"},
                    encryption={
                        "keySource": "Microsoft.Keyvault",
                        "keyvaultproperties": {"keyname": "rotating", "keyvaulturi": VAULT_HOST, "keyversion": ""},
                    },
                ),
                storage_account("plain", keyCreationTime={"key1": None, "key2": None}, allowSharedKeyAccess=False),
            ),
        )
    ],
    "vault": VAULT_EXCHANGES,
    "managedhsm": HSM_EXCHANGES,
}
"""By the service of a scope."""

RECORDINGS = Recordings(
    type="azure",
    services=tuple(SERVICES),
    settings=SETTINGS,
    header=header,
    recorded=lambda service: [Scope(header(service), recorded(service))],
    refusal=(
        "ForbiddenByRbac: no",
        '{"error":{"code":"Forbidden","message":"no","innererror":{"code":"ForbiddenByRbac"}}}',
    ),
    spoiled=('{"nextLink": "x"}',),
    hostile=("https://[/keys/x", "https://evil.example:99999/keys/x", "P9999Y", "P99999D"),
    sdk=("azure",),
    opened=("subscription", "managedhsm"),
)
