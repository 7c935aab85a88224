"""Clusters of HSMs as AWS describes them, with certificates whose keys follow from names alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from keyproof.demo.names import days, stable_bytes, stable_hex

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def stable_name(kind: str, *parts: str) -> str:
    """An id such as `hsm-…` or `backup-…`, as CloudHSM makes them, that follows from names alone."""
    return f"{kind}-" + "".join(_BASE32[byte % 32] for byte in stable_bytes(11, kind, *parts))


def cluster(
    id: str,
    *,
    created_at: datetime,
    zones: Sequence[str],
    hsm_type: str = "hsm2m.medium",
    mode: str = "FIPS",
    state: str = "ACTIVE",
    retention_days: int = 90,
    hsms: int | None = None,
    owner: str = "Example Ltd",
    tags: Mapping[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """An entry of DescribeClusters with subnets in `zones` and an HSM in each, or in the first `hsms` of them."""
    subnets = {zone: f"subnet-{stable_hex(17, id, zone)}" for zone in zones}
    return {
        "ClusterId": id,
        "BackupPolicy": "DEFAULT",
        "BackupRetentionPolicy": {"Type": "DAYS", "Value": str(retention_days)},
        "CreateTimestamp": created_at,
        "Hsms": [_hsm(id, zone, subnets[zone], hsm_type, n) for n, zone in enumerate(zones[:hsms])],
        "HsmType": hsm_type,
        "SecurityGroup": f"sg-{stable_hex(17, id)}",
        "State": state,
        "SubnetMapping": subnets,
        "VpcId": f"vpc-{stable_hex(17, id)}",
        "NetworkType": "IPV4",
        "Certificates": _certificates(id, created_at, owner, state),
        "TagList": [{"Key": key, "Value": value} for key, value in (tags or {}).items()] or None,
        "Mode": mode,
        **more,
    }


def _hsm(cluster: str, zone: str, subnet: str, hsm_type: str, number: int) -> dict[str, Any]:
    return {
        "AvailabilityZone": zone,
        "ClusterId": cluster,
        "SubnetId": subnet,
        "EniId": f"eni-{stable_hex(17, cluster, zone)}",
        "EniIp": f"10.40.{number}.11",
        "HsmId": stable_name("hsm", cluster, zone),
        "HsmType": hsm_type,
        "State": "ACTIVE",
    }


def backup(cluster: str, made_at: datetime, **more: Any) -> dict[str, Any]:
    """An entry of DescribeBackups."""
    return {
        "BackupId": stable_name("backup", cluster, made_at.isoformat(), str(more.get("SourceRegion", ""))),
        "BackupState": "READY",
        "ClusterId": cluster,
        "CreateTimestamp": made_at,
        "NeverExpires": False,
        "HsmType": "hsm2m.medium",
        "Mode": "FIPS",
        **more,
    }


def _certificates(cluster: str, created: datetime, owner: str, state: str) -> dict[str, str]:
    """Before it is initialized, a cluster has a request for its owner to sign; then, what the owner signed."""
    hardware = f"CN=HSM hardware {stable_hex(8, cluster, 'hardware').upper()}"
    of_hsm = f"CN=HSM:{stable_hex(12, cluster).upper()}:PARTN:1"
    first, last = created - days(400), created + days(7000)
    certificates = {
        "HsmCertificate": signed_certificate(of_hsm, hardware, first, last),
        "AwsHardwareCertificate": signed_certificate(hardware, "CN=AWS CloudHSM root", first, last),
        "ManufacturerHardwareCertificate": signed_certificate(hardware, "CN=Manufacturer of HSMs", first, last),
    }
    if state == "UNINITIALIZED":
        return {**certificates, "ClusterCsr": _request(of_hsm)}
    owners = f"CN=HSM root,O={owner}"
    return {**certificates, "ClusterCertificate": signed_certificate(of_hsm, owners, created, created + days(3650))}


def signed_certificate(subject: str, issuer: str, first: datetime, last: datetime) -> str:
    """A certificate in PEM for an RSA key, whose private half nobody has; only its issuer's key signs anything."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(subject))
        .issuer_name(x509.Name.from_rfc4514_string(issuer))
        .public_key(_public_key(subject))
        .serial_number(int(stable_hex(16, subject, issuer), 16) + 1)
        .not_valid_before(first)
        .not_valid_after(last)
    )
    signed = builder.sign(_private_key(issuer), SHA256(), ecdsa_deterministic=True)
    return signed.public_bytes(Encoding.PEM).decode()


def _request(subject: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name.from_rfc4514_string(subject))
    return builder.sign(_private_key(subject), SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.PEM).decode()


def _public_key(name: str) -> RSAPublicKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    modulus = int.from_bytes(stable_bytes(256, "modulus", name)) | 1 << 2047 | 1
    return RSAPublicNumbers(65537, modulus).public_key()


def _private_key(name: str) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.derive_private_key(int.from_bytes(stable_bytes(31, "scalar", name)) + 1, ec.SECP256R1())
