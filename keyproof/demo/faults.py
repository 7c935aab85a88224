"""What can go wrong between a client and a provider."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """One way in which a request goes wrong."""

    REFUSE = "refuse"
    """The caller may not do that."""
    THROTTLE = "throttle"
    """Too many requests."""
    BREAK = "break"
    """The service fails inside and says so, in its protocol."""
    EXPIRE = "expire"
    """The caller's session token has expired."""
    LOSE_PAGE = "lose_page"
    """The answer says that there is more, but not how to get it; where it cannot say so, nothing changes."""
    CUT = "cut"
    """Half of the body is missing, and nothing in the protocol tells."""
    STOP = "stop"
    """The connection ends in the middle of the body."""
    HTML = "html"
    """A proxy's page with status 500 stands in place of the answer."""
    WRONG_TYPES = "wrong_types"
    """Every value of the answer is of another type."""
    SURROGATES = "surrogates"
    """Every text of the answer holds a lone surrogate, which no UTF-8 can carry."""
    HANG = "hang"
    """No answer comes, and the connection stays open."""
    CLOSE = "close"
    """The connection is closed without an answer."""
