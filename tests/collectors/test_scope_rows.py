"""What the rows of every scope share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from collectors.scope_rows import NOT_ASKED, listed
from evidence.observation import Observation, Status
from evidence.reading import Answer, Flag, Reading, Text

Make = Callable[..., Observation]
OPERATION = "kms:DescribeKey"


class Page(Answer):
    Items: list[Text]
    More: Flag = False


def _pages(observation: Make, bodies: Sequence[str | Status]) -> tuple[list[str], Reading]:
    made = [
        observation(body=body if isinstance(body, str) and not isinstance(body, Status) else "{}", parameters={"n": n})
        if not isinstance(body, Status)
        else observation(status=body, error="no", parameters={"n": n})
        for n, body in enumerate(bodies)
    ]
    reading = Reading("", made)
    found = [item for _, page in listed(reading, OPERATION, Page, lambda page: page.More) for item in page.Items]
    return found, reading


FIRST, LAST = '{"Items": ["a"], "More": true}', '{"Items": ["b"]}'


@pytest.mark.parametrize(
    ("bodies", "items", "told"),
    [
        ([FIRST, LAST], ["a", "b"], ""),
        ([LAST], ["b"], ""),
        ([], [], NOT_ASKED),
        ([FIRST], ["a"], "the list ends before its last page"),
        ([FIRST, Status.REFUSED], ["a"], "no"),
        ([FIRST, "{}"], ["a"], "the answer is not what the operation documents: Items: Field required"),
        ([FIRST, Status.FAILED, LAST], ["a", "b"], "no"),
    ],
)
def test_a_list_is_whole_or_says_that_it_is_not(
    observation: Make, bodies: list[str | Status], items: list[str], told: str
) -> None:
    found, reading = _pages(observation, bodies)
    assert found == items
    assert [failure.error for failure in reading.failures.values()] == ([told] if told else [])
