"""KMIP's encoding: read against PyKMIP's own writing of it, and bounded whatever the bytes are."""

import re
import struct
from contextlib import suppress
from typing import Any

import kmip_wire
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kmip.core import enums
from kmip.core.messages import contents, messages, payloads
from kmip.core.utils import BytearrayStream
from kmip_wire import Item

from collectors.kmip import ttlv
from collectors.kmip.messages import check_request, request
from collectors.kmip.names import ENUMERATIONS, MASKS, TAGS
from collectors.source import UndeclaredOperation

RESPONSE, BATCH, PAYLOAD = 0x42007B, 0x42000F, 0x42007C


def letters(name: str) -> str:
    return re.sub("[^A-Z0-9]", "", name.upper())


SPELLED_OTHERWISE = {
    ("Object Type", "OPAQUE_DATA"): "Opaque Object",
    ("Cryptographic Algorithm", "TRIPLE_DES"): "3DES",
    ("Recommended Curve", "SECP191K1"): "SECP192K1",
}
"""PyKMIP's own names for what the specification calls otherwise."""


def test_tags_are_those_of_pykmip() -> None:
    known = {tag.value: letters(tag.name) for tag in enums.Tags if tag is not enums.Tags.DEFAULT}
    assert {number: letters(TAGS[number]) for number in known} == known


@pytest.mark.parametrize("tag", [*ENUMERATIONS, *MASKS])
def test_enumerations_are_those_of_pykmip(tag: str) -> None:
    theirs = getattr(enums, tag.replace(" ", "") if tag != "Rotate Name Type" else "NameType")
    ours = {**ENUMERATIONS, **MASKS}[tag]
    for member in theirs:
        expected = SPELLED_OTHERWISE.get((tag, member.name), member.name)
        assert letters(ours[member.value]) == letters(expected)


@pytest.mark.parametrize(
    ("name", "parameters", "operation", "kind"),
    [
        ("kmip:DiscoverVersions", {}, enums.Operation.DISCOVER_VERSIONS, payloads.DiscoverVersionsRequestPayload),
        ("kmip:Query", {"functions": ["Query Operations"]}, enums.Operation.QUERY, payloads.QueryRequestPayload),
        (
            "kmip:Locate",
            {"maximum_items": 7, "offset_items": 14, "storage_statuses": ["On-line Storage", "Archival Storage"]},
            enums.Operation.LOCATE,
            payloads.LocateRequestPayload,
        ),
        (
            "kmip:GetAttributes",
            {"unique_identifier": "key-1"},
            enums.Operation.GET_ATTRIBUTES,
            payloads.GetAttributesRequestPayload,
        ),
    ],
)
@pytest.mark.parametrize("version", ["1.2", "1.4", "2.0"])
def test_pykmip_reads_what_is_asked(name: str, parameters: Any, operation: Any, kind: Any, version: str) -> None:
    message = messages.RequestMessage()
    encoded = request(name, parameters, version, "auditor", "correct horse")
    known = contents.protocol_version_to_kmip_version(contents.ProtocolVersion(*map(int, version.split("."))))
    message.read(BytearrayStream(encoded), kmip_version=known)
    (item,) = message.batch_items
    assert item.operation.value is operation
    assert isinstance(item.request_payload, kind)
    assert str(message.request_header.protocol_version) == version
    (credential,) = message.request_header.authentication.credentials
    assert credential.credential_value.password == "correct horse"
    if name == "kmip:Locate":
        asked = item.request_payload
        assert (asked.maximum_items, asked.offset_items, asked.storage_status_mask) == (7, 14, 3)
    if name == "kmip:GetAttributes":
        assert item.request_payload.unique_identifier == "key-1"
        assert item.request_payload.attribute_names == []


def _response(*items: Item) -> bytes:
    return kmip_wire.structure(RESPONSE, *items).encoded()


def _told(*items: Item) -> Any:
    return ttlv.read(_response(*items))["value"]


def test_values_are_told_with_their_names() -> None:
    told = _told(
        kmip_wire.enumeration(0x42008D, 2),
        kmip_wire.enumeration(0x420057, 0x80000001),
        kmip_wire.integer(0x42002C, 0b1100),
        kmip_wire.integer(0x42002C, -0x80000000),
        kmip_wire.date(0x420001, 0),
        kmip_wire.date(0x420001, 1 << 60),
        kmip_wire.long(0x420097, 1 << 53),
        kmip_wire.interval(0x420049, 0xFFFFFFFF),
        kmip_wire.boolean(0x420120, True),
        kmip_wire.text(0x540001, "ours"),
        Item(0x42005D, kmip_wire.TEXT, b""),
        Item(0x420174, 11, struct.pack(">q", 1_500_000)),
    )
    assert told == [
        {"tag": "State", "type": "Enumeration", "value": "Active"},
        {"tag": "Object Type", "type": "Enumeration", "value": "0x80000001"},
        {"tag": "Cryptographic Usage Mask", "type": "Integer", "value": "Encrypt|Decrypt"},
        {"tag": "Cryptographic Usage Mask", "type": "Integer", "value": "0x80000000"},
        {"tag": "Activation Date", "type": "DateTime", "value": "1970-01-01T00:00:00Z"},
        {"tag": "Activation Date", "type": "DateTime", "value": "0x1000000000000000"},
        {"tag": "Usage Limits Total", "type": "LongInteger", "value": "0x0020000000000000"},
        {"tag": "Lease Time", "type": "Interval", "value": 0xFFFFFFFF},
        {"tag": "Sensitive", "type": "Boolean", "value": True},
        {"tag": "0x540001", "type": "TextString", "value": "ours"},
        {"tag": "Operation Policy Name", "type": "TextString", "value": ""},
        {"tag": "Submission Date", "type": "DateTimeExtended", "value": "1970-01-01T00:00:01.500000Z"},
    ]


def test_the_value_of_an_attribute_has_the_names_of_the_attribute() -> None:
    def attribute(*before: Item) -> Item:
        return kmip_wire.structure(0x420008, *before, kmip_wire.enumeration(0x42000B, 3))

    (state, vendor) = _told(
        attribute(kmip_wire.text(0x42000A, "State")),
        attribute(kmip_wire.text(0x42009D, "Example"), kmip_wire.text(0x42000A, "State")),
    )
    assert state["value"][-1]["value"] == "Deactivated"
    assert vendor["value"][-1]["value"] == "0x00000003"


def test_what_could_be_a_key_or_a_secret_is_withheld() -> None:
    secret = b"0123456789abcdef"
    octets = [0x420043, 0x42005A, 0x4200C2, 0x420035, 0x42000B, 0x540002, 0x42002E]
    told = _told(
        *(kmip_wire.octets(tag, secret) for tag in octets),
        kmip_wire.text(0x4200A1, secret.decode()),
        kmip_wire.structure(0x420040, kmip_wire.octets(0x420043, secret)),
        Item(0x42002E, kmip_wire.BIG, secret),
        kmip_wire.octets(0x4200AF, b"\x07"),
    )
    assert [item["tag"] for item in told if "value" in item] == ["Certificate Serial Number"]
    assert [item["withheld"] for item in told if "withheld" in item][:3] == [16, 16, 16]
    assert secret.hex() not in str(told)
    assert secret.decode() not in str(told)


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"", "0 bytes stand where"),
        (b"\x42\x00\x7b\x01\x00\x00", "6 bytes stand where"),
        (b"\x42\x00\x7b\x0c\x00\x00\x00\x00", "unknown type"),
        (b"\x42\x00\x7b\x01\xff\xff\xff\xf8", "claims 4,294,967,288 bytes"),
        (_response(Item(0x42008D, kmip_wire.ENUMERATION, b"\x00" * 8)), "of 8 bytes"),
        (_response(Item(0x420120, kmip_wire.BOOLEAN, b"\x00" * 7 + b"\x02")), "neither true nor false"),
        (_response(Item(0x420055, kmip_wire.TEXT, b"\xff")), "no text in UTF-8"),
        (_response() + b"\x00" * 8, "8 bytes follow"),
        (_response(kmip_wire.text(0x420055, "abc"))[:-8], "claims"),
    ],
)
def test_what_is_no_message_is_said_to_be_none(data: bytes, wrong: str) -> None:
    with pytest.raises(ttlv.Garbled, match=wrong):
        ttlv.read(data)


def test_depth_and_number_of_items_are_bounded() -> None:
    nested = kmip_wire.structure(PAYLOAD)
    for _ in range(ttlv.DEEPEST + 1):
        nested = kmip_wire.structure(PAYLOAD, nested)
    with pytest.raises(ttlv.Garbled, match="deep"):
        ttlv.read(nested.encoded())
    many = struct.pack(">II", RESPONSE << 8 | 1, 8 * ttlv.MOST_ITEMS)
    many += struct.pack(">II", PAYLOAD << 8 | 1, 0) * ttlv.MOST_ITEMS
    with pytest.raises(ttlv.Garbled, match="more than 200,000 items"):
        ttlv.read(many)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    for head in (b"", b"\x42\x00\x7b\x01" + struct.pack(">I", len(data))):
        with suppress(ttlv.Garbled):
            ttlv.read(head + data)


@given(st.data())
def test_a_changed_byte_never_crashes_the_reader(data: st.DataObject) -> None:
    message = bytearray(
        _response(kmip_wire.structure(BATCH, kmip_wire.enumeration(0x42005C, 11), kmip_wire.text(0x420094, "1")))
    )
    message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ttlv.Garbled):
        ttlv.read(bytes(message))


@pytest.mark.parametrize("operation", list(enums.Operation))
def test_only_four_operations_leave_the_house(operation: enums.Operation) -> None:
    asked = kmip_wire.structure(0x420078, kmip_wire.structure(BATCH, kmip_wire.enumeration(0x42005C, operation.value)))
    allowed = {"DISCOVER_VERSIONS", "QUERY", "LOCATE", "GET_ATTRIBUTES"}
    if operation.name in allowed:
        check_request(asked.encoded())
    else:
        with pytest.raises(UndeclaredOperation, match="not declared"):
            check_request(asked.encoded())


def test_a_request_within_a_request_does_not_leave_the_house() -> None:
    query = kmip_wire.structure(BATCH, kmip_wire.enumeration(0x42005C, 0x18))
    get = kmip_wire.structure(BATCH, kmip_wire.enumeration(0x42005C, 0x0A))
    for message in (kmip_wire.structure(0x420078, query, get), kmip_wire.structure(0x420078)):
        with pytest.raises(UndeclaredOperation):
            check_request(message.encoded())


def test_an_operation_that_is_not_declared_is_no_request() -> None:
    with pytest.raises(UndeclaredOperation, match="kmip:Get is not declared"):
        request("kmip:Get", {"unique_identifier": "1"}, "2.0")
