"""What certificates and requests say of themselves, whoever wrote them."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.x509 import read_certificate, read_request
from evidence.model import NEVER

FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
NAME = x509.Name.from_rfc4514_string("CN=a\\,b,O=Example Ltd")


def certificate(key, last=LAST):
    builder = x509.CertificateBuilder(NAME, NAME, key.public_key(), 7, FIRST, last)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256())


def pem(document):
    return document.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("key", "algorithm", "bits", "security_bits"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA", 2048, 112),
        (ec.generate_private_key(ec.SECP384R1()), "EC", 384, 192),
        (ec.generate_private_key(ec.BrainpoolP256R1()), None, None, None),
        (ed25519.Ed25519PrivateKey.generate(), "EC", 256, 128),
        (dsa.generate_private_key(1024), None, None, None),
    ],
    ids=["rsa", "p-384", "brainpool", "ed25519", "dsa"],
)
def test_a_certificate(key, algorithm, bits, security_bits):
    told = read_certificate(pem(certificate(key)))
    assert (told.algorithm, told.bits, told.security_bits) == (algorithm, bits, security_bits)
    assert told.subject == told.issuer == "CN=a\\,b,O=Example Ltd"
    assert (told.activated_at, told.expires_at) == (FIRST, LAST)
    assert len(told.fingerprint) == 40


def test_the_end_of_time_is_never():
    """RFC 5280: 99991231235959Z says that a certificate has no end that could be told."""
    end = NEVER + timedelta(hours=23, minutes=59, seconds=59)
    assert read_certificate(pem(certificate(ed25519.Ed25519PrivateKey.generate(), end))).expires_at == NEVER


def test_of_a_chain_the_first_counts():
    first, second = (certificate(ed25519.Ed25519PrivateKey.generate()) for _ in range(2))
    assert read_certificate(pem(first) + pem(second)) == read_certificate(pem(first))


def test_a_request():
    key = ec.generate_private_key(ec.SECP256R1())
    told = read_request(pem(x509.CertificateSigningRequestBuilder(NAME).sign(key, SHA256())))
    assert (told.subject, told.issuer, told.fingerprint) == ("CN=a\\,b,O=Example Ltd", "", "")
    assert (told.algorithm, told.bits, told.activated_at, told.expires_at) == ("EC", 256, NEVER, NEVER)


DER = certificate(ec.generate_private_key(ec.SECP256R1())).public_bytes(Encoding.DER)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, len(DER) - 1), st.integers(0, 255)), max_size=4), st.integers(0, len(DER)))
def test_whatever_it_holds_it_is_read_or_refused(changes, length):
    der = bytearray(DER)
    for at, byte in changes:
        der[at] = byte
    text = base64.encodebytes(bytes(der[:length] if length % 5 == 0 else der)).decode()
    for read, kind in ((read_certificate, "CERTIFICATE"), (read_request, "CERTIFICATE REQUEST")):
        try:
            told = read(f"-----BEGIN {kind}-----\n{text}-----END {kind}-----\n")
        except ValueError:
            continue
        assert told.expires_at <= NEVER


@pytest.mark.parametrize("text", ["", "\x00", "-----BEGIN CERTIFICATE-----", "=cmd|' /C calc'!A0", "\ufffd" * 1000])
def test_what_is_no_certificate(text):
    for read in (read_certificate, read_request):
        with pytest.raises(ValueError, match=r"."):
            read(text)


def test_a_name_of_a_type_that_names_do_not_have():
    common_name = bytes([0x06, 0x03, 0x55, 0x04, 0x03])
    at = DER.index(common_name) + len(common_name)
    der = DER[:at] + bytes([0x03, DER[at + 1], 0]) + DER[at + 3 :]
    text = base64.encodebytes(der).decode()
    with pytest.raises(ValueError, match="BitString"):
        read_certificate(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n")
