"""The `[[source]]` table of a PKCS#11 source."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from collectors.configuration import Named, SourceName, Timeout


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is no absolute path, such as /usr/lib/softhsm/libsofthsm2.so")
    return path


class Pkcs11Configuration(BaseModel):
    """The PIN stands in an environment variable or a file, never here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: SourceName
    """Stands in the ids of scopes."""
    module: Annotated[Named, AfterValidator(_absolute)]
    """The module's shared library."""
    parameters: Named | None = None
    """Passed on to C_Initialize as it is, for modules that ask for it, such as NSS's."""
    token: Named | None = None
    """Label of the token that is read; all of the module's, if neither this nor `serial` nor `slot` is there."""
    serial: Named | None = None
    """Serial number of the token that is read."""
    slot: Annotated[int, Field(ge=0)] | None = None
    """Number of the slot whose token is read."""
    pin_env: Named | None = None
    """Environment variable with the PIN of the normal user."""
    pin_file: Named | None = None
    """File whose first line is that PIN."""
    user_type: Annotated[int, Field(ge=1, le=0xFFFFFFFF)] = 1
    """CK_USER_TYPE with which to log in: 1 is the normal user (CKU_USER), others are a vendor's own."""
    timeout_seconds: Timeout = 30
    """How long to wait for an answer of the module."""

    @model_validator(mode="after")
    def _consistent(self) -> Pkcs11Configuration:
        if sum(chosen is not None for chosen in (self.token, self.serial, self.slot)) > 1:
            raise ValueError("expected at most one of token, serial and slot")
        if self.pin_env is not None and self.pin_file is not None:
            raise ValueError("expected at most one of pin_env and pin_file")
        if self.user_type != 1 and self.pin_env is None and self.pin_file is None:
            raise ValueError("user_type is of use only with a PIN")
        return self
