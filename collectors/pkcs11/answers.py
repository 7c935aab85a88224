"""What is read of each answer of a module's process: what `module` and `worker` make of the C structures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from evidence.reading import Answer, Text

Number = Annotated[StrictInt, Field(ge=0, lt=1 << 64)]
"""A CK_ULONG. It may be larger than what the inventory's integers can hold."""


class Info(Answer):
    """pkcs11:C_Initialize, which tells what C_GetInfo does."""

    cryptoki_version: Text
    manufacturer_id: Text
    library_description: Text
    library_version: Text


class Slots(Answer):
    """pkcs11:C_GetSlotList."""

    slots: list[Number]


class SlotInfo(Answer):
    """pkcs11:C_GetSlotInfo."""

    slot_description: Text
    manufacturer_id: Text
    flags: list[Text]
    hardware_version: Text
    firmware_version: Text


class TokenInfo(Answer):
    """pkcs11:C_GetTokenInfo."""

    label: Text
    manufacturer_id: Text
    model: Text
    serial_number: Text
    flags: list[Text]
    max_pin_len: Number
    min_pin_len: Number
    hardware_version: Text
    firmware_version: Text

    @property
    def initialized(self) -> bool:
        """It has been set up, so that it can hold keys."""
        return "CKF_TOKEN_INITIALIZED" in self.flags

    @property
    def login_required(self) -> bool:
        """Private objects are seen and used only after C_Login."""
        return "CKF_LOGIN_REQUIRED" in self.flags


class LoggedIn(Answer):
    """pkcs11:C_Login."""

    user: Number


class Mechanisms(Answer):
    """pkcs11:C_GetMechanismList."""

    mechanisms: list[Number]


class MechanismInfo(Answer):
    """pkcs11:C_GetMechanismInfo of one mechanism; without flags where the module did not tell."""

    flags: list[Text] | None = None
    rv: Text = ""

    @model_validator(mode="after")
    def _told(self) -> MechanismInfo:
        if (self.flags is None) != bool(self.rv):
            raise ValueError("expected either flags or rv")
        return self


class _ByName(Answer):
    """An answer that is all of one kind, by name or number: it stands in `told`."""

    @model_validator(mode="before")
    @classmethod
    def _all(cls, value: Any) -> Any:
        return {"told": value}


class MechanismInfos(_ByName):
    """pkcs11:C_GetMechanismInfo, by the mechanisms' numbers."""

    told: dict[Text, MechanismInfo]


class Unread(Answer):
    """An attribute that was not told: the return value, or bytes that are not of its kind."""

    rv: Text = ""
    hex: Text = ""


Told: TypeAlias = StrictBool | Number | StrictStr | list[Number] | Unread
"""An attribute, by its kind."""


class Attributes(_ByName):
    """pkcs11:C_GetAttributeValue, by the attributes' names."""

    told: dict[Text, Told]


class FoundObject(Answer):
    """What tells one object from the others."""

    CKA_CLASS: Number | Unread
    CKA_KEY_TYPE: Number | Unread
    CKA_ID: StrictStr | Unread
    CKA_LABEL: StrictStr | Unread
    nth: Number
    """Which of the objects that these do not tell apart, from 0."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """The same, as C_GetAttributeValue asks about the object."""
        return self.model_dump(exclude_defaults=True)


class FoundObjects(Answer):
    """pkcs11:C_FindObjects: a page of it."""

    total: Number
    objects: list[FoundObject]
    next: Number | None = None
