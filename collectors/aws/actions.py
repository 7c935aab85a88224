"""The actions of KMS, Secrets Manager and Parameter Store, by what whoever is allowed them may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from collectors.wildcards import matches
from evidence.model import Capability


@dataclass(frozen=True, slots=True)
class ServiceActions:
    """The actions of one service; what gives no capability only reads or changes what describes the thing."""

    prefix: str
    capabilities: Mapping[Capability, frozenset[str]]
    others: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """Every action of the service, without its prefix."""
        return self.others.union(*self.capabilities.values())

    def matching(self, patterns: Iterable[str]) -> frozenset[str]:
        """The actions that the patterns of an `Action` element name, in any case, with `*` and `?`."""
        return frozenset().union(*(_matching(self.prefix, pattern) for pattern in patterns))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


KMS = ServiceActions(
    "kms",
    {
        Capability.ADMINISTER: _names(
            """CancelKeyDeletion DeleteImportedKeyMaterial DisableKey DisableKeyRotation EnableKey EnableKeyRotation
            ImportKeyMaterial PutKeyPolicy ReplicateKey RotateKeyOnDemand ScheduleKeyDeletion
            SynchronizeMultiRegionKey UpdatePrimaryRegion"""
        ),
        Capability.USE: _names(
            """Encapsulate Encrypt GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext
            GenerateDataKeyWithoutPlaintext GenerateMac ReEncryptTo Sign Verify VerifyMac"""
        ),
        Capability.DECRYPT: _names("Decapsulate Decrypt DeriveSharedSecret ReEncryptFrom"),
        Capability.GRANT: _names("CreateGrant RevokeGrant"),
    },
    _names(
        """ConnectCustomKeyStore CreateAlias CreateCustomKeyStore CreateKey DeleteAlias DeleteCustomKeyStore
        DescribeCustomKeyStores DescribeKey DisconnectCustomKeyStore GenerateRandom GetKeyLastUsage GetKeyPolicy
        GetKeyRotationStatus GetParametersForImport GetPublicKey ListAliases ListGrants ListKeyPolicies
        ListKeyRotations ListKeys ListResourceTags ListRetirableGrants RetireGrant TagResource UntagResource UpdateAlias
        UpdateCustomKeyStore UpdateKeyDescription"""
    ),
)
"""To administer is to change the key's policy, state, material or life. Tags, aliases and descriptions are not that.

Source: AWS Service Authorization Reference, actions of AWS KMS; ReEncrypt needs ReEncryptFrom on the one key and
ReEncryptTo on the other.
"""

SECRETS_MANAGER = ServiceActions(
    "secretsmanager",
    {
        Capability.ADMINISTER: _names(
            """AssociateCrossAccountReplica CancelRotateSecret DeleteResourcePolicy DeleteSecret
            DisassociateCrossAccountReplica PutResourcePolicy RemoveRegionsFromReplication ReplicateSecretToRegions
            RestoreSecret RotateSecret StopReplicationToReplica UpdateSecret"""
        ),
        Capability.USE: _names("PutSecretValue UpdateSecretVersionStage"),
        Capability.DECRYPT: _names("BatchGetSecretValue GetSecretValue"),
    },
    _names(
        """CreateSecret DescribeSecret GetRandomPassword GetResourcePolicy ListResourcePolicies ListSecretVersionIds
        ListSecrets TagResource UntagResource ValidateResourcePolicy"""
    ),
)
"""To use a secret without reading it is to give it a new value."""

PARAMETER_STORE = ServiceActions(
    "ssm",
    {
        Capability.ADMINISTER: _names("DeleteParameter DeleteParameters DeleteResourcePolicy PutResourcePolicy"),
        Capability.USE: _names("LabelParameterVersion PutParameter UnlabelParameterVersion"),
        Capability.DECRYPT: _names("GetParameter GetParameterHistory GetParameters GetParametersByPath"),
    },
    _names("""AddTagsToResource DescribeParameters GetResourcePolicies ListTagsForResource RemoveTagsFromResource"""),
)
"""The actions of SSM that concern parameters."""

SERVICES = {actions.prefix: actions for actions in (KMS, SECRETS_MANAGER, PARAMETER_STORE)}
"""By the prefix of the service."""


@lru_cache(maxsize=4096)
def _matching(prefix: str, pattern: str) -> frozenset[str]:
    wanted = pattern.lower()
    return frozenset(action for action in SERVICES[prefix].all if matches(wanted, f"{prefix}:{action}".lower()))
