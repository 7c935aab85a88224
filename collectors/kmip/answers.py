"""What is read of each answer of a KMIP server: the items that facts come from, with the names of the specification.

KMIP leaves out an attribute that is not set, so that hardly any is required. Each must be of the type that the
specification gives it, and stand there once where it has one value. Source: OASIS KMIP Specifications 1.2 to 2.1.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, get_origin

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from collectors.kmip.names import TAGS
from evidence.reading import Answer, Flag, Text, Time, Whole

_NAMES = frozenset(TAGS.values())


def _of_type(*kinds: str) -> BeforeValidator:
    """Takes the value out of an item of one of those types."""

    def value(item: Any) -> Any:
        if not isinstance(item, dict) or item.get("type") not in kinds or "value" not in item:
            raise ValueError(f"is no {' or '.join(kinds)}")
        return item["value"]

    return BeforeValidator(value)


def _bits(item: Any) -> Any:
    if not isinstance(item, dict) or item.get("type") != "Integer" or not isinstance(item.get("value"), str):
        raise ValueError("is no mask")
    return [bit for bit in item["value"].split("|") if bit]


Enumerated = Annotated[Text, _of_type("Enumeration")]
String = Annotated[Text, _of_type("TextString")]
Identifier = Annotated[Text, _of_type("TextString"), Field(min_length=1)]
Boolean = Annotated[Flag, _of_type("Boolean")]
Integer = Annotated[Whole, _of_type("Integer")]
Count = Annotated[Whole, _of_type("Integer", "LongInteger"), Field(ge=0)]
Duration = Annotated[Whole, _of_type("Interval"), Field(ge=0)]
"""Seconds."""
Moment = Annotated[Time, _of_type("DateTime", "DateTimeExtended")]
Mask = Annotated[list[Text], BeforeValidator(_bits)]
"""The names of the bits that are set."""


def _tag(field: str) -> str:
    return field.replace("_", " ").title()


def items_of(structure: Any) -> list[dict[str, Any]]:
    """The items of a structure. Raises ValueError where it is none."""
    items = structure.get("value") if isinstance(structure, dict) and structure.get("type") == "Structure" else None
    if not isinstance(items, list) or not all(isinstance(i, dict) and isinstance(i.get("tag"), str) for i in items):
        raise ValueError("is no structure")
    return items


class Structure(Answer):
    """A structure, its items by their tags. What the specification allows to be repeated is a list."""

    model_config = ConfigDict(alias_generator=_tag)

    @classmethod
    def items(cls, structure: Any) -> list[dict[str, Any]]:
        """The items that its fields are taken from."""
        return items_of(structure)

    @model_validator(mode="before")
    @classmethod
    def _by_tag(cls, structure: Any) -> dict[str, Any]:
        found: dict[str, list[dict[str, Any]]] = {}
        for item in cls.items(structure):
            found.setdefault(item["tag"], []).append(item)
        members: dict[str, Any] = {}
        for field in cls.model_fields.values():
            items = found.get(field.alias or "", [])
            if _repeated(field.annotation):
                members[field.alias or ""] = items
            elif len(items) > 1:
                raise ValueError(f"{field.alias} stands there {len(items)} times")
            elif items:
                members[field.alias or ""] = items[0]
        return members


def _repeated(annotation: Any) -> bool:
    return get_origin(annotation) is list


class Version(Structure):
    """A protocol version."""

    protocol_version_major: Integer
    protocol_version_minor: Integer

    def __str__(self) -> str:
        return f"{self.protocol_version_major}.{self.protocol_version_minor}"


class BatchItem(Structure):
    """How one operation of a request ended."""

    operation: Enumerated | None = None
    result_status: Enumerated
    result_reason: Enumerated | None = None
    result_message: String | None = None


class Message(Structure):
    """A response message. keyproof asks for one operation a message, so that it holds one batch item."""

    batch_item: list[BatchItem]

    @classmethod
    def items(cls, structure: Any) -> list[dict[str, Any]]:
        """Those of a response message, which nothing else can stand for."""
        if not isinstance(structure, dict) or structure.get("tag") != "Response Message":
            raise ValueError("is no response message")
        return items_of(structure)

    @property
    def only(self) -> BatchItem:
        """Its one batch item. Raises ValueError where it holds none, or several."""
        if len(self.batch_item) != 1:
            raise ValueError(f"the message answers {len(self.batch_item)} operations instead of one")
        return self.batch_item[0]


class Payload(Structure):
    """What an operation answered: the response payload of the one batch item of a message."""

    @classmethod
    def items(cls, structure: Any) -> list[dict[str, Any]]:
        """The items of the payload. A success without any has an empty one."""
        batch = [item for item in Message.items(structure) if item["tag"] == "Batch Item"]
        if len(batch) != 1:
            raise ValueError(f"the message answers {len(batch)} operations instead of one")
        payloads = [item for item in items_of(batch[0]) if item["tag"] == "Response Payload"]
        if len(payloads) > 1:
            raise ValueError("the operation has more than one payload")
        return items_of(payloads[0]) if payloads else []


# --- the server -----------------------------------------------------------------------------------------------------


class Versions(Payload):
    """kmip:DiscoverVersions."""

    protocol_version: list[Version]


class Validation(Structure):
    """One formal validation of the server."""

    validation_authority_type: Enumerated
    validation_version_major: Integer
    validation_version_minor: Integer | None = None
    validation_type: Enumerated
    validation_level: Integer
    validation_certificate_identifier: String | None = None
    validation_certificate_uri: String | None = Field(None, alias="Validation Certificate URI")
    validation_profile: list[String]


class ServerInformation(Structure):
    """What KMIP 2.x tells of a server by items of their own; before, servers told what they liked."""

    server_name: String | None = None
    server_serial_number: String | None = None
    server_version: String | None = None
    product_name: String | None = None
    build_level: String | None = None
    build_date: String | None = None
    cluster_info: String | None = None


class Profile(Structure):
    """A profile that the server conforms to."""

    profile_name: Enumerated


class Server(Payload):
    """kmip:Query."""

    operation: list[Enumerated]
    object_type: list[Enumerated]
    vendor_identification: String | None = None
    server_information: ServerInformation | None = None
    application_namespace: list[String]
    validation_information: list[Validation]
    profile_information: list[Profile]


class Located(Payload):
    """kmip:Locate."""

    located_items: Integer | None = None
    """How many objects there are in all, where the server says so."""
    unique_identifier: list[Identifier]


# --- managed objects ------------------------------------------------------------------------------------------------


class ObjectName(Structure):
    """A name of an object."""

    name_value: String


class AlternativeName(Structure):
    alternative_name_value: String


class Link(Structure):
    """What an object has to do with another."""

    link_type: Enumerated
    linked_object_identifier: String


class DomainParameters(Structure):
    qlength: Integer | None = None
    recommended_curve: Enumerated | None = None


class CryptographicParameters(Structure):
    block_cipher_mode: Enumerated | None = None
    padding_method: Enumerated | None = None
    hashing_algorithm: Enumerated | None = None
    key_role_type: Enumerated | None = None
    digital_signature_algorithm: Enumerated | None = None
    cryptographic_algorithm: Enumerated | None = None


class UsageLimits(Structure):
    usage_limits_total: Count
    usage_limits_count: Count | None = None
    usage_limits_unit: Enumerated


class RevocationReason(Structure):
    revocation_reason_code: Enumerated
    revocation_message: String | None = None


class KeyValueLocation(Structure):
    key_value_location_value: String


class Application(Structure):
    application_namespace: String
    application_data: String | None = None


class SubjectName(Structure):
    """The attribute by which KMIP 1.x names a certificate's subject or issuer."""

    subject_distinguished_name: Annotated[Text, _of_type("ByteString")] | None = None
    """In DER, in hexadecimal."""


class IssuerName(Structure):
    """The same of its issuer."""

    issuer_distinguished_name: Annotated[Text, _of_type("ByteString")] | None = None


_NAME_PARTS = ("CN", "OU", "O", "L", "ST", "C")


class CertificateAttributes(Structure):
    """The attributes by which KMIP 2.x names them."""

    certificate_subject_cn: String | None = Field(None, alias="Certificate Subject CN")
    certificate_subject_ou: list[String] = Field(alias="Certificate Subject OU")
    certificate_subject_o: String | None = Field(None, alias="Certificate Subject O")
    certificate_subject_l: String | None = Field(None, alias="Certificate Subject L")
    certificate_subject_st: String | None = Field(None, alias="Certificate Subject ST")
    certificate_subject_c: String | None = Field(None, alias="Certificate Subject C")
    certificate_issuer_cn: String | None = Field(None, alias="Certificate Issuer CN")
    certificate_issuer_ou: list[String] = Field(alias="Certificate Issuer OU")
    certificate_issuer_o: String | None = Field(None, alias="Certificate Issuer O")
    certificate_issuer_l: String | None = Field(None, alias="Certificate Issuer L")
    certificate_issuer_st: String | None = Field(None, alias="Certificate Issuer ST")
    certificate_issuer_c: String | None = Field(None, alias="Certificate Issuer C")

    def distinguished(self, of: Literal["subject", "issuer"]) -> str:
        """A distinguished name as RFC 4514 writes it; "" where no part of it is told."""
        parts = []
        for part in _NAME_PARTS:
            value = getattr(self, f"certificate_{of}_{part.lower()}")
            values = value if isinstance(value, list) else [value]
            parts += [f"{part}={one}" for one in values if one is not None]
        return ",".join(parts)


class Attributes(Payload, CertificateAttributes):
    """kmip:GetAttributes: all that is set of one managed object, in the shape of KMIP 1.x or of 2.x."""

    unique_identifier: list[Identifier]
    """The payload's own, and in most answers the attribute of the same name."""
    object_type: Enumerated
    name: list[ObjectName]
    alternative_name: list[AlternativeName]
    state: Enumerated | None = None

    initial_date: Moment | None = None
    original_creation_date: Moment | None = None
    activation_date: Moment | None = None
    process_start_date: Moment | None = None
    protect_stop_date: Moment | None = None
    deactivation_date: Moment | None = None
    destroy_date: Moment | None = None
    compromise_occurrence_date: Moment | None = None
    compromise_date: Moment | None = None
    archive_date: Moment | None = None
    last_change_date: Moment | None = None
    rotate_date: Moment | None = None

    cryptographic_algorithm: Enumerated | None = None
    cryptographic_length: Integer | None = None
    cryptographic_parameters: list[CryptographicParameters]
    cryptographic_domain_parameters: DomainParameters | None = None
    cryptographic_usage_mask: Mask | None = None
    nist_key_type: Enumerated | None = Field(None, alias="NIST Key Type")
    key_format_type: Enumerated | None = None
    quantum_safe: Boolean | None = None

    sensitive: Boolean | None = None
    always_sensitive: Boolean | None = None
    extractable: Boolean | None = None
    never_extractable: Boolean | None = None
    fresh: Boolean | None = None
    key_value_present: Boolean | None = None
    key_value_location: list[KeyValueLocation]
    protection_level: Enumerated | None = None
    protection_storage_mask: Mask | None = None

    usage_limits: UsageLimits | None = None
    lease_time: Duration | None = None
    link: list[Link]
    rotate_automatic: Boolean | None = None
    rotate_interval: Duration | None = None
    rotate_generation: Integer | None = None
    rotate_latest: Boolean | None = None

    operation_policy_name: String | None = None
    object_group: list[String]
    application_specific_information: list[Application]
    contact_information: String | None = None
    description: String | None = None
    comment: String | None = None
    revocation_reason: RevocationReason | None = None

    certificate_type: Enumerated | None = None
    certificate_length: Integer | None = None
    digital_signature_algorithm: list[Enumerated]
    x509_subject: SubjectName | None = Field(None, alias="X.509 Certificate Subject")
    x509_issuer: IssuerName | None = Field(None, alias="X.509 Certificate Issuer")
    secret_data_type: Enumerated | None = None
    opaque_data_type: Enumerated | None = None
    split_key_parts: Integer | None = None
    split_key_threshold: Integer | None = None
    split_key_method: Enumerated | None = None

    own: list[OwnAttribute] = Field(alias="Own Attribute")
    """Those that KMIP does not define: custom attributes of KMIP 1.x, vendor attributes of 2.x."""

    @classmethod
    def items(cls, structure: Any) -> list[dict[str, Any]]:
        """The attributes as items of their own tags, whichever version of KMIP spelled them."""
        found: list[dict[str, Any]] = []
        for item in super().items(structure):
            if item["tag"] == "Attribute":
                found.append(_named(item))
            elif item["tag"] == "Attributes":
                found += [_named(one) if one["tag"] == "Attribute" else one for one in items_of(item)]
            else:
                found.append(item)
        return found

    @property
    def started(self) -> datetime | None:
        """When its material came into use here; None where no date is told."""
        return self.activation_date or self.initial_date


def _named(attribute: dict[str, Any]) -> dict[str, Any]:
    """An `Attribute` as an item of the tag that its name says; one that KMIP does not define as an own attribute."""
    members = items_of(attribute)
    names = [item.get("value") for item in members if item["tag"] == "Attribute Name"]
    values = [item for item in members if item["tag"] == "Attribute Value"]
    if len(names) != 1 or not isinstance(names[0], str) or len(values) != 1:
        raise ValueError("an attribute has no name, or no value")
    vendor = any(item["tag"] == "Vendor Identification" for item in members)
    if names[0] in _NAMES and not vendor:
        return {**values[0], "tag": names[0]}
    return {"tag": "Own Attribute", "type": "Structure", "value": members}


class OwnAttribute(Structure):
    """An attribute that the owner or the maker of the server defined."""

    vendor_identification: String | None = None
    attribute_name: String
    attribute_value: dict[str, Any]

    @property
    def told(self) -> str | None:
        """Its value in words; None where it is a structure, or was withheld."""
        value = self.attribute_value.get("value")
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, (str, int)) else None


Attributes.model_rebuild()
