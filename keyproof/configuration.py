"""The configuration file: read whole, checked whole, and refused with the place, the reason and the fix."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from collectors.registry import SOURCES
from evidence.findings import ParameterValue, SamplingPlan
from evidence.observation import canonical_json

DEFAULT_TAGS: dict[str, list[str]] = {
    "owner": ["owner", "team", "contact"],
    "business_purpose": ["purpose", "application", "service", "system"],
    "data_class": ["data-classification", "data-class", "classification"],
    "environment": ["environment", "env", "stage"],
}


class ConfigurationError(Exception):
    """The configuration cannot be used. The message names the file, the key and the fix."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OrganizationSection(Section):
    name: str = Field(min_length=1)
    accounts: list[str] = []
    """Accounts that are the organization's own, beside those a provider names."""


class StoreSection(Section):
    url: str = "evidence-store"


class Period(Section):
    start: date
    end: date

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.end < self.start:
            raise ValueError("end lies before start")
        return self


class AuditSection(Section):
    frameworks: list[str] = Field(min_length=1)
    period: Period
    exceptions: Path | None = None
    attestations: Path | None = None


class TagsSection(Section):
    owner: list[str] = DEFAULT_TAGS["owner"]
    business_purpose: list[str] = DEFAULT_TAGS["business_purpose"]
    data_class: list[str] = DEFAULT_TAGS["data_class"]
    environment: list[str] = DEFAULT_TAGS["environment"]


class CollectionSection(Section):
    concurrency: int = Field(default=32, ge=1, le=128)
    """Requests under way at once, over all sources."""


class ParameterSetting(Section):
    value: bool | int | float | str | list[str]
    source: str = Field(min_length=1)
    """The organization's document that sets the value."""


class File(Section):
    """The whole file but its sources, whose tables belong to their collectors."""

    organization: OrganizationSection
    store: StoreSection = StoreSection()
    audit: AuditSection
    tags: TagsSection = TagsSection()
    collection: CollectionSection = CollectionSection()
    sampling: SamplingPlan = SamplingPlan()
    parameters: dict[str, dict[str, ParameterSetting]] = {}
    source: list[dict[str, Any]] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class ConfiguredSource:
    """One `[[source]]`: its kind, its name and what its collector made of the rest."""

    type: str
    name: str
    configuration: Any


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration file that has been checked."""

    path: Path
    organization: OrganizationSection
    store_url: str
    audit: AuditSection
    tags: dict[str, list[str]]
    concurrency: int
    parameters: Mapping[str, Mapping[str, ParameterValue]]
    sampling: SamplingPlan
    sources: Sequence[ConfiguredSource]
    sha256: str
    """Digest of what collection depends on: a run that was killed is taken up again only with the same."""

    @property
    def period(self) -> tuple[datetime, datetime]:
        """The audit period: from the first moment of its first day to the last of its last."""
        start, end = self.audit.period.start, self.audit.period.end
        return datetime.combine(start, time.min, UTC), datetime.combine(end, time.max.replace(microsecond=0), UTC)


def load_configuration(path: Path) -> Configuration:
    """Read and check a configuration file. Raises ConfigurationError with every problem in it, one a line."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; `config.example.toml` shows what it looks like") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from error
    file = _validated(path, "", File, document)
    sources = [_source(path, index, table) for index, table in enumerate(file.source)]
    _refuse_duplicates(path, [source.name for source in sources])
    _refuse_unknown_readers(path, sources)
    here = path.resolve().parent
    collected = {
        "sources": [source.configuration.model_dump(mode="json") for source in sources],
        "types": [source.type for source in sources],
    }
    audit = file.audit.model_copy(
        update={
            "exceptions": here / file.audit.exceptions if file.audit.exceptions else None,
            "attestations": here / file.audit.attestations if file.audit.attestations else None,
        }
    )
    return Configuration(
        path=path,
        organization=file.organization,
        store_url=file.store.url if "://" in file.store.url else str(here / file.store.url),
        audit=audit,
        tags=file.tags.model_dump(),
        concurrency=file.collection.concurrency,
        parameters=_parameters(file),
        sampling=file.sampling,
        sources=sources,
        sha256=hashlib.sha256(canonical_json(collected).encode()).hexdigest(),
    )


def _parameters(file: File) -> dict[str, dict[str, ParameterValue]]:
    return {
        control: {
            name: ParameterValue(name=name, value=setting.value, source=setting.source, set_by="organization")
            for name, setting in settings.items()
        }
        for control, settings in file.parameters.items()
    }


def _source(path: Path, index: int, table: dict[str, Any]) -> ConfiguredSource:
    place = f"source {index + 1}"
    kind = table.get("type")
    if not isinstance(kind, str) or kind not in SOURCES:
        known = ", ".join(SOURCES)
        what = f"unknown type {kind!r}{suggestion(str(kind), SOURCES)}" if kind is not None else "type is missing"
        raise ConfigurationError(f"{path}: {place}: {what}; known types: {known}")
    model = SOURCES[kind].configuration()
    rest = {key: value for key, value in table.items() if key != "type"}
    configuration = _validated(path, place, model, rest)
    return ConfiguredSource(kind, configuration.name, configuration)


def _refuse_duplicates(path: Path, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{path}: two sources are named {name!r}; give each its own name")


def _refuse_unknown_readers(path: Path, sources: Sequence[ConfiguredSource]) -> None:
    for source in sources:
        others = [other.name for other in sources if other is not source]
        for store, reader in getattr(source.configuration, "keys_read_by", {}).items():
            if reader not in others:
                raise ConfigurationError(
                    f"{path}: source {source.name!r}: keys_read_by.{store}: no other source is named {reader!r}"
                    f"{suggestion(reader, others)}"
                )


def _validated(path: Path, place: str, model: type[Any], document: dict[str, Any]) -> Any:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        problems = [f"{path}: {_problem(place, model, details)}" for details in error.errors(include_url=False)]
        raise ConfigurationError("\n".join(problems)) from error


def _problem(place: str, model: type[BaseModel], details: Any) -> str:
    loc = [str(part) for part in details["loc"]]
    where = ".".join([place, *loc] if place else loc) or "the file"
    if details["type"] == "extra_forbidden":
        return f"{where}: unknown key{suggestion(loc[-1], _fields(model, loc[:-1]))}"
    if details["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {details['msg'].removeprefix('Value error, ')}"


def _fields(model: type[BaseModel], loc: Sequence[str]) -> list[str]:
    for part in loc:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


def suggestion(word: str, known: Any) -> str:
    """`; did you mean "…"?` where a known word is near, else the known words."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; known here: {', '.join(names)}" if names else ""
