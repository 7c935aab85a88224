"""The scope of an account: who collects, what the account is called, and which regions and accounts there are."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.aws.answers import AccountInformation, CallerIdentity, DescribedOrganization, Members, Regions
from collectors.aws.facts.scope import Setting
from collectors.scope_rows import Tally, listed
from evidence.model import Row, Scope
from evidence.reading import Reading


def normalize_account(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The scope's row, and gaps where regions or accounts may be missing."""
    tally = Tally(setting.operations)
    facts: dict[str, str | None] = {}
    for reading in readings:
        caller = reading.answer("sts:GetCallerIdentity", CallerIdentity)
        if caller is not None:
            facts["account"], facts["identity"] = caller.Account, caller.Arn
        if any(reading.of("account:GetAccountInformation")):
            named = reading.answer("account:GetAccountInformation", AccountInformation)
            facts["account_name"] = named.AccountName if named else None
        reading.answer("organizations:DescribeOrganization", DescribedOrganization)
        yield from _lists(setting, reading)
        tally.count(reading)
    yield from tally.rows(setting, **facts)


def _lists(setting: Setting, reading: Reading) -> Iterator[Row]:
    anchor = Scope(**setting.bookkeeping(setting.header.id, ()))
    if any(reading.of("account:ListRegions")):
        list(listed(reading, "account:ListRegions", Regions, lambda page: page.more))
    if any(reading.of("organizations:ListAccounts")):
        list(listed(reading, "organizations:ListAccounts", Members, lambda page: page.more))
    for operation in ("account:ListRegions", "organizations:ListAccounts"):
        if operation in reading.failures:
            yield setting.rows_missing(anchor, "scope", "", operation, reading.failures[operation])
