"""The organization's registers: attestations and exceptions, made, listed and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyproof.commands import options
from keyproof.commands.asking import Answers, completed
from keyproof.commands.in_order import InOrder
from keyproof.exits import Exit

if TYPE_CHECKING:
    from controls.catalogue import Catalogue
    from evidence.findings import AttestationUsed, ExceptionUsed
    from evidence.store import Run
    from keyproof.configuration import Configuration
    from keyproof.registers import Kind, Register, Standing

REQUIREMENTS = "requirements"
"""The answer to what an attestation is about where it is about no topic."""


def _approved(command: options.Command) -> options.Command:
    """The options of whatever somebody answers for and somebody else approves."""
    for option in (
        click.option("--expires", type=options.Day(), metavar="DATE", help="The last day on which it counts."),
        click.option("--approver", metavar="NAME", help="Who approved it; somebody other than the owner."),
        click.option("--owner", metavar="NAME", help="Who answers for it."),
    ):
        command = option(command)
    return command


_id = click.option("--id", "id_", metavar="ID", help="A name of its own in the register, such as AT-2026-003.")


def _document(text: str) -> Callable[[options.Command], options.Command]:
    kind = click.Path(path_type=Path, exists=True, dir_okay=False)
    return click.option("--document", type=kind, metavar="FILE", help=text)


# --- attestations ---------------------------------------------------------------------------------------------------


@click.group(name="attest", cls=InOrder)
def attest() -> None:
    """What people attest: make, list and check.

    The register is the file that the configuration names as `attestations` in [audit].
    """


@attest.command(name="new")
@options.configuration
@_id
@click.option("--topic", metavar="TOPIC", help="What it is about, such as policy; `requirements` for those alone.")
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    metavar="ID",
    help="Id of what the topic is about, as findings show it; `*` stands for any text. May be given several times.",
)
@click.option("--framework", metavar="ID", help="The framework whose requirements it is about.")
@click.option(
    "--requirement", "requirements", multiple=True, metavar="ID", help="A requirement; may be given several times."
)
@click.option("--statement", metavar="TEXT", help="What is attested, in a sentence.")
@_document("The document that shows it; its SHA-256 is computed.")
@_approved
@click.option("--date", "date_", type=options.Day(), metavar="DATE", help="The day of the statement.  [default: today]")
@click.option("--occurred", type=options.Day(), metavar="DATE", help="When it happened; for compromise and departure.")
@click.option("--target", type=options.Day(), metavar="DATE", help="When it will be done; for migration.")
@click.option(
    "--count",
    "counts",
    type=options.Counted(),
    multiple=True,
    metavar="WHAT=NUMBER",
    help="How many there are, such as key=12; for reconciliation and secret_scan. May be given several times.",
)
@click.option(
    "--principals-sha256", metavar="DIGEST", help="Digest of the principals that were reviewed; for access_review."
)
@click.option(
    "--from-run",
    metavar="RUN",
    help="The run whose list of principals was reviewed, or `latest`; for access_review, instead of their digest.",
)
@click.option("--not-applicable", is_flag=True, help="It states that the requirements do not apply.")
@options.wait
@options.catalog
@options.as_json
@options.logging
def new_attestation(config: Path, catalogs: Sequence[Path], as_json: bool, **given: Any) -> int:
    """Add an attestation to the register.

    It is about a topic, or about requirements of a framework. The whole file is read as a run reads it before it is
    written, and what would count for nothing is refused. On a terminal, what is missing is asked for.
    """
    from evidence.findings import Topic
    from keyproof.configuration import load_configuration
    from keyproof.registers import ATTESTATIONS
    from keyproof.run import load_catalogue_for

    configuration = load_configuration(config)
    catalogue = load_catalogue_for(configuration, catalogs)
    types: dict[str, click.ParamType[Any]] = {
        "topic": click.Choice([*(topic.value for topic in Topic), REQUIREMENTS]),
        "framework": click.Choice(list(catalogue.frameworks)),
    }
    answers = completed(given, _lacking_attestation, types)
    if answers["from_run"]:
        answers = {**answers, "principals_sha256": _principals_of(configuration, answers)}
    now = datetime.now(UTC)
    return _add(ATTESTATIONS, configuration, catalogue, _attestation_fields(answers, now.date()), answers, as_json, now)


def _principals_of(configuration: Configuration, answers: Answers) -> str:
    """The digest of who may do what with the key store that was reviewed, as a run of the store shows it."""
    from evidence.findings import Topic
    from keyproof.registers import reviewed_principals
    from keyproof.run import collected_run, normalize, opened_store

    if answers["topic"] != Topic.ACCESS_REVIEW or answers["principals_sha256"]:
        raise click.UsageError("--from-run goes with --topic access_review, and stands instead of --principals-sha256")
    store = opened_store(configuration)
    with store.locked(answers["wait"]):
        run = collected_run(configuration, store, answers["from_run"])
        normalize(run)
        return reviewed_principals(run, answers["subjects"])


def _lacking_attestation(given: Answers) -> list[str]:
    from controls.register import COUNTED, OCCURRED, SUBJECTS
    from evidence.findings import Topic

    topic = given["topic"]
    named = bool(given["framework"] or given["requirements"])
    needed = {
        "id_": True,
        "topic": not named,
        "subjects": topic in SUBJECTS,
        "framework": named or topic == REQUIREMENTS,
        "requirements": named or topic == REQUIREMENTS,
        "occurred": topic in OCCURRED,
        "target": topic == Topic.MIGRATION,
        "counts": topic in COUNTED,
        **dict.fromkeys(("statement", "document", "owner", "approver", "expires"), True),
    }
    return [name for name, wanted in needed.items() if wanted and not given[name]]


def _attestation_fields(answers: Answers, today: date) -> Mapping[str, Any]:
    topic = answers["topic"] if answers["topic"] != REQUIREMENTS else None
    return {
        "id": answers["id_"],
        "framework": answers["framework"],
        "requirements": answers["requirements"],
        "topic": topic,
        "subjects": answers["subjects"],
        "statement": answers["statement"],
        "owner": answers["owner"],
        "approver": answers["approver"],
        "date": answers["date_"] or today,
        "expires": answers["expires"],
        "not_applicable": answers["not_applicable"],
        "occurred": answers["occurred"],
        "target": answers["target"],
        "counts": dict(answers["counts"]),
        "principals_sha256": answers["principals_sha256"],
    }


@attest.command(name="list")
@options.configuration
@options.as_of
@options.catalog
@options.as_json
@options.logging
def list_attestations(config: Path, as_of: datetime | None, catalogs: Sequence[Path], as_json: bool) -> int:
    """List the attestations, and whether they count.

    --as-of asks about another day than today.
    """
    from keyproof.registers import ATTESTATIONS

    return _list(ATTESTATIONS, config, catalogs, as_of, as_json)


@attest.command(name="check")
@options.configuration
@options.as_of
@options.catalog
@options.as_json
@options.logging
def check_attestations(config: Path, as_of: datetime | None, catalogs: Sequence[Path], as_json: bool) -> int:
    """Tell which attestations count for nothing, and why.

    Expired, approved by its owner, a document that is missing or is not the one attested, an unknown requirement: exit
    code 1. It warns of what expires within 30 days, and of subjects that nothing in the newest assessed run is named.
    """
    from keyproof.registers import ATTESTATIONS

    return _check(ATTESTATIONS, config, catalogs, as_of, as_json)


# --- exceptions -----------------------------------------------------------------------------------------------------


@click.group(name="except", cls=InOrder)
def except_() -> None:
    """Documented exceptions to controls: make, list and check.

    The register is the file that the configuration names as `exceptions` in [audit].
    """


@except_.command(name="new")
@options.configuration
@_id
@click.option("--control", metavar="ID", help="The control whose failures it covers, such as ROT-01.")
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    metavar="ID",
    help="Id of a row that it covers, as findings show it; `*` stands for any text. May be given several times.",
)
@click.option(
    "--where", metavar="SQL", help="Instead of subjects, a condition on tags, such as \"environment = 'test'\"."
)
@click.option("--reason", metavar="TEXT", help="Why the failure is accepted.")
@click.option("--compensating-control", metavar="TEXT", help="What makes up for it.")
@_document("A document that shows the approval, if there is one; its SHA-256 is computed.")
@_approved
@click.option("--approved", type=options.Day(), metavar="DATE", help="The day of the approval.  [default: today]")
@options.catalog
@options.as_json
@options.logging
def new_exception(config: Path, catalogs: Sequence[Path], as_json: bool, **given: Any) -> int:
    """Add an exception to the register.

    It is about one control, and names the rows that it covers or a condition on their tags. The whole file is read as a
    run reads it before it is written, and what would count for nothing is refused. On a terminal, what is missing is
    asked for.
    """
    from keyproof.configuration import load_configuration
    from keyproof.registers import EXCEPTIONS
    from keyproof.run import load_catalogue_for

    configuration = load_configuration(config)
    catalogue = load_catalogue_for(configuration, catalogs)
    controls = click.Choice(list(catalogue.controls), case_sensitive=False)
    answers = completed(given, _lacking_exception, {"control": controls})
    now = datetime.now(UTC)
    return _add(EXCEPTIONS, configuration, catalogue, _exception_fields(answers, now.date()), answers, as_json, now)


def _lacking_exception(given: Answers) -> list[str]:
    needed = dict.fromkeys(
        ("id_", "control", "subjects", "reason", "compensating_control", "owner", "approver", "expires"), True
    )
    needed["subjects"] = not given["where"]
    return [name for name, wanted in needed.items() if wanted and not given[name]]


def _exception_fields(answers: Answers, today: date) -> Mapping[str, Any]:
    return {
        "id": answers["id_"],
        "control": answers["control"].upper(),
        "subjects": answers["subjects"],
        "where": answers["where"],
        "reason": answers["reason"],
        "compensating_control": answers["compensating_control"],
        "owner": answers["owner"],
        "approver": answers["approver"],
        "approved": answers["approved"] or today,
        "expires": answers["expires"],
    }


@except_.command(name="list")
@options.configuration
@options.as_of
@options.catalog
@options.as_json
@options.logging
def list_exceptions(config: Path, as_of: datetime | None, catalogs: Sequence[Path], as_json: bool) -> int:
    """List the exceptions, whether they count, and what they cover.

    The failures counted are those of the newest run that was assessed with the exception as it stands. --as-of asks
    about another day than today.
    """
    from keyproof.registers import EXCEPTIONS

    return _list(EXCEPTIONS, config, catalogs, as_of, as_json)


@except_.command(name="check")
@options.configuration
@options.as_of
@options.catalog
@options.as_json
@options.logging
def check_exceptions(config: Path, as_of: datetime | None, catalogs: Sequence[Path], as_json: bool) -> int:
    """Tell which exceptions count for nothing, and why.

    Expired, approved by its owner, a document that is missing or is not the one approved, an unknown control: exit
    code 1. It warns of what expires within 30 days, and of what covers nothing in the newest assessed run.
    """
    from keyproof.registers import EXCEPTIONS

    return _check(EXCEPTIONS, config, catalogs, as_of, as_json)


# --- of both kinds --------------------------------------------------------------------------------------------------


def _add(
    kind: Kind[Any, Any],
    configuration: Configuration,
    catalogue: Catalogue,
    fields: Mapping[str, Any],
    answers: Answers,
    as_json: bool,
    now: datetime,
) -> int:
    from keyproof.registers import add_entry, document_fields
    from keyproof.terminal import harmless, print_json, print_line

    register = kind.register(configuration)
    document = document_fields(register.path, answers["document"]) if answers["document"] else {}
    stated = {name: value for name, value in {**fields, **document}.items() if value}
    used = add_entry(kind, register.path, stated, catalogue, now)
    if as_json:
        entry = used.model_dump(mode="json")
        print_json({"register": str(register.path), "configured": register.configured, "entry": entry})
        return Exit.DONE
    print_line(harmless(f"{used.id} stands in {register.path}; it counts until {used.expires}"))
    if used.document:
        print_line(harmless(f"its document is {used.document}, SHA-256 {used.sha256}"))
    if not register.configured:
        print_line(harmless(f"nothing reads that file yet; add to [audit] in {configuration.path}:"))
        print_line(f'{kind.setting} = "{register.path.name}"')
    return Exit.DONE


def _standings(
    kind: Kind[Any, Any], config: Path, catalogs: Sequence[Path], as_of: datetime | None
) -> tuple[Register, Run | None, list[Standing[Any]]]:
    from keyproof.configuration import load_configuration
    from keyproof.registers import assessed_run, standings
    from keyproof.run import load_catalogue_for, opened_store

    configuration = load_configuration(config)
    catalogue = load_catalogue_for(configuration, catalogs)
    register = kind.register(configuration)
    records = kind.entries(register)
    run = assessed_run(opened_store(configuration))
    return register, run, standings(kind, records, catalogue, as_of or datetime.now(UTC), run)


def _list(kind: Kind[Any, Any], config: Path, catalogs: Sequence[Path], as_of: datetime | None, as_json: bool) -> int:
    from keyproof.terminal import print_json, print_line, print_table

    register, _, found = _standings(kind, config, catalogs, as_of)
    if as_json:
        print_json([standing.as_json() for standing in found])
        return Exit.DONE
    if not found:
        print_line(_none(kind, register))
        return Exit.DONE
    columns = ["id", "for", "approver", "expires", "days left", "covers", "counts"]
    rows = [
        [
            standing.used.id,
            _for_what(standing.used),
            standing.used.approver,
            str(standing.used.expires),
            str(max(standing.days_left, 0)),
            "–" if standing.covers is None else f"{standing.covers:,}",
            standing.used.problem or "yes",
        ]
        for standing in found
    ]
    if kind.name == "attestation":
        columns.remove("covers")
        rows = [[*row[:5], *row[6:]] for row in rows]
    print_table(columns, rows, right=["days left", "covers"])
    return Exit.DONE


def _check(kind: Kind[Any, Any], config: Path, catalogs: Sequence[Path], as_of: datetime | None, as_json: bool) -> int:
    from keyproof.terminal import harmless, print_json, print_line

    register, run, found = _standings(kind, config, catalogs, as_of)
    void = [standing for standing in found if not standing.used.valid]
    code = Exit.FINDINGS if void else Exit.DONE
    if as_json:
        print_json(
            {
                "run": run.folder.name if run else None,
                "entries": [standing.as_json() for standing in found],
                "exit_code": int(code),
            }
        )
        return code
    if not found:
        print_line(_none(kind, register))
        return code
    for standing in found:
        for line in _lines(standing):
            print_line(harmless(line))
    if run is None:
        print_line("no run of the store was assessed yet, so nothing says whether their subjects are there")
    count = len(found) - len(void)
    print_line(f"{count:,} of {len(found):,} {kind.setting} count" + ("s" if count == 1 else ""))
    return code


def _lines(standing: Standing[Any]) -> Iterator[str]:
    used = standing.used
    if used.problem:
        yield f"{used.id}: counts for nothing: {used.problem}"
    for warning in standing.warnings:
        yield f"{used.id}: warning: {warning}"


def _none(kind: Kind[Any, Any], register: Register) -> str:
    from keyproof.terminal import harmless

    verb = "attest" if kind.name == "attestation" else "except"
    where = f"in {register.path}" if register.configured else f"configured, as `{kind.setting}` in [audit]"
    return harmless(f"no {kind.setting} {where}; `keyproof {verb} new` makes one")


def _for_what(used: AttestationUsed | ExceptionUsed) -> str:
    from evidence.findings import ExceptionUsed

    subjects = ", ".join(used.subjects)
    if isinstance(used, ExceptionUsed):
        return f"{used.control}: {used.where or subjects}"
    by_framework: dict[str, list[str]] = {}
    for ref in used.requirements:
        by_framework.setdefault(ref.framework, []).append(ref.requirement)
    about = [f"{framework} {', '.join(names)}" for framework, names in by_framework.items()]
    if used.topic:
        about.insert(0, f"{used.topic}" if used.subjects == ["*"] else f"{used.topic}: {subjects}")
    return "; ".join(about)
