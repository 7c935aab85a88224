"""What keyproof knows: sources, controls, frameworks and formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from keyproof.commands import options


def _sources(catalogs: Sequence[Path]) -> list[dict[str, Any]]:
    from collectors.registry import SOURCES

    return [
        {"type": s.type, "title": s.title, "install": s.requirement, "operations": len(s.operations())}
        for s in SOURCES.values()
    ]


def _controls(catalogs: Sequence[Path]) -> list[dict[str, Any]]:
    from controls.catalogue import load_catalogue

    return [
        {"id": c.id, "stage": c.stage, "severity": c.severity, "title": c.title}
        for c in load_catalogue(catalogs).controls.values()
    ]


def _frameworks(catalogs: Sequence[Path]) -> list[dict[str, Any]]:
    from controls.catalogue import load_catalogue

    return [
        {"id": f.id, "name": f.name, "edition": f.edition, "requirements": len(f.requirements)}
        for f in load_catalogue(catalogs).frameworks.values()
    ]


def _formats(catalogs: Sequence[Path]) -> list[dict[str, Any]]:
    from reports.registry import FORMATS

    return [{"name": f.name, "file": f.file, "title": f.title} for f in FORMATS.values()]


LISTS = {"sources": _sources, "controls": _controls, "frameworks": _frameworks, "formats": _formats}


@click.command(name="list")
@click.argument("what", type=click.Choice(list(LISTS)))
@options.catalog
@options.as_json
def list_(what: str, catalogs: Sequence[Path], as_json: bool) -> int:
    """List sources, controls, frameworks or formats."""
    from keyproof.terminal import print_json, print_table

    rows = LISTS[what](catalogs)
    if as_json:
        print_json(rows)
    else:
        columns = list(rows[0])
        print_table(columns, [[str(row[column]) for column in columns] for row in rows])
    return 0


@click.command(name="explain")
@click.argument("control")
@options.catalog
@options.as_json
def explain(control: str, catalogs: Sequence[Path], as_json: bool) -> int:
    """Tell what a control means and how it decides."""
    from controls.catalogue import load_catalogue
    from keyproof.configuration import suggestion
    from keyproof.terminal import harmless, print_json, print_line

    catalogue = load_catalogue(catalogs)
    if control.upper() not in catalogue.controls:
        raise click.UsageError(f"no control {control!r}{suggestion(control.upper(), catalogue.controls)}")
    found = catalogue.controls[control.upper()]
    supports = [
        f"{framework.id} {requirement.id}"
        for framework in catalogue.frameworks.values()
        for requirement in framework.requirements
        if found.id in requirement.controls
    ]
    if as_json:
        print_json(
            {
                "id": found.id,
                "title": found.title,
                "stage": found.stage,
                "severity": found.severity,
                "meaning": found.meaning,
                "over": found.over,
                "population": found.population,
                "test": found.test,
                "population_words": found.population_words,
                "test_words": found.test_words,
                "facts": list(found.facts),
                "parameters": {name: p.model_dump(mode="json") for name, p in found.parameters.items()},
                "remediation": dict(found.remediation),
                "supports": supports,
            }
        )
        return 0
    import textwrap

    def told(label: str, text: str, sql: str = "") -> None:
        print_line()
        print_line(harmless(label))
        print_line(textwrap.indent(textwrap.fill(harmless(" ".join(text.split())), 96), "    "))
        if sql:
            print_line()
            for line in textwrap.dedent(sql).strip().split("\n"):
                indent = " " * (8 + len(line) - len(line.lstrip()))
                print_line(indent + harmless(line.strip()))

    print_line(f"{found.id}  {harmless(found.title)}")
    print_line(f"{found.stage.replace('_', ' ')}, severity {found.severity}")
    told("What it means", found.meaning)
    told("Who is judged", f"{found.population_words.strip()}.", found.population)
    told("How it decides", f"{found.test_words.strip()}.", found.test)
    for name, parameter in found.parameters.items():
        told(f"{name} = {parameter.value}", parameter.source)
    for provider, step in found.remediation.items():
        told(f"What to do ({provider})", step)
    told("What it supports", ", ".join(supports) or "no requirement of the known frameworks")
    return 0
