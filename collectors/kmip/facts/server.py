"""The server itself: what it says of itself, and the identifiers of all that it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collectors.kmip.answers import Located, Server, ServerInformation, Validation, Versions
from collectors.kmip.facts.scope import Setting
from collectors.kmip.versions import LOWEST, tells_assurances
from collectors.scope_rows import NOT_ASKED, expect, fill, without_bodies
from evidence.model import NEVER, GapKind, KeyStore, ProtectionLevel, Row, State
from evidence.observation import Observation, canonical_json
from evidence.reading import Reading

DISCOVER = "kmip:DiscoverVersions"
QUERY = "kmip:Query"
LOCATE = "kmip:Locate"

_CMVP = "NIST CMVP"
_FIPS_140: Mapping[tuple[int | None, int | None], str] = {(140, 2): "FIPS 140-2", (140, 3): "FIPS 140-3"}
"""By the version that the server tells of a validation of NIST's."""

_LEVELS = {"Hardware": ProtectionLevel.HSM, "Software": ProtectionLevel.SOFTWARE}


@dataclass(slots=True)
class ServerReading:
    """What was read of a server at once."""

    reading: Reading
    """With its failures, without the bodies of its answers."""
    general: Server | None
    """Who made it and what it can do; None where that was not read."""
    assurances: Server | None
    """By what it is validated; None where that was not read, or is not told before KMIP 1.3."""
    versions: list[str] | None
    objects: list[str]
    """The identifiers of its objects, as far as they were listed."""
    whole: bool
    """They are all."""

    @classmethod
    def read(cls, reading: Reading) -> ServerReading:
        """Read it. What could not be read is in the failures of `reading`."""
        for operation in (DISCOVER, QUERY, LOCATE):
            expect(reading, operation)
        discovered = reading.answer(DISCOVER, Versions)
        spoken = {str(query.parameters.get("protocol_version")) for query in reading.of(QUERY)}
        queries = list(reading.of(QUERY))
        general = _query(reading, [query for query in queries if not _of_assurances(query)])
        about_assurances = [query for query in queries if _of_assurances(query)]
        assurances = _query(reading, about_assurances)
        if len(about_assurances) == len(queries) or (not about_assurances and any(map(tells_assurances, spoken))):
            reading.fail(QUERY, GapKind.FAILED, NOT_ASKED)
        objects = list(dict.fromkeys(_located(reading)))
        return cls(
            reading=without_bodies(reading),
            general=general,
            assurances=assurances,
            versions=sorted(map(str, discovered.protocol_version)) if discovered else None,
            objects=objects,
            whole=LOCATE not in reading.failures,
        )

    @property
    def of_objects(self) -> Reading:
        """The part of the reading that tells facts of every object.

        A server whose versions are not known is spoken to in the lowest, in which it does not tell all that it could.
        """
        spoken = {query.parameters.get("protocol_version") for query in self.reading.of(QUERY)}
        telling = (QUERY, DISCOVER) if spoken <= {LOWEST} else (QUERY,)
        failures = {name: self.reading.failures[name] for name in telling if name in self.reading.failures}
        return Reading(self.reading.subject, [o for o in self.reading.observations if o.operation in telling], failures)

    @property
    def validations(self) -> Sequence[Validation] | None:
        """None where they were not read."""
        return self.assurances.validation_information if self.assurances else None

    @property
    def protection_level(self) -> ProtectionLevel | None:
        """What protects all of its keys, where all of its validations say the same."""
        levels = {_LEVELS.get(one.validation_type) for one in self.validations or ()}
        return levels.pop() if len(levels) == 1 else None


def _of_assurances(query: Observation) -> bool:
    functions = query.parameters.get("functions")
    return isinstance(functions, list) and "Query Validations" in functions


def _query(reading: Reading, queries: Sequence[Observation]) -> Server | None:
    """The answer to one of several queries. What is wrong with it is a failure of them all."""
    single = Reading(reading.subject, queries)
    answer = single.answer(QUERY, Server)
    for operation, failure in single.failures.items():
        reading.failures.setdefault(operation, failure)
    return answer


def _located(reading: Reading) -> Iterator[str]:
    """The identifiers of every readable page; why the list is not whole is a failure of the reading."""
    last: Located | None = None
    paged = False
    told = 0
    for observation, last in reading.answers(LOCATE, Located):
        if last is None:
            return
        paged = "offset_items" in observation.parameters
        if observation.parameters.get("offset_items", 0) != told:
            reading.fail(LOCATE, GapKind.FAILED, "a page of the list is missing")
        told += len(last.unique_identifier)
        yield from last.unique_identifier
    if paged and last is not None and last.unique_identifier:
        reading.fail(LOCATE, GapKind.FAILED, "the list ends before its last page")


def store_rows(setting: Setting, server: ServerReading) -> Iterator[Row]:
    """The row of the server, and the gaps of what it does not tell.

    What is destroyed by KMIP is gone at once: there is no waiting period, and no way back. Source: KMIP Specification
    2.1, the operation Destroy.
    """
    row = KeyStore(
        **setting.bookkeeping(setting.store, server.reading.evidence),
        kind="KMIP server",
        account=setting.header.account,
        region=setting.header.region,
        soft_delete=False,
        purge_protection=False,
        recovery_days=0,
        access_model="client certificates, and operation policies of the server's own",
        state=State.ACTIVE,
        deletion_at=NEVER,
        connection_state="none",
    )
    fill(row, {**_described(setting, server), **_validated(server)})
    yield from setting.explained(row, [server.reading])


def _described(setting: Setting, server: ServerReading) -> dict[str, Any]:
    general = server.general
    if general is None:
        return {}
    told = general.server_information
    settings: dict[str, Any] = {
        "manufacturer": general.vendor_identification or "",
        **(_information(told) if told else {}),
        "operations": sorted(general.operation),
        "object_types": sorted(general.object_type),
        "application_namespaces": sorted(general.application_namespace),
        "protocol_versions": server.versions,
    }
    known = server.versions is not None and QUERY not in server.reading.failures
    if server.assurances is not None:
        settings["profiles"] = sorted(one.profile_name for one in server.assurances.profile_information)
        settings["validations"] = [_validation_settings(one) for one in server.assurances.validation_information]
    maker = (told.product_name if told else None) or general.vendor_identification
    return {
        "name": f"{maker} at {setting.header.account}" if maker else setting.header.account,
        "activated": True,
        "store_settings": canonical_json(settings) if known else None,
    }


def _information(told: ServerInformation) -> dict[str, str]:
    return {name: value for name, value in told.model_dump().items() if value is not None}


def _validation_settings(validation: Validation) -> dict[str, Any]:
    return {name: value for name, value in validation.model_dump().items() if value is not None}


def _validated(server: ServerReading) -> dict[str, Any]:
    """By what it is validated. A server that states nothing has none; one that was not asked may.

    What is validated is the module that holds its keys, so that no other store is to be asked. Of a server that states
    no validation it stays open what holds them: KMIP has no word for an HSM behind it.
    """
    if server.validations is None:
        return {}
    standards = {standard for one in server.validations if (standard := _standard(one))}
    return {
        "validation": "; ".join(_validation(one) for one in server.validations),
        # Of a server with several modules, the oldest standard is what all of its keys are known to be under.
        "validation_standard": min(standards, default=""),
        "protection_level": server.protection_level,
        "backed_by": "" if server.validations else None,
    }


def _standard(validation: Validation) -> str:
    """The standard of a validation of NIST's; "" for any other, or where the server's words do not name one."""
    if validation.validation_authority_type != _CMVP:
        return ""
    version = (validation.validation_version_major, validation.validation_version_minor)
    named = [standard for standard in _FIPS_140.values() if any(standard in p for p in validation.validation_profile)]
    return _FIPS_140.get(version, named[0] if len(named) == 1 else "")


def _validation(validation: Validation) -> str:
    """A validation in one line: `FIPS 140-3 level 3 (Hardware), certificate 4321`."""
    by = _standard(validation) or validation.validation_authority_type
    text = f"{by} level {validation.validation_level} ({validation.validation_type})"
    certificate = validation.validation_certificate_identifier or validation.validation_certificate_uri
    return f"{text}, certificate {certificate}" if certificate else text
