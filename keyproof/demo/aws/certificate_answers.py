"""Answers of ACM about certificates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keyproof.demo.aws.wire import AwsError, Request
from keyproof.demo.aws.world import Certificate, World

_LISTED_BY_DEFAULT = ("RSA_1024", "RSA_2048")
_ORIGINS = {"IMPORTED": "CUSTOMER_PROVIDED"}
_SUMMARIZED = (
    "CertificateArn",
    "DomainName",
    "Status",
    "Type",
    "KeyAlgorithm",
    "RenewalEligibility",
    "NotBefore",
    "NotAfter",
    "CreatedAt",
    "IssuedAt",
    "ImportedAt",
    "ManagedBy",
)


def list_certificates(world: World, request: Request) -> Mapping[str, Any]:
    """Without being asked for more, ACM lists those with two kinds of keys alone."""
    wanted = request.parameters.get("Includes", {}).get("keyTypes", _LISTED_BY_DEFAULT)
    origins = request.parameters.get("CertificateKeyPairOrigins", ["AWS_MANAGED", "CUSTOMER_PROVIDED"])
    chosen = [
        certificate
        for certificate in world.certificates.get((request.account, request.region), [])
        if certificate.members["KeyAlgorithm"] in wanted and _origin(certificate) in origins
    ]
    page, token = world.page(request, chosen, limit="MaxItems", marker="NextToken", default=1000, most=1000)
    return {"CertificateSummaryList": [_summary(certificate) for certificate in page], "NextToken": token or None}


def _origin(certificate: Certificate) -> str:
    return _ORIGINS.get(certificate.members["Type"], "AWS_MANAGED")


def _summary(certificate: Certificate) -> dict[str, Any]:
    members = certificate.members
    return {
        **{name: members.get(name) for name in _SUMMARIZED},
        "InUse": bool(members.get("InUseBy")),
        "Exported": certificate.exported,
    }


def describe_certificate(world: World, request: Request) -> Mapping[str, Any]:
    arn = request.parameters["CertificateArn"]
    for certificate in world.certificates.get((request.account, request.region), []):
        if certificate.members["CertificateArn"] == arn:
            return {"Certificate": certificate.members}
    raise AwsError("ResourceNotFoundException", f"Could not find certificate {arn}.")


OPERATIONS = {
    "acm:DescribeCertificate": describe_certificate,
    "acm:ListCertificates": list_certificates,
}
