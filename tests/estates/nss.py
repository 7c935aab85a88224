"""A certificate database of NSS, which its softoken serves as a token, filled by NSS's own tools."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

MODULES = tuple(
    Path(folder) / "libsoftokn3.so"
    for folder in (
        *("/usr/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu/nss"),
        *("/usr/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu/nss", "/usr/lib64"),
    )
)
PIN = "nss-password"
LABEL = "NSS Certificate DB"


def module() -> Path:
    """NSS's softoken."""
    found = next((path for path in MODULES if path.exists()), None)
    assert found is not None, "NSS is not installed: `make test` installs it"
    return found


def source(name: str, folder: Path) -> Mapping[str, Any]:
    """The `[[source]]` table of a database."""
    return {
        "name": name,
        "module": str(module()),
        "parameters": f"configdir='sql:{folder}' flags=readOnly",
        "token": LABEL,
        "pin_env": "HSM_PIN",
    }


def fill(folder: Path) -> ec.EllipticCurvePrivateKey:
    """Make a database with a generated pair and its certificate, a generated AES key, and an imported pair, whose
    private key is returned."""
    database = ["-d", f"sql:{folder}", "-f", str(folder / "password")]
    (folder / "password").write_text(f"{PIN}\n")
    (folder / "noise").write_bytes(bytes(range(256)))
    _run("certutil", "-N", *database)
    noise = ["-z", str(folder / "noise"), "-k", "ec", "-q", "nistp256"]
    _run("certutil", "-S", "-n", "generated", "-s", "CN=generated", "-x", "-t", ",,", *noise, *database)
    _run("symkeyutil", "-K", "-n", "data", "-t", "aes", "-s", "32", *database)
    private, bundle = _imported()
    (folder / "imported.p12").write_bytes(bundle)
    _run("pk12util", "-i", str(folder / "imported.p12"), "-W", "bundle", "-k", str(folder / "password"), *database[:2])
    return private


def _imported() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    private = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "imported")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .sign(private, hashes.SHA256())
    )
    protection = serialization.BestAvailableEncryption(b"bundle")
    return private, pkcs12.serialize_key_and_certificates(b"imported", private, certificate, None, protection)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)
