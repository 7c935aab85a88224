"""What certificates and requests say of themselves, whoever wrote them."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.algorithms import CURVES
from collectors.algorithms import rsa as rsa_key
from collectors.x509 import key_of_certificate, key_of_openssh, read_certificate, read_request, serial_of_certificate
from evidence.model import NEVER

FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
NAME = x509.Name.from_rfc4514_string("CN=a\\,b,O=Example Ltd")


SIGNER = ed25519.Ed25519PrivateKey.generate()


def certificate(key, last=LAST):
    return x509.CertificateBuilder(NAME, NAME, key.public_key(), 7, FIRST, last).sign(SIGNER, None)


def pem(document):
    return document.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("key", "algorithm", "bits", "security_bits"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA", 2048, 112),
        (ec.generate_private_key(ec.SECP384R1()), "EC", 384, 192),
        (ec.generate_private_key(ec.SECP192R1()), "EC", 192, 80),
        (ec.generate_private_key(ec.SECP256K1()), "EC", 256, 128),
        (ec.generate_private_key(ec.BrainpoolP512R1()), "EC", 512, 256),
        (ed25519.Ed25519PrivateKey.generate(), "EC", 256, 128),
        (ed448.Ed448PrivateKey.generate(), "EC", 456, 224),
        (dsa.generate_private_key(1024), "DSA", 1024, 80),
        (x25519.X25519PrivateKey.generate(), None, None, None),
    ],
    ids=["rsa", "p-384", "p-192", "secp256k1", "brainpool", "ed25519", "ed448", "dsa", "x25519"],
)
def test_a_certificate(key, algorithm, bits, security_bits):
    document = certificate(key)
    told = read_certificate(pem(document))
    assert told == read_certificate(document.public_bytes(Encoding.DER))
    assert (told.algorithm, told.bits, told.security_bits) == (algorithm, bits, security_bits)
    assert told.subject == told.issuer == "CN=a\\,b,O=Example Ltd"
    assert (told.activated_at, told.expires_at) == (FIRST, LAST)
    assert len(told.fingerprint) == 40


def _constrained(**constraints):
    built = x509.CertificateBuilder(NAME, NAME, SIGNER.public_key(), 7, FIRST, LAST)
    return built.add_extension(x509.BasicConstraints(**constraints), critical=True).sign(SIGNER, None)


def test_an_authority_is_one_by_its_basic_constraints():
    assert read_certificate(pem(_constrained(ca=True, path_length=0))).authority is True
    assert read_certificate(pem(_constrained(ca=False, path_length=None))).authority is False
    assert read_certificate(pem(certificate(SIGNER))).authority is False


def test_extensions_that_cannot_be_read_tell_no_authority():
    der = _constrained(ca=True, path_length=0).public_bytes(Encoding.DER)
    told = read_certificate(der.replace(bytes.fromhex("30060101ff020100"), bytes.fromhex("30060101ff040100")))
    assert (told.authority, told.subject) == (None, "CN=a\\,b,O=Example Ltd")


def test_the_end_of_time_is_never():
    """RFC 5280: 99991231235959Z says that a certificate has no end that could be told."""
    end = NEVER + timedelta(hours=23, minutes=59, seconds=59)
    assert read_certificate(pem(certificate(ed25519.Ed25519PrivateKey.generate(), end))).expires_at == NEVER


def test_of_a_chain_the_first_counts():
    first, second = (certificate(ed25519.Ed25519PrivateKey.generate()) for _ in range(2))
    assert read_certificate(pem(first) + pem(second)) == read_certificate(pem(first))


def test_the_key_and_the_number_of_a_certificate():
    document = pem(certificate(ec.generate_private_key(ec.SECP384R1())))
    assert (key_of_certificate(document), serial_of_certificate(document)) == (CURVES["P-384"], 7)


def test_a_curve_that_is_not_known():
    """Its name stands for none of the library's curves; the certificate is one all the same."""
    der = DER.replace(bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030177"))
    told = read_certificate(der)
    assert (told.algorithm, told.bits, told.subject) == (None, None, "CN=a\\,b,O=Example Ltd")
    assert key_of_certificate(der) is None


def test_a_key_of_openssh():
    def text(key):
        return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    assert key_of_openssh(text(rsa.generate_private_key(65537, 2048)) + " ca@example") == rsa_key(2048)
    assert key_of_openssh(text(ed25519.Ed25519PrivateKey.generate())) == CURVES["edwards25519"]
    assert key_of_openssh("ssh-future AAAA") is None
    for wrong in ("", "ssh-rsa AAAA", "ssh-rsa"):
        with pytest.raises(ValueError, match=r"."):
            key_of_openssh(wrong)


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
    for read in (read_certificate, read_request, key_of_certificate, serial_of_certificate):
        with pytest.raises(ValueError, match=r"."):
            read(text)


def test_a_name_of_a_type_that_names_do_not_have():
    common_name = bytes([0x06, 0x03, 0x55, 0x04, 0x03])
    at = DER.index(common_name) + len(common_name)
    der = DER[:at] + bytes([0x03, DER[at + 1], 0]) + DER[at + 3 :]
    text = base64.encodebytes(der).decode()
    for encoded in (der, f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"):
        with pytest.raises(ValueError, match="BitString"):
            read_certificate(encoded)
