"""The providers side by side: each with its own counts, nothing unknown shown as none, and as bounded as the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest
from pyarrow import parquet

from evidence.findings import Counts
from evidence.inventory import UNREAD_KEY
from evidence.model import TABLES, arrow_schema
from reports.content.bounds import PAPER, SCREEN, Bounds
from reports.content.sides import sides
from reports.display import within
from reports.material import Material
from reports.narrative import Narrative, build


@pytest.fixture(scope="module")
def told(material: Material) -> Narrative:
    return build(material, PAPER)


def figures(told: Narrative) -> dict[str, tuple[str, ...]]:
    return {row.label: row.cells for group in told.providers.figures for row in group.rows}


def test_the_sides_are_the_sources_in_their_order(told: Narrative) -> None:
    assert [(side.name, side.note) for side in told.sides] == [
        ("AWS", "prod"), ("Azure", "azure-corp"), ("Google Cloud", "gcp-org"),
    ]  # fmt: skip
    assert [side.label for side in told.sides] == ["AWS", "Azure", "Google Cloud"]


def _with_sources(material: Material, *sources: tuple[str, str]) -> Material:
    pattern = material.run.sources[0]
    made = [pattern.model_copy(update={"name": name, "type": kind}) for name, kind in sources]
    return replace(material, run=material.run.model_copy(update={"sources": made}))


def test_two_sources_of_one_provider_are_told_apart(material: Material) -> None:
    two = _with_sources(material, ("prod", "aws"), ("test", "aws"), ("gcp-org", "gcp"))
    assert [side.label for side in sides(two, PAPER)] == ["prod", "test", "Google Cloud"]


def test_many_sources_are_shown_by_provider_and_many_providers_together(material: Material) -> None:
    many = [(f"aws-{number}", "aws") for number in range(7)]
    by_provider = sides(_with_sources(material, *many, ("azure-corp", "azure")), PAPER)
    assert [(side.name, side.note, len(side.sources)) for side in by_provider] == [
        ("AWS", "7 sources", 7), ("Azure", "azure-corp", 1),
    ]  # fmt: skip
    kinds = ("aws", "azure", "gcp", "vault", "kmip", "pkcs11", "of-their-own")
    together = sides(_with_sources(material, *((kind, kind) for kind in kinds)), PAPER)
    assert [side.name for side in together] == ["AWS", "Azure", "Google Cloud", "Vault", "KMIP", "2 other providers"]
    assert together[-1].sources == ("pkcs11", "of-their-own")


def test_the_sides_of_every_control_add_up_to_its_counts(told: Narrative, factory: ModuleType) -> None:
    for control in told.controls:
        for one in control.judged:
            assert len(one.sides) == 3
            if one.result.id in factory.WITHOUT_SOURCE:
                continue
            for name in Counts.model_fields:
                assert sum(getattr(counts, name) for counts in one.sides) == getattr(one.result.counts, name)


def test_stages_add_up_to_all_verdicts_on_what_comes_from_a_source(told: Narrative, factory: ModuleType) -> None:
    counts = [one for row in told.providers.stages for one in row.counts]
    judged = [one.result for control in told.controls for one in control.judged]
    of_sources = [result.counts for result in judged if result.id not in factory.WITHOUT_SOURCE]
    for name in ("passed", "failed", "inconclusive"):
        assert sum(getattr(one, name) for one in counts) == sum(getattr(one, name) for one in of_sources)


def test_what_each_provider_holds_is_counted(told: Narrative, material: Material) -> None:
    shown = figures(told)
    with material.connection() as queries:
        for place, source in enumerate(("prod", "azure-corp", "gcp-org")):
            keys = queries.value(
                "SELECT count(*) FROM key WHERE source = $source AND manager = 'customer'", {"source": source}
            )
            assert shown["Keys that the customer manages"][place].removeprefix("≥ ") == str(keys)
        certificates = queries.value("SELECT count(*) FROM certificate")
    assert shown["Reached"] == ("2 of 2 accounts", "2 of 2 subscriptions", "2 of 2 projects")
    assert shown["Certificates"] == ("not read", str(certificates), "not read")
    assert [words.split()[0] for words in shown["Scopes read completely"]] == ["18", "7", "11"]


def test_what_is_unknown_is_never_shown_as_none(told: Narrative) -> None:
    shown = figures(told)
    assert shown["Keys that the customer manages"][0].startswith("≥ ")
    assert shown["Open to anyone"][0].startswith("≥ 1 · ? ")
    assert shown["Open to anyone"][1] == "≥ 0"
    assert shown["Resources they encrypt"][:2] == ("not offered", "not offered")
    assert shown["Resources they encrypt"][2].isdecimal()


def test_a_control_that_passes_on_one_provider_and_fails_on_another_is_pointed_out(told: Narrative) -> None:
    one = next(judged for judged in told.contrasts if judged.result.id == "ROT-01")
    aws, azure, _ = one.sides
    assert aws.passed > aws.failed
    assert azure.passed == 0
    assert azure.failed > 5
    assert told.contrasts[0].spread == max(judged.spread for control in told.controls for judged in control.judged)
    assert len(told.contrasts) <= PAPER.contrasts


def test_one_source_has_nothing_to_differ_from(make_material: Callable[..., Material], tmp_path: Path) -> None:
    alone = build(make_material(tmp_path, providers=("aws",)), PAPER)
    assert len(alone.sides) == 1
    assert alone.contrasts == ()


def test_what_can_be_known_where_is_told_fact_by_fact(told: Narrative) -> None:
    cells = {(row.table, fact): row.cells for row in told.providers.facts for fact in row.facts}
    assert cells["key", "origin"] == ("✓", "– not offered", "✓")
    used = cells["key", "used"]
    assert used[0].endswith("else not offered")
    assert used[1:] == ("– not offered", "– not offered")
    assert cells["key", "public"][0].endswith("else refused")
    assert cells["key_store", "logging_retention_days"] == ("– not offered",) * 3
    assert ("key", "state") not in cells
    assert told.providers.facts_known > 50
    assert len(told.providers.facts) <= PAPER.facts


def test_every_reason_why_a_provider_does_not_tell_something_is_told(told: Narrative, factory: ModuleType) -> None:
    by_side = {side.name: told_reasons for side, told_reasons, _ in told.providers.reasons}
    azure = {reason.error: reason for reason in by_side["Azure"]}
    for names, why in factory.NOT_OFFERED["azure"]:
        assert azure[why].leaves == tuple(sorted(names))
        assert azure[why].example.startswith("GAP-")
    assert not any("Key Vault" in reason.error for reason in (*by_side["AWS"], *by_side["Google Cloud"]))


def test_a_gap_that_nobody_can_close_is_not_listed_among_those_that_can(told: Narrative, material: Material) -> None:
    assert {group.kind for group in told.gaps} == {"refused", "switched off"}
    assert {group.error for group in told.gaps if group.kind == "switched off"} == {UNREAD_KEY}
    assert {group.provider for group in told.gaps if group.kind == "refused"} == {"AWS", "Azure"}
    assert told.gap_count == parquet.read_metadata(material.tables["gap"]).num_rows


@pytest.mark.parametrize("bounds", [PAPER, SCREEN], ids=["paper", "screen"])
def test_reasons_stay_within_their_bounds(material: Material, tmp_path: Path, bounds: Bounds) -> None:
    for name in TABLES:
        (tmp_path / f"{name}.parquet").write_bytes(material.tables[name].read_bytes())
    gaps = parquet.read_table(material.tables["gap"]).to_pylist()
    pattern = next(gap for gap in gaps if gap["kind"] == "not_offered" and gap["source"] == "prod")
    gaps += [{**pattern, "id": f"GAP-{number:012d}", "error": f"reason {number}"} for number in range(500)]
    parquet.write_table(pa.Table.from_pylist(gaps, schema=arrow_schema(TABLES["gap"])), tmp_path / "gap.parquet")
    told = build(replace(material, inventory=tmp_path), bounds)
    assert sum(len(reasons) for _, reasons, _ in told.providers.reasons) <= bounds.reasons
    reasons, more = next((shown, rest) for side, shown, rest in told.providers.reasons if side.name == "AWS")
    assert len(reasons) + more >= 500


def test_what_to_do_is_told_for_the_providers_where_something_fails(told: Narrative) -> None:
    weak = next(control for control in told.controls if control.id == "GEN-05")
    assert [provider for provider, _ in weak.remedies] == ["AWS"]
    rotation = next(control for control in told.controls if control.id == "ROT-01")
    named = [*(provider for provider, _ in rotation.remedies), *rotation.remedies_more]
    assert named == ["AWS", "Azure", "Google Cloud"]


def test_long_ids_give_way_to_what_tells_things_apart(material: Material) -> None:
    told = build(material, SCREEN)
    shown = [row for control in told.controls for one in control.judged for row in one.failures]
    azure = [row for row in shown if row.subject.startswith("https://kv-")]
    assert azure
    assert any(row.name.startswith("kv-payments-prod-weu-01/keys/") for row in azure)
    assert {row.where[0] for row in azure} <= {
        "Payments production",
        "Data platform (shared services, West Eur … (61 characters)",
    }
    assert any(row.name.startswith("keyRings/payments-and-ledger/cryptoKeys/") for row in shown)


@pytest.mark.parametrize(
    ("name", "places", "short"),
    [
        ("arn:aws:kms:eu-west-1:111122223333:key/1234", ("111122223333", "eu-west-1"), "key/1234"),
        ("projects/p/locations/eur4/keyRings/r/cryptoKeys/k", ("p", "eur4"), "keyRings/r/cryptoKeys/k"),
        ("projects/p/secrets/p", ("p", "global"), "secrets/p"),
        ("https://v.vault.azure.net:443/keys/k", ("3b0e", "westeurope"), "v/keys/k"),
        ("/subscriptions/3b0e/resourceGroups/g", ("3b0e", ""), "resourceGroups/g"),
        ("alias/x", ("", ""), "alias/x"),
        ("", ("a",), ""),
        ("111122223333", ("111122223333",), "111122223333"),
        ("https://", ("a",), "https://"),
    ],
)
def test_a_name_within_its_place(name: str, places: tuple[str, ...], short: str) -> None:
    assert within(name, *places) == short
