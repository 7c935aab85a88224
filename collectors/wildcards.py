"""Names that a pattern with wildcards describes, as providers' policies and roles write them."""

from __future__ import annotations


def matches(pattern: str, text: str) -> bool:
    """`text` is what the pattern describes: `*` for any text, `?` for any one character.

    Takes time in the order of the product of both lengths, whatever the pattern: policies are untrusted.
    """
    at, here = 0, 0
    star, resume = -1, 0
    while here < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, here
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[here]):
            at += 1
            here += 1
        elif star >= 0:
            resume += 1
            at, here = star + 1, resume
        else:
            return False
    return pattern[at:].strip("*") == ""
