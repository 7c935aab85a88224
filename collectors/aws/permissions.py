"""The least-privilege IAM policy that collection needs, made from the declared operations."""

from __future__ import annotations

import json
from itertools import groupby

from collectors.aws.operations import OPERATIONS

_SID = {
    "account": "AccountNameAndRegions",
    "acm": "CertificateMetadata",
    "cloudhsm": "HsmClusterMetadata",
    "cloudtrail": "Trails",
    "cloudwatch": "Alarms",
    "ec2": "VolumeEncryption",
    "elasticfilesystem": "FileSystemEncryption",
    "events": "AlertRules",
    "iam": "CredentialMetadata",
    "kms": "KeyMetadata",
    "logs": "MetricFilters",
    "organizations": "OrganizationAccounts",
    "rds": "DatabaseEncryption",
    "secretsmanager": "SecretMetadata",
    "ssm": "ParameterMetadata",
    "tag": "Tags",
}


def policy() -> str:
    """An IAM policy document for the role that collects, sorted, with a newline at its end.

    It only reads metadata. What assumes roles in other accounts needs `sts:AssumeRole` on just these roles besides,
    which depends on the configuration and is not part of it.
    """
    actions = sorted({operation.grants for operation in OPERATIONS.values()} - {""})
    statements = [
        {"Sid": _SID[service], "Effect": "Allow", "Action": list(of_service), "Resource": "*"}
        for service, of_service in groupby(actions, key=lambda action: action.split(":")[0])
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"
