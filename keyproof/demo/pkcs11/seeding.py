"""The process that puts objects on a token: run by `softhsm`, which tells it what on its standard input.

A token is made in a process of its own, since a module reads its settings once, from the environment.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.attributes import AttributeMapper
from pkcs11.util.ec import encode_named_curve_parameters

_NAMED = {Attribute.CLASS: ObjectClass, Attribute.KEY_TYPE: KeyType}


class _Mapper(AttributeMapper):
    """Takes bytes for any attribute as they are, so that a value can also be one that is not of its kind."""

    def pack_attribute(self, key: Attribute, value: Any) -> bytes:
        return value if isinstance(value, bytes) else super().pack_attribute(key, value)


def template(told: Mapping[str, Any]) -> dict[Attribute, Any]:
    """A template from names and JSON values: bytes are `{"hex": …}`, dates `{"date": …}`, classes and types names."""
    return {Attribute[name]: _value(Attribute[name], value) for name, value in told.items()}


def _value(attribute: Attribute, value: Any) -> Any:
    if isinstance(value, dict) and "hex" in value:
        return bytes.fromhex(value["hex"])
    if isinstance(value, dict):
        return date.fromisoformat(value["date"])
    return _NAMED[attribute][value] if attribute in _NAMED else value


def put(session: Any, planted: Iterable[Mapping[str, Any]]) -> None:
    """Put objects on a token, each made by what its `do` names."""
    for one in planted:
        if one["do"] == "create":
            session.create_object(template(one["template"]))
        elif one["do"] == "key":
            key_type, more = KeyType[one["type"]], template(one["template"])
            session.generate_key(key_type, one["bits"] or None, store=True, template=more)
        else:
            _pair(session, one)


def _pair(session: Any, one: Mapping[str, Any]) -> None:
    halves = {
        "public_template": template(one["public"]),
        "private_template": template(one["private"]),
        "store": True,
    }
    if one["type"] == "EC":
        parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters(one["curve"])}
        session.create_domain_parameters(KeyType.EC, parameters, local=True).generate_keypair(**halves)
    else:
        session.generate_keypair(KeyType[one["type"]], one["bits"], **halves)


@contextmanager
def _session(told: Mapping[str, Any]) -> Iterator[Any]:
    token = pkcs11.lib(told["module"]).get_token(token_label=told["token"])
    with token.open(rw=True, user_pin=told["pin"] or None, attribute_mapper=_Mapper()) as session:
        yield session


if __name__ == "__main__":
    request = json.load(sys.stdin)
    with _session(request) as opened:
        put(opened, request["objects"])
