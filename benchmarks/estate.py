"""An invented AWS estate of any size: what KMS and its neighbours answer about each of its keys, in the wire's JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
"""When the estate is looked at."""

STRANGER = "999900001111"
"""An account that some keys admit."""

Answer = dict[str, Any]


class Kind(Enum):
    """What distinguishes a key from the others."""

    ROTATING = auto()
    ROTATED_BY_HAND = auto()
    NEVER_ROTATED = auto()
    PUBLIC = auto()
    CROSS_ACCOUNT = auto()
    DISABLED = auto()
    DOOMED = auto()
    IMPORTED = auto()
    SIGNING = auto()
    MAC = auto()


EVERYTHING_IS_ASKED = (Kind.ROTATING, Kind.ROTATED_BY_HAND, Kind.NEVER_ROTATED, Kind.CROSS_ACCOUNT)
"""Kinds of which each fact has to be asked: the most requests that a key can cost."""

MIXED = (*[Kind.ROTATING] * 10, *Kind)
"""Half of the keys as they should be, and of every other kind some."""

SPECS = {
    Kind.SIGNING: ("RSA_2048", "SIGN_VERIFY", "SigningAlgorithms", ("RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PSS_SHA_256")),
    Kind.MAC: ("HMAC_256", "GENERATE_VERIFY_MAC", "MacAlgorithms", ("HMAC_SHA_256",)),
}
SYMMETRIC = ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "EncryptionAlgorithms", ("SYMMETRIC_DEFAULT",))

TEAMS = ("payments", "ledger", "identity", "search", "warehouse", "platform")


def seconds(moment: datetime) -> float:
    """A time as AWS's JSON has it."""
    return moment.timestamp()


@dataclass(frozen=True, slots=True)
class Key:
    """One customer key."""

    number: int
    kind: Kind
    account: str
    region: str

    @property
    def id(self) -> str:
        return f"{self.number:08x}-5eed-4000-8000-{self.number:012x}"

    @property
    def arn(self) -> str:
        return f"arn:aws:kms:{self.region}:{self.account}:key/{self.id}"

    @property
    def team(self) -> str:
        return TEAMS[self.number % len(TEAMS)]

    @property
    def created(self) -> datetime:
        return NOW - timedelta(days=400 + self.number % 900, seconds=self.number)

    @property
    def rotations(self) -> list[datetime]:
        """When its material was replaced, oldest first."""
        if self.kind in (Kind.NEVER_ROTATED, Kind.SIGNING, Kind.MAC, Kind.IMPORTED):
            return []
        return [moment for n in (1, 2, 3) if (moment := self.created + timedelta(days=365 * n)) < NOW]

    @property
    def asks_status(self) -> bool:
        """Whether it rotates has to be asked."""
        return self.kind not in (Kind.SIGNING, Kind.MAC, Kind.IMPORTED, Kind.DOOMED)

    @property
    def asks_history(self) -> bool:
        """When it was rotated has to be asked."""
        return self.kind not in (Kind.SIGNING, Kind.MAC)

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """What AWS answers about it, by operation, in the order in which it is asked."""
        yield "kms:DescribeKey", {"KeyMetadata": self._metadata()}
        if self.asks_status:
            yield "kms:GetKeyRotationStatus", self._status()
        if self.asks_history:
            yield "kms:ListKeyRotations", {"Rotations": list(self._history()), "Truncated": False}
        yield "kms:GetKeyLastUsage", self._usage()
        yield "kms:GetKeyPolicy", {"Policy": json.dumps(self._policy(), indent=2), "PolicyName": "default"}
        yield "kms:ListGrants", {"Grants": list(self._grants()), "Truncated": False}

    def alias(self) -> Answer:
        return {
            "AliasName": f"alias/{self.team}/{self.number}",
            "AliasArn": f"arn:aws:kms:{self.region}:{self.account}:alias/{self.team}/{self.number}",
            "TargetKeyId": self.id,
            "CreationDate": seconds(self.created),
            "LastUpdatedDate": seconds(self.created),
        }

    def tagging(self) -> Answer:
        tags = {"owner": f"{self.team}@example.com", "environment": "prod", "data-class": "confidential"}
        if self.number % 7 == 0:
            del tags["owner"]
        return {"ResourceARN": self.arn, "Tags": [{"Key": name, "Value": value} for name, value in tags.items()]}

    def _metadata(self) -> Answer:
        spec, usage, algorithms, names = SPECS.get(self.kind, SYMMETRIC)
        state = {Kind.DISABLED: "Disabled", Kind.DOOMED: "PendingDeletion"}.get(self.kind, "Enabled")
        metadata: Answer = {
            "AWSAccountId": self.account,
            "KeyId": self.id,
            "Arn": self.arn,
            "CreationDate": seconds(self.created),
            "Enabled": state == "Enabled",
            "Description": f"Data of {self.team}",
            "KeyUsage": usage,
            "KeyState": state,
            "Origin": "EXTERNAL" if self.kind is Kind.IMPORTED else "AWS_KMS",
            "KeyManager": "CUSTOMER",
            "CustomerMasterKeySpec": spec,
            "KeySpec": spec,
            algorithms: list(names),
            "MultiRegion": False,
        }
        if self.kind is Kind.DOOMED:
            metadata["DeletionDate"] = seconds(NOW + timedelta(days=20))
        if self.kind is Kind.IMPORTED:
            metadata |= {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": seconds(NOW + timedelta(days=90))}
        if spec == "SYMMETRIC_DEFAULT":
            metadata["CurrentKeyMaterialId"] = self._material(len(self.rotations))
        return metadata

    def _status(self) -> Answer:
        on = self.kind not in (Kind.NEVER_ROTATED, Kind.ROTATED_BY_HAND)
        status: Answer = {"KeyId": self.arn, "KeyRotationEnabled": on}
        if on:
            status["RotationPeriodInDays"] = 365
        if on and self.kind is not Kind.DISABLED:
            last = self.rotations[-1] if self.rotations else self.created
            status["NextRotationDate"] = seconds(last + timedelta(days=365))
        return status

    def _history(self) -> Iterator[Answer]:
        dates = [None, *self.rotations]
        for index, moment in enumerate(dates):
            rotation: Answer = {
                "KeyId": self.id,
                "KeyMaterialId": self._material(index),
                "KeyMaterialState": "CURRENT" if index == len(dates) - 1 else "NON_CURRENT",
            }
            if moment is not None:
                kind = "ON_DEMAND" if self.kind is Kind.ROTATED_BY_HAND else "AUTOMATIC"
                rotation |= {"RotationDate": seconds(moment), "RotationType": kind}
            if self.kind is Kind.IMPORTED:
                rotation |= {
                    "ImportState": "IMPORTED",
                    "ExpirationModel": "KEY_MATERIAL_EXPIRES",
                    "ValidTo": seconds(NOW + timedelta(days=90)),
                }
            yield rotation

    def _material(self, index: int) -> str:
        return hashlib.sha256(f"{self.arn}/{index}".encode()).hexdigest()

    def _usage(self) -> Answer:
        last: Answer = {}
        if self.number % 5:
            used = NOW - timedelta(days=self.number % 60, seconds=self.number)
            last = {
                "Operation": "Decrypt",
                "Timestamp": seconds(used),
                "CloudTrailEventId": f"{self.number:08x}-cafe-4000-8000-{self.number:012x}",
                "KmsRequestId": f"{self.number:08x}-beef-4000-8000-{self.number:012x}",
            }
        return {
            "KeyId": self.id,
            "KeyLastUsage": last,
            "TrackingStartDate": seconds(NOW - timedelta(days=200)),
            "KeyCreationDate": seconds(self.created),
        }

    def _policy(self) -> Answer:
        statements = [
            _allow("EnableIAMUserPermissions", {"AWS": f"arn:aws:iam::{self.account}:root"}, ["kms:*"]),
            _allow(
                "Administration",
                {"AWS": f"arn:aws:iam::{self.account}:role/key-administration"},
                ["kms:Describe*", "kms:Put*", "kms:Update*", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"],
            ),
            _allow(
                "Use",
                {"AWS": f"arn:aws:iam::{self.account}:role/{self.team}"},
                ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"],
            ),
        ]
        if self.kind is Kind.PUBLIC:
            statements.append(_allow("Anyone", "*", ["kms:Encrypt"]))
        if self.kind is Kind.CROSS_ACCOUNT:
            statements.append(_allow("Partner", {"AWS": f"arn:aws:iam::{STRANGER}:root"}, ["kms:Decrypt"]))
        return {"Version": "2012-10-17", "Statement": statements}

    def _grants(self) -> Iterator[Answer]:
        if self.number % 3 == 0:
            yield {
                "KeyId": self.arn,
                "GrantId": self._material(1000),
                "Name": "volumes",
                "CreationDate": seconds(self.created),
                "GranteePrincipal": f"arn:aws:iam::{self.account}:role/{self.team}-volumes",
                "IssuingAccount": f"arn:aws:iam::{self.account}:root",
                "Operations": ["Decrypt", "GenerateDataKeyWithoutPlaintext", "CreateGrant"],
                "Constraints": {"EncryptionContextSubset": {"aws:ebs:id": f"vol-{self.number:017x}"}},
            }


def _allow(sid: str, principal: str | dict[str, str], actions: list[str]) -> Answer:
    return {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*"}


@dataclass(frozen=True, slots=True)
class Account:
    """One account that has all its keys in one region, and neither secrets nor parameters."""

    keys: int
    kinds: Sequence[Kind] = MIXED
    id: str = "111122223333"
    region: str = "eu-west-1"

    @property
    def identity(self) -> str:
        return f"arn:aws:sts::{self.id}:assumed-role/audit/keyproof"

    def key(self, number: int) -> Key:
        return Key(number, self.kinds[number % len(self.kinds)], self.id, self.region)

    def all_keys(self) -> Iterator[Key]:
        return map(self.key, range(self.keys))

    def caller(self) -> Answer:
        """What sts:GetCallerIdentity tells. Alone among the answers, it goes over the wire as XML."""
        return {"Arn": self.identity, "UserId": "AROAEXAMPLE:keyproof", "Account": self.id}

    def information(self) -> Answer:
        """What account:GetAccountInformation tells."""
        return {"AccountId": self.id, "AccountName": "Production", "AccountCreatedDate": "2020-01-01T00:00:00Z"}

    def page(self, operation: str, start: int, size: int) -> Answer:
        """One page of a list over the keys, from the `start`th on; the next is named by the number it starts at."""
        end = min(start + size, self.keys)
        keys = [self.key(number) for number in range(start, end)]
        following = str(end) if end < self.keys else ""
        if operation == "tag:GetResources":
            return {"ResourceTagMappingList": [key.tagging() for key in keys], "PaginationToken": following}
        if operation == "kms:ListKeys":
            answer: Answer = {"Keys": [{"KeyId": key.id, "KeyArn": key.arn} for key in keys]}
        else:
            answer = {"Aliases": [key.alias() for key in keys]}
        return {**answer, "Truncated": True, "NextMarker": following} if following else {**answer, "Truncated": False}


EMPTY: dict[str, Answer] = {
    "kms:DescribeCustomKeyStores": {"CustomKeyStores": [], "Truncated": False},
    "secretsmanager:ListSecrets": {"SecretList": []},
    "ssm:DescribeParameters": {"Parameters": []},
    "cloudhsm:DescribeClusters": {"Clusters": []},
    "cloudhsm:DescribeBackups": {"Backups": []},
    "cloudtrail:DescribeTrails": {"trailList": []},
}
"""The lists in which there is nothing, by operation."""
