"""Which KMS keys can rotate, and so which of the calls about rotation are worth making."""

from __future__ import annotations

from dataclasses import dataclass

from evidence.model import Rotatable
from evidence.reading import Answer, Text

_ASYMMETRIC = ("RSA_", "ECC_", "ML_DSA_", "ML_KEM_", "SM2")
_DOOMED = ("PendingDeletion", "PendingReplicaDeletion")
_IDLE = (*_DOOMED, "Disabled", "PendingImport", "Creating", "Unavailable")


@dataclass(frozen=True, slots=True)
class RotationRule:
    """What AWS KMS documents about the rotation of one key.

    `reason` is YES or why KMS does not rotate the key by itself. `status` tells that kms:GetKeyRotationStatus says
    something that the description does not, `history` the same of kms:ListKeyRotations. Where `status` is false,
    automatic rotation is off and cannot be on — but for a key that AWS manages, which it always rotates. Where
    `history` is false the key has had one material only, as far as KMS knows.
    """

    reason: Rotatable
    status: bool
    history: bool

    @property
    def rotatable(self) -> bool:
        """KMS can rotate the key by itself, as it is now."""
        return self.reason is Rotatable.YES


def rotation_rule(
    *, manager: str | None, spec: str | None, origin: str | None, state: str | None, multi_region: str | None
) -> RotationRule | None:
    """The rule for a key, from DescribeKey's KeyManager, KeySpec, Origin, KeyState and
    MultiRegionConfiguration.MultiRegionKeyType; None where these do not decide it.

    Source: AWS KMS API reference, GetKeyRotationStatus, EnableKeyRotation, RotateKeyOnDemand and ReplicateKey.
    Automatic rotation is for symmetric encryption keys with material that KMS generated. Imported material rotates on
    demand only. A replica has the rotation status and the rotations of its primary. A disabled key keeps its status
    but is not rotated; one that waits for its deletion has the status false.
    """
    if manager == "AWS":
        return RotationRule(Rotatable.PROVIDER_MANAGED, status=False, history=False)
    if manager != "CUSTOMER" or spec is None or origin is None or state is None:
        return None
    if spec == "SYMMETRIC_DEFAULT":
        return _symmetric_rule(origin, state, multi_region)
    if spec.startswith("HMAC_"):
        return RotationRule(Rotatable.MAC, status=False, history=False)
    if spec.startswith(_ASYMMETRIC):
        return RotationRule(Rotatable.ASYMMETRIC, status=False, history=False)
    return None


def _symmetric_rule(origin: str, state: str, multi_region: str | None) -> RotationRule | None:
    if origin in ("AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"):
        return RotationRule(Rotatable.CUSTOM_KEY_STORE, status=False, history=False)
    if origin == "EXTERNAL":
        return RotationRule(Rotatable.IMPORTED, status=False, history=True)
    if origin != "AWS_KMS":
        return None
    doomed = state in _DOOMED
    if multi_region == "REPLICA":
        return RotationRule(Rotatable.REPLICA, status=not doomed, history=True)
    if state in _IDLE:
        return RotationRule(Rotatable.NOT_ACTIVE, status=not doomed, history=True)
    return RotationRule(Rotatable.YES, status=True, history=True)


class _MultiRegion(Answer):
    MultiRegionKeyType: Text | None = None


class _Metadata(Answer):
    KeyManager: Text
    KeySpec: Text
    Origin: Text
    KeyState: Text
    MultiRegionConfiguration: _MultiRegion | None = None


class DescribedKey(Answer):
    """The part of kms:DescribeKey's answer that decides what else is asked about a key."""

    KeyMetadata: _Metadata

    @property
    def customer(self) -> bool:
        """The customer manages it."""
        return self.KeyMetadata.KeyManager == "CUSTOMER"

    @property
    def rule(self) -> RotationRule | None:
        """Its rotation rule, where the answer decides it."""
        metadata = self.KeyMetadata
        region = metadata.MultiRegionConfiguration
        return rotation_rule(
            manager=metadata.KeyManager,
            spec=metadata.KeySpec,
            origin=metadata.Origin,
            state=metadata.KeyState,
            multi_region=region.MultiRegionKeyType if region else None,
        )
