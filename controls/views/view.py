"""What a control can be about, and the queries that say which gaps explain what a view leaves open."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from evidence.model import BOOKKEEPING, TABLES, Access, Column, columns

MOMENT = "moment"
"""A table of one row that the engine makes: `as_of`, `period_start`, `period_end`."""

STATEMENT = "statement"
"""A table that the engine makes: one row for each valid attestation of a topic and each of its subjects."""

EXCEPTION = "exception_entry"
"""A table that the engine makes: one row for each exception of the register, whether it counts or not."""

CONFIGURED = "configured"
"""A table that the engine makes: each `source` of the run, and the digest of its `configuration`."""

UNKNOWN = "unknown_row"
"""A table that the engine makes for the explaining queries: `scope` and `id` of the rows to be explained."""


@dataclass(frozen=True, slots=True)
class View:
    """A table or view that a control may be `over`."""

    name: str
    doc: str
    tables: tuple[str, ...]
    """Tables whose rows are judged: where a gap says that rows of one may be missing, the population is incomplete.
    None where all its rows are known: what the organization states."""
    columns: Mapping[str, Column]
    sql: str = ""
    """Its SELECT, with the columns and `subject_table`; empty where it is a table, or one table and derived columns."""
    derived: str = ""
    """SELECT of `scope`, `id` and the derived columns for every row of its table; empty where there are none."""
    explanations: Mapping[str, str] = field(default_factory=dict)
    """Derived column → SELECT of `scope`, `id` and `gap`: which gaps explain a NULL in the rows of UNKNOWN."""
    made_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Table → the columns of it that decide which rows there are: where one is unknown, rows may be missing."""
    awaiting: Mapping[str, str] = field(default_factory=dict)
    """Column that is NULL until somebody attests it → the topic of that, as an expression of SQL."""

    beside: tuple[str, ...] = ()
    """Tables of which missing rows leave rows of this view missing too, such as the keys whose versions it judges."""
    kept: bool = False
    """It is made once, where every control over it would ask for much work again."""
    of_scopes: bool = False
    """Rows of it stand for scopes and have their ids, though it is not about the table of scopes."""

    @property
    def subject_table(self) -> str:
        """The table that a row belongs to, as an expression of SQL."""
        if len(self.tables) > 1:
            return "subject_table"
        return f"'{self.tables[0] if self.tables else self.name}'"


def of_table(name: str) -> View:
    """A table as it is."""
    table = TABLES[name]
    return View(name, table.doc, (name,), {column.name: column for column in columns(table)})


def of_row() -> Mapping[str, Column]:
    """The columns that identify a row, for a view that is no table."""
    return {column.name: column for column in columns(Access) if column.name in BOOKKEEPING}


def texts(names: Sequence[str]) -> str:
    """Names as a list of SQL."""
    return ", ".join(f"'{name}'" for name in names)


def stated(rows: str, topics: Collection[str], named_by: Sequence[str] = ("id",)) -> str:
    """What is attested of these topics about `rows`: their `scope` and `id`, and the columns of STATEMENT.

    A row is named by any of the columns `named_by`. Whoever is named as a whole is found by it; only a pattern has to
    be held against every row.
    """
    ways = [f"s.subject = t.{name}" for name in named_by]
    ways += [f"s.subject IS NULL AND t.{name} LIKE s.pattern ESCAPE '\\'" for name in named_by]
    return " UNION ALL ".join(
        f"""
        SELECT t.scope, t.id, s.* EXCLUDE (id), s.id AS statement
        FROM {rows} AS t JOIN {STATEMENT} AS s ON {way} WHERE s.topic IN ({texts(sorted(topics))})
        """
        for way in ways
    )


def agreed(name: str) -> str:
    """What a row that was read more than once tells: what all readings tell, and nothing where they differ."""
    return f"CASE WHEN count({name}) = count(*) AND min({name}) = max({name}) THEN min({name}) END AS {name}"


def explained_by_scope(*names: str) -> str:
    """Gaps about columns of the scope's own row."""
    return f"""
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
        JOIN gap ON gap.scope = u.scope AND gap.of_table = 'scope'
        WHERE list_has_any(gap.columns, [{texts(names)}])
    """


def unread(table: str) -> str:
    """Subjects whose rows in `table` may be missing; the empty subject stands for all of the scope."""
    return f"SELECT DISTINCT scope, subject FROM gap WHERE of_table = '{table}' AND rows_missing"


def explained_by_rows(table: str, link: str, names: tuple[str, ...], *, of_store: bool = False) -> str:
    """Gaps about the rows of `table` whose column `link` names the subject: rows missing, or one of `names` unknown.

    With `of_store`, the rows of a key's store count as its own.
    """
    listed = texts((link, *names))
    about = f"gap.scope = u.scope AND gap.of_table = '{table}'"
    held = f"SELECT scope, id, id AS subject FROM {UNKNOWN}"
    if of_store:
        held += f"""
            UNION
            SELECT u.scope, u.id, key.key_store FROM {UNKNOWN} AS u JOIN key ON key.scope = u.scope AND key.id = u.id
            WHERE key.key_store IS NOT NULL
        """
    return f"""
        WITH held AS ({held})
        SELECT u.scope, u.id, gap.id AS gap FROM held AS u JOIN gap ON {about} AND gap.subject = u.subject
        WHERE gap.rows_missing
        UNION ALL
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u JOIN gap ON {about} AND gap.subject = ''
        WHERE gap.rows_missing OR list_has_any(gap.columns, [{listed}])
        UNION ALL
        SELECT u.scope, u.id, gap.id AS gap FROM held AS u
        JOIN {table} AS r ON r.scope = u.scope AND r.{link} = u.subject
        JOIN gap ON {about} AND gap.subject = r.id
        WHERE list_has_any(gap.columns, [{listed}])
        UNION ALL
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
        JOIN {table} AS r ON r.scope = u.scope AND r.{link} IS NULL
        JOIN gap ON {about} AND gap.subject = r.id
        WHERE list_has_any(gap.columns, ['{link}'])
    """


def explained_elsewhere(table: str, rows_of: str, names: tuple[str, ...]) -> str:
    """Gaps of any scope of the provider and region about the far side: rows of `rows_of` missing, or `names` unknown.

    One gap stands for all that one operation left open in one scope, else each row would carry thousands.
    """
    listed = texts(names)
    return f"""
        SELECT u.scope, u.id, far.gap
        FROM {UNKNOWN} AS u
        JOIN {table} AS r ON r.scope = u.scope AND r.id = u.id
        LEFT JOIN scope AS s ON s.id = u.scope
        JOIN (
            SELECT
                min(gap.id) AS gap, any_value(t.provider) AS provider,
                nullif(nullif(any_value(t.region), 'global'), '') AS region
            FROM gap LEFT JOIN scope AS t ON t.id = gap.scope
            WHERE (gap.rows_missing AND gap.of_table IN ('{rows_of}', 'scope'))
                OR (gap.of_table = '{rows_of}' AND list_has_any(gap.columns, [{listed}]))
            GROUP BY gap.scope, gap.operation, gap.of_table, gap.rows_missing
        ) AS far
        ON (far.provider IS NULL OR coalesce(s.provider, far.provider) = far.provider)
            AND (far.region IS NULL OR coalesce(r.region, s.region, 'global') IN (far.region, 'global', ''))
    """


def explained_by_own(table: str, names: tuple[str, ...]) -> str:
    """Gaps about columns of the row itself, or of its scope's row, that a derived column rests on."""
    listed = texts(names)
    return f"""
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
        JOIN gap ON gap.scope = u.scope AND gap.of_table = '{table}' AND gap.subject = u.id
        WHERE list_has_any(gap.columns, [{listed}])
        UNION ALL
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
        JOIN gap ON gap.scope = u.scope AND gap.of_table = '{table}' AND gap.subject = ''
        WHERE list_has_any(gap.columns, [{listed}])
        UNION ALL
        {explained_by_scope("provider", "account", "region")}
    """


def extended(
    name: str,
    doc: str,
    table: str,
    sql: str,
    derived: Mapping[str, tuple[Column, str]],
    awaiting: Mapping[str, str] | None = None,
    beside: tuple[str, ...] = (),
) -> View:
    """The view of a table and of columns that `sql` derives for each of its rows.

    Each comes with the query that finds what explains a NULL in it; empty where no gap does.
    """
    own = of_table(table).columns
    added = {column: definition for column, (definition, _) in derived.items()}
    return View(
        name,
        doc,
        (table,),
        {**own, **added},
        derived=sql,
        explanations={column: query for column, (_, query) in derived.items() if query},
        awaiting=awaiting or {},
        beside=beside,
    )
