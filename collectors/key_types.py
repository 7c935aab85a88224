"""Which row of SP 800-57 Part 1 Table 1 a key is, by all that it may be used for."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from evidence.model import KeyType, Usage

Rows = Mapping[Usage, KeyType]

SYMMETRIC: Rows = {
    Usage.DERIVE: KeyType.SYMMETRIC_MASTER,
    Usage.AGREE: KeyType.SYMMETRIC_KEY_AGREEMENT,
    Usage.ENCRYPT: KeyType.SYMMETRIC_DATA_ENCRYPTION,
    Usage.WRAP: KeyType.SYMMETRIC_KEY_WRAPPING,
    Usage.MAC: KeyType.SYMMETRIC_AUTHENTICATION,
}
PRIVATE: Rows = {
    Usage.ENCRYPT: KeyType.PRIVATE_KEY_TRANSPORT,
    Usage.WRAP: KeyType.PRIVATE_KEY_TRANSPORT,
    Usage.ENCAPSULATE: KeyType.PRIVATE_KEY_TRANSPORT,
    Usage.DERIVE: KeyType.PRIVATE_STATIC_KEY_AGREEMENT,
    Usage.AGREE: KeyType.PRIVATE_STATIC_KEY_AGREEMENT,
    Usage.SIGN: KeyType.PRIVATE_SIGNATURE,
}
PUBLIC: Rows = {
    Usage.ENCRYPT: KeyType.PUBLIC_KEY_TRANSPORT,
    Usage.WRAP: KeyType.PUBLIC_KEY_TRANSPORT,
    Usage.ENCAPSULATE: KeyType.PUBLIC_KEY_TRANSPORT,
    Usage.DERIVE: KeyType.PUBLIC_STATIC_KEY_AGREEMENT,
    Usage.AGREE: KeyType.PUBLIC_STATIC_KEY_AGREEMENT,
    Usage.SIGN: KeyType.PUBLIC_SIGNATURE_VERIFICATION,
}
"""Use → row of the table, of secret, private and public keys; those with the shortest cryptoperiod come first."""


def key_type(rows: Rows, purposes: Collection[Usage]) -> KeyType | None:
    """The row of a key that has these purposes; None where it has none of those that its kind of key can have.

    A key that serves several purposes has the shortest cryptoperiod of them, since what ends one use of its material
    ends all: a private key that unwraps keys is key transport even if it may also sign. SP 800-57 Part 1 Rev. 5,
    section 5.2, would have every key serve one purpose.
    """
    return next((row for usage, row in rows.items() if usage in purposes), None)
