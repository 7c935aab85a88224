"""What a token's security officer grants for collection, vendor by vendor: PKCS #11 itself has no permissions."""

from __future__ import annotations

_TEXT = """\
# keyproof reads a token through its PKCS #11 module in read-only sessions. It calls no function that creates, changes,
# wraps, copies, destroys or uses an object, and asks for no value of a key.
#
# Without a PIN it sees public objects alone: public keys and certificates. Private and secret keys show after
# C_Login only. Give it the PIN of a role that cannot use keys, where the vendor has one; else that of the normal user.
"""


def policy() -> str:
    """What is needed, as text for whoever grants it, with a newline at its end."""
    return _TEXT
