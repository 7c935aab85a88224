"""Types of what the `[[source]]` tables of all kinds of source have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

SourceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""The name of a source, which stands in the ids of scopes."""

Named = Annotated[str, StringConstraints(min_length=1)]
"""The name of something: a file, a variable, a role."""

Timeout = Annotated[float, Field(gt=0, le=300)]
"""Seconds to wait for an answer."""

Attempts = Annotated[int, Field(ge=1, le=10)]
"""How often a request is tried."""
