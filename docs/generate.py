"""Writes the generated parts of the documents from the program, or checks that they are what it says.

A generated part stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; the rest of a document is written by hand.
`python -m docs.generate` writes, `python -m docs.generate --check` only compares.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evidence.standards import Entry

if TYPE_CHECKING:
    from controls.catalogue import Control
    from evidence.model import Row
    from evidence.operation import Operation
    from evidence.standards import Standard

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"(?P<begin><!-- begin (?P<name>[\w -]+) -->\n)(?P<body>.*?)(?P<end><!-- end (?P=name) -->\n)", re.DOTALL
)


WIDTH = {"terminal_width": 96, "max_content_width": 96}


def _help() -> str:
    from keyproof.__main__ import cli

    context = click.Context(cli, info_name="keyproof", **{**cli.context_settings, **WIDTH})
    return f"```text\n{cli.get_help(context)}\n```\n"


def _commands() -> Iterator[str]:
    from keyproof.__main__ import cli

    context = click.Context(cli, info_name="keyproof", **{**cli.context_settings, **WIDTH})
    for command in cli.commands.values():
        yield from _of_command(command, context, "##")


def _of_command(command: click.Command, parent: click.Context, heading: str) -> Iterator[str]:
    """The help of a command, and of the commands that it has of its own."""
    context = click.Context(command, info_name=command.name, parent=parent, **WIDTH)
    yield f"\n{heading} {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for own in command.commands.values():
            yield from _of_command(own, context, f"{heading}#")


def _exit_codes() -> Iterator[str]:
    from keyproof.exits import Exit

    meanings = {
        Exit.DONE: "done",
        Exit.FINDINGS: "done, and there are failures at or above `--fail-on` that no valid exception covers; `attest check`, `except check`: there are entries that count for nothing",
        Exit.USAGE: "the command line, the configuration, the credentials or the store cannot be used; nothing was assessed",
        Exit.INCOMPLETE: "done, and there are gaps that a permission, another try or another source could close; outranks 1",
        Exit.UNVERIFIED: "`verify`: the pack is not what it says it is",
        Exit.INTERNAL: "an internal error or a full disk: no assessment was made, what was recorded stays",
    }
    yield "| code | meaning |\n|---|---|\n"
    for code in Exit:
        yield f"| {int(code)} | {meanings[code]} |\n"


def _frameworks() -> Iterator[str]:
    from controls.catalogue import load_catalogue

    catalogue = load_catalogue()
    yield "| id | framework | edition | sources | requirements | decided automatically | partly | by people | with a control here | controls named |\n"
    yield "|---|---|---|---|--:|--:|--:|--:|--:|--:|\n"
    for framework in catalogue.frameworks.values():
        decided = [r.decided for r in framework.requirements]
        counts = " | ".join(str(decided.count(how)) for how in ("automatically", "partly", "manually"))
        controlled = sum(not catalogue.controls.keys().isdisjoint(r.controls) for r in framework.requirements)
        named = len({control for r in framework.requirements for control in r.controls})
        about = ", ".join(framework.about) or "all"
        yield (
            f"| `{framework.id}` | {framework.name} | {framework.edition} | {about} | {len(decided)} | {counts} "
            f"| {controlled} | {named} |\n"
        )


def _crosswalk() -> Iterator[str]:
    """One table for each family of controls: control × framework, with the requirements in the cells."""
    from controls.catalogue import load_catalogue

    catalogue = load_catalogue()
    frameworks = catalogue.frameworks.values()
    named = {control for f in frameworks for r in f.requirements for control in r.controls}
    for family in sorted({control.partition("-")[0] for control in {*named, *catalogue.controls}}):
        yield f"\n## {family}\n\n| control | {' | '.join(f'`{f.id}`' for f in frameworks)} |\n|---|{'---|' * len(frameworks)}\n"
        for control in sorted(c for c in {*named, *catalogue.controls} if c.startswith(f"{family}-")):
            name = f"[{control}](controls.md#{control.lower()})" if control in catalogue.controls else f"({control})"
            cells = (", ".join(r.id for r in f.requirements if control in r.controls) or "–" for f in frameworks)
            yield f"| {name} | {' | '.join(cells)} |\n"


def _controls_table() -> Iterator[str]:
    from controls.catalogue import load_catalogue

    yield "| id | true when all is well | stage | severity |\n|---|---|---|---|\n"
    for control in load_catalogue().controls.values():
        yield f"| [{control.id}](docs/controls.md#{control.id.lower()}) | {control.title} | {control.stage} | {control.severity} |\n"


def _controls() -> Iterator[str]:
    from controls.catalogue import load_catalogue

    catalogue = load_catalogue()
    for control in catalogue.controls.values():
        yield f"\n## {control.id}\n\n**{control.title}.** {control.stage.capitalize()}, severity {control.severity}.\n\n"
        yield f"{control.meaning.strip()}\n\n"
        yield f"*Who is judged* (`{control.over}`): {control.population_words.strip()}.\n\n```sql\n{control.population.strip()}\n```\n\n"
        yield f"*How it decides*: {control.test_words.strip()}.\n\n```sql\n{control.test.strip()}\n```\n"
        if control.parameters:
            yield "\n| parameter | value | source |\n|---|---|---|\n"
            for name, parameter in control.parameters.items():
                shown = ", ".join(parameter.value) if isinstance(parameter.value, list) else str(parameter.value)
                yield f"| `{name}` | {shown or 'none'} | {parameter.source} |\n"
        for provider, step in control.remediation.items():
            yield f"\n*What to do* ({provider}): {step}\n"
        supports = [
            f"{f.name} {r.id}"
            for f in catalogue.frameworks.values()
            for r in f.requirements
            if control.id in r.controls
        ]
        yield f"\n*Supports*: {', '.join(supports) or 'no requirement of the built-in frameworks'}.\n"


def _topics() -> Iterator[str]:
    from controls.catalogue import load_catalogue
    from controls.register import COUNTED, OCCURRED, SUBJECTS
    from evidence.findings import Topic

    controls = load_catalogue().controls.values()
    meanings = _meanings(Topic)
    yield "| topic | what is attested | subjects | needs besides | controls |\n|---|---|---|---|---|\n"
    for topic in Topic:
        needs = [f"`counts` of `{'`, `'.join(COUNTED[topic])}`"] if topic in COUNTED else []
        needs += ["`occurred`"] if topic in OCCURRED else []
        needs += ["`target`"] if topic is Topic.MIGRATION else []
        judging = (f"[{c.id}](controls.md#{c.id.lower()})" for c in controls if topic in _awaited(c))
        yield (
            f"| `{topic}` | {meanings[topic.name].partition(';')[0].rstrip('.')} | {SUBJECTS.get(topic, 'the organization')} "
            f"| {', '.join(needs) or '–'} | {', '.join(judging) or '–'} |\n"
        )


def _meanings(enumeration: type[Enum]) -> dict[str, str]:
    """The text below each member of an enumeration."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(enumeration)).body if isinstance(node, ast.ClassDef))
    return {
        ast.unparse(member.targets[0]): ast.literal_eval(text.value)
        for member, text in itertools.pairwise(body)
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr)
    }


def _awaited(control: Control) -> set[str]:
    """The topics whose attestation a control judges."""
    awaited = {expression for fact, expression in control.view.awaiting.items() if fact in control.facts}
    literal = {expression.strip("'") for expression in awaited if expression.startswith("'")}
    # Where a column tells the topic of a row, the population says which it is.
    return literal or {name for name in re.findall(r"'(\w+)'", control.population) if awaited}


def _requirements() -> Iterator[str]:
    from controls.catalogue import load_catalogue

    catalogue = load_catalogue()
    for framework in catalogue.frameworks.values():
        yield f"\n## {framework.name}\n\n{framework.edition}. {framework.note.strip()}\n\n"
        yield "| requirement | in our words | decided | metadata tells | controls | remains for people |\n|---|---|---|---|---|---|\n"
        for r in framework.requirements:
            controls = ", ".join(c if c in catalogue.controls else f"({c})" for c in r.controls)
            yield f"| {r.id} | {r.text} | {r.decided} | {r.metadata or '–'} | {controls or '–'} | {r.remains or '–'} |\n"


def _standards() -> Iterator[str]:
    from evidence.standards import standards

    for standard in standards().values():
        note = " ".join(standard.note.split())
        yield f"\n## {standard.title}\n\n`{standard.id}`, last checked on {standard.version}. {note}\n\n"
        yield "| document | edition | status |\n|---|---|---|\n"
        for document in standard.document:
            status = f"**{document.status}**" if document.status == "draft" else document.status
            yield f"| [{document.name}]({document.url}) | {document.edition} | {status} |\n"
        yield from _entries(standard)


def _entries(standard: Standard) -> Iterator[str]:
    facts = [name for name in type(standard.entries[0]).model_fields if name not in Entry.model_fields]
    yield f"\n| entry | {' | '.join(name.replace('_', ' ') for name in facts)} | taken from |\n|---|{'---|' * len(facts)}---|\n"
    for entry in standard.entries:
        source = standard.source(entry)
        draft = "**draft** " if source.status == "draft" else ""
        cells = " | ".join(_cell(getattr(entry, name)) for name in facts)
        yield f"| {entry.name} | {cells} | {draft}{source.name}, {entry.place} |\n"


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "–" if value is None or value == "" else str(value)


def _operations(kind: str) -> Iterator[str]:
    from collectors.registry import SOURCES

    yield "| operation | permission | what it is asked for |\n|---|---|---|\n"
    for operation in SOURCES[kind].operations().values():
        permission = f"`{operation.grants}`" if operation.grants else "none"
        yield f"| `{operation.name}` | {permission} | {operation.why} |\n"


def _facts() -> Iterator[str]:
    """One table for each of the inventory's: fact × kind of source, with the operations that tell it."""
    from collectors.registry import SOURCES
    from evidence.model import BOOKKEEPING, TABLES, columns

    told = {kind: (source.operations().values(), source.not_offered()) for kind, source in SOURCES.items()}
    for table, model in TABLES.items():
        if table in {"gap", "observation", "scope"}:
            continue
        yield f"\n## {table}\n\n{model.doc}.\n\n| fact | {' | '.join(SOURCES)} |\n|---|{'---|' * len(SOURCES)}\n"
        for column in columns(model):
            if column.name not in BOOKKEEPING:
                cells = (_told(f"{table}.{column.name}", *by) for by in told.values())
                yield f"| `{column.name}`: {column.doc} | {' | '.join(cells)} |\n"


def _told(fact: str, operations: Iterable[Operation], not_offered: Mapping[str, str]) -> str:
    table = f"{fact.partition('.')[0]}.*"
    if not any({fact, table} & set(operation.facts) for operation in operations):
        return not_offered.get(fact, "no such rows")
    yielding = ", ".join(f"`{operation.name}`" for operation in operations if fact in operation.facts)
    reason = not_offered.get(fact, "")
    if not yielding:
        return f"*{reason}*" if reason else "follows from what it is"
    return f"{yielding}. *Not always: {reason}*" if reason else yielding


def _policy(kind: str) -> str:
    from collectors.registry import SOURCES

    policy = SOURCES[kind].policy().rstrip()
    language = {"{": "json", "#": "hcl"}.get(policy[0], "yaml")
    return f"```{language}\n{policy}\n```\n"


def _inventory() -> str:
    from evidence.history import HISTORY
    from evidence.model import TABLES

    earlier = {name: table for name, table in HISTORY.items() if name not in TABLES}
    parts = [_table(name, table, "##") for name, table in TABLES.items()]
    parts.append(
        "\n## What earlier runs show\n\nThese stand in `inputs/history/` of a pack, with a `gap` of its own.\n"
    )
    parts += [_table(name, table, "###") for name, table in earlier.items()]
    return "".join(parts)


def _table(name: str, table: type[Row], level: str) -> str:
    from evidence.model import BOOKKEEPING, columns

    parts = [f"\n{level} {name}\n\n{table.doc}.\n\n| column | type | meaning |\n|---|---|---|\n"]
    for column in columns(table):
        values = f" ({', '.join(f'`{value}`' for value in column.values)})" if column.values else ""
        identity = " (identifies the row)" if column.name in BOOKKEEPING else ""
        parts.append(f"| `{column.name}` | {column.type} | {column.doc}{values}{identity} |\n")
    return "".join(parts)


def _formats() -> Iterator[str]:
    from reports.registry import FORMATS

    yield "| file | what it is |\n|---|---|\n"
    for output in FORMATS.values():
        yield f"| `{output.file}` | {output.title} |\n"
    yield "| `observations/` | Every exchange with the providers, verbatim, one file a scope |\n"
    yield "| `inputs/` | What the assessment was made from besides: run, parameters, registers, catalogue |\n"
    yield "| `manifest.json` | SHA-256 of every file, who collected with which rights, and the evidence digest |\n"


def _of_each_source() -> Mapping[str, Callable[[], str]]:
    from collectors.registry import SOURCES

    blocks: dict[str, Callable[[], str]] = {}
    for kind in SOURCES:
        blocks[f"{kind} policy"] = partial(_policy, kind)
        blocks[f"{kind} operations"] = partial(lambda kind: "".join(_operations(kind)), kind)
    return blocks


BLOCKS: Mapping[str, Callable[[], str]] = {
    "help": _help,
    "commands": lambda: "".join(_commands()),
    "exit codes": lambda: "".join(_exit_codes()),
    "frameworks": lambda: "".join(_frameworks()),
    "crosswalk": lambda: "".join(_crosswalk()),
    "controls table": lambda: "".join(_controls_table()),
    "controls": lambda: "".join(_controls()),
    "topics": lambda: "".join(_topics()),
    "requirements": lambda: "".join(_requirements()),
    "standards": lambda: "".join(_standards()),
    "facts": lambda: "".join(_facts()),
    "inventory": _inventory,
    "formats": lambda: "".join(_formats()),
    **_of_each_source(),
    "example configuration": lambda: f"```toml\n{(ROOT / 'config.example.toml').read_text('utf-8')}```\n",
}
"""Name of a generated part → its text."""


def documents() -> list[Path]:
    """The documents that may hold generated parts."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def generated(text: str) -> str:
    """A document with its generated parts made anew. Raises KeyError for a part that nobody makes."""
    return BLOCK.sub(lambda match: f"{match['begin']}{BLOCKS[match['name']]()}{match['end']}", text)


def main(check: bool) -> int:
    """Write the documents, or with `check` show how they differ; 1 where they do."""
    stale = 0
    for path in documents():
        text = path.read_text("utf-8")
        fresh = generated(text)
        if fresh == text:
            continue
        stale = 1
        name = path.relative_to(ROOT).as_posix()
        if check:
            sys.stdout.writelines(
                difflib.unified_diff(
                    text.splitlines(True), fresh.splitlines(True), name, f"{name} (as the program says)"
                )
            )
        else:
            path.write_text(fresh, "utf-8")
            sys.stdout.write(f"{name} is written anew\n")
    if check and stale:
        sys.stdout.write("\n`make documents` writes them anew\n")
    return stale if check else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
