"""What a token's officers grant for collection: PKCS#11 has no permissions, and makers have roles of their own."""

from __future__ import annotations

from collectors.pkcs11.operations import OPERATIONS

_HEAD = """\
# keyproof reads tokens through their PKCS#11 module, in read-only sessions. It calls the functions listed here, and
# none that creates, changes, copies, wraps, destroys or uses an object. It asks for no value of a key.
"""

_LOGIN = """\
#
# Without login a token shows its public objects alone. For the others, give keyproof the PIN of a role that sees
# keys, and best of one that cannot use or destroy them. PKCS#11 itself knows the normal user only (CKU_USER).
"""

_ROLES = """\
#
# SoftHSM, opencryptoki, NSS:  the normal user's PIN.
# Luna:         the Crypto User of the partition, which cannot create or delete keys: user_type = 0x80000001.
# AWS CloudHSM: a crypto user of its own, PIN "NAME:PASSWORD"; it sees the keys that their owners share with it.
# YubiHSM 2:    an authentication key of its own in the domains to be read, without capabilities; PIN: its id in four
#               hexadecimal digits, then its password, such as "0010password".
# nShield:      the passphrase of the operator card set or softcard, one source for each; keys that the module alone
#               protects show without.
# Others:       the normal user's PIN, or that of the maker's auditor or monitor if its manual says that it sees keys.
"""


def policy() -> str:
    """What is needed, for whoever grants it, with a newline at its end."""
    functions = "".join(f"#   {name.removeprefix('pkcs11:')}\n" for name in OPERATIONS)
    return f"{_HEAD}#\n{functions}{_LOGIN}{_ROLES}"
