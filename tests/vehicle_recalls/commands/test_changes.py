"""The one call and the lines for people: which rows of the ledger answer which question."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from botocore.client import BaseClient

from include.first.lake import Lake
from include.vehicle_recalls.commands.asking import Unanswerable
from include.vehicle_recalls.commands.changes import changes, makers
from include.vehicle_recalls.commands.lines import shown
from include.vehicle_recalls.ledger import LEDGER_SCHEMA, read_ledger
from tests.vehicle_recalls.chronicle import (
    GONE,
    LATE,
    QUIET,
    RENAMED,
    RETURNING,
    RISING,
    write_chronicle,
)
from tests.vehicle_recalls.evidence import new_lake

WIDTH = 100


@pytest.fixture(scope="module")
def told(s3: BaseClient, s3_url: str) -> Lake:
    lake = new_lake(s3, s3_url)
    write_chronicle(lake)
    return lake


def found(lake: Lake, **question: Any) -> list[dict[str, Any]]:
    return [row for table in changes(lake, **question) for row in table.to_pylist()]


def keys(lake: Lake, **question: Any) -> set[str]:
    return {row["nhtsa_id"] for row in found(lake, **question)}


def versions(lake: Lake, **question: Any) -> list[int]:
    return sorted({row["version"] for row in found(lake, **question)})


def test_no_question_gets_the_whole_ledger(told: Lake):
    """Every row comes, a table for each version, in the order of versions."""
    tables = list(changes(told))
    assert [set(table["version"].to_pylist()) for table in tables] == [{2}, {3}, {4}]
    assert all(table.schema.equals(LEDGER_SCHEMA) for table in tables)
    assert pa.concat_tables(tables) == pa.concat_tables(read_ledger(told))


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ({"since": date(2026, 6, 29)}, [2, 3, 4]),
        ({"since": date(2026, 6, 30)}, [3, 4]),
        ({"since": datetime(2026, 6, 29, 9, 30, 43, tzinfo=UTC)}, [2, 3, 4]),
        ({"since": datetime(2026, 6, 29, 9, 30, 44, tzinfo=UTC)}, [3, 4]),
        ({"since": datetime(2026, 7, 5)}, [3, 4]),  # noqa: DTZ001
        ({"until": date(2026, 6, 29)}, [2]),
        ({"until": date(2026, 6, 28)}, []),
        ({"until": date(2026, 7, 4)}, [2]),
        ({"until": datetime(2026, 7, 5, tzinfo=UTC)}, [2, 3]),
        ({"since": date(2026, 7, 5), "until": date(2026, 7, 5)}, [3]),
        ({"since": date(2026, 10, 11)}, []),
    ],
)
def test_both_ends_of_the_time_are_included(
    told: Lake, question: dict[str, date], wanted: list[int]
):
    """A day is all of its hours in UTC, an instant is itself; without a zone it is UTC."""
    assert versions(told, **question) == wanted


def test_campaigns_by_number(told: Lake):
    """Only these come, however the number is typed."""
    assert keys(told, nhtsa_ids=[f" {RISING.lower()} ", QUIET]) == {RISING, QUIET}


@pytest.mark.parametrize(
    ("manufacturer", "wanted"),
    [
        # Now, or before it was retracted, or only since it was renamed: with all its changes.
        ("fOrD", {RISING, GONE, RENAMED}),
        ("acme", {RENAMED}),  # as it was called once
        ("Kia", {RETURNING, QUIET, LATE}),
        ("Ford M", {RISING}),
        ("F.rd", set()),  # no pattern
        ("nobody", set()),
    ],
)
def test_recalls_by_manufacturer(told: Lake, manufacturer: str, wanted: set[str]):
    """A part of the name chooses all who have it now or ever had it, with all their changes."""
    assert keys(told, manufacturer=manufacturer) == wanted
    assert found(told, manufacturer=manufacturer) == (
        found(told, nhtsa_ids=wanted) if wanted else []
    )


def test_a_manufacturer_and_a_number_hold_together(told: Lake):
    """Both must be so."""
    assert keys(told, manufacturer="ford", nhtsa_ids=[RISING, QUIET]) == {RISING}
    assert keys(told, manufacturer="ford", nhtsa_ids=[QUIET]) == set()


def test_fields_and_events(told: Lake):
    """Rows of these fields; events of these kinds; and both together."""
    assert {row["field"] for row in found(told, fields=["subject", "do_not_drive"])} == {
        "subject",
        "do_not_drive",
    }
    assert keys(told, events=["retracted"]) == {RETURNING, GONE}
    assert keys(told, events=["published", "republished"]) == {LATE, RETURNING}
    (edit,) = found(told, fields=["do_not_drive"], events=["edited"])
    assert (edit["nhtsa_id"], edit["old"], edit["new"]) == (RISING, "true", "false")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"fields": ["colour"]}, ["'colour'", "do_not_drive", "completion_rate"]),
        ({"events": ["deleted"]}, ["'deleted'", "published, edited, retracted, republished"]),
        ({"nhtsa_ids": ["24V\x07"]}, ["'24V\\x07'", "24V436000"]),
    ],
)
def test_a_question_that_has_no_answer(
    told: Lake, question: dict[str, Collection[str]], words: list[str]
):
    """It is refused at once, before anything is read, and the message says what there is."""
    with pytest.raises(Unanswerable) as refused:
        changes(told, **question)  # type: ignore[arg-type]
    assert all(word in str(refused.value) for word in words)


def test_the_lines_for_people(told: Lake):
    """An edit has a line a field; the other events one; the last line counts."""
    lines = list(shown(changes(told), WIDTH))
    assert lines[0] == "version 2, read 2026-06-29 09:30 UTC"
    assert f"  {RISING}  edited       completion_rate: 61.5 -> 70" in lines
    assert f"  {RENAMED}  edited       mfr_campaign_number: 19S01 -> (empty)" in lines
    assert f"  {RENAMED}  edited       completion_rate: 15 -> (none)" in lines
    assert [line for line in lines if LATE in line and "published" in line] == [
        f"  {LATE}  published    Kia America: New"
    ]
    assert f"  {GONE}  retracted    FORD OF EUROPE: Brake hose may crack" in lines
    assert f"  {RETURNING}  republished  Kia America: Brake hose may crack" in lines
    assert lines[-1] == (
        "1 published, 6 edited (11 fields), 2 retracted, 1 republished; 3 versions"
    )


def test_control_characters_are_seen_and_not_obeyed(told: Lake):
    """The source's bell does not ring."""
    lines = "\n".join(shown(changes(told, nhtsa_ids=[QUIET]), WIDTH))
    assert "subject: Brake hose may crack -> A bell \\x07 rings" in lines
    assert "\x07" not in lines


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(told: Lake, width: int):
    """Long values are cut, and every recall still has its line."""
    lines = list(shown(changes(told, events=["published", "edited", "retracted"]), width))
    assert max(map(len, lines[:-1])) <= width
    assert len([line for line in lines if line.startswith("  19V")]) == 11 + 1 + 2


def test_only_the_fields_that_were_asked_for_are_shown(told: Lake):
    """A published recall says what it has of them."""
    lines = list(shown(changes(told, nhtsa_ids=[LATE], fields=["potentially_affected"]), WIDTH))
    assert f"  {LATE}  published    potentially_affected 100" in lines


def test_nothing_found_is_said(told: Lake):
    """One line, and no heads without rows."""
    assert list(shown(changes(told, nhtsa_ids=["99V000000"]), WIDTH)) == [
        "nothing found: the ledger has no such change"
    ]


@pytest.mark.parametrize(
    ("asked", "wanted"), [([2], [2]), ([4, 2], [2, 4]), ([1, 99], []), ((), [2, 3, 4])]
)
def test_versions_by_number(told: Lake, asked: Collection[int], wanted: list[int]):
    """Only the rows of these versions come, not of those between."""
    assert versions(told, versions=asked) == wanted


def test_every_line_names_a_manufacturer(told: Lake):
    """An edit says whose recall it is, now or before it was gone; a narrow screen has no room."""
    wide = list(shown(changes(told), WIDTH, maker=makers(told)))
    assert (
        f"  {RISING}  {'Ford Motor Company':<24}  edited       completion_rate: 61.5 -> 70" in wide
    )
    assert any(line.startswith(f"  {GONE}  FORD OF EUROPE") for line in wide)
    assert max(map(len, wide)) <= WIDTH
    narrow = list(shown(changes(told, events=["edited"]), 60, maker=makers(told)))
    assert f"  {RISING}  edited       completion_rate: 61.5 -> 70" in narrow


def test_flags_that_are_false_are_counted_and_not_shown(told: Lake):
    """They would bury the edits; who asks for one campaign sees its flags as well."""
    question = {"fields": ["fire_risk_when_parked"]}
    (line,) = shown(changes(told, **question), WIDTH)
    assert line == (
        "1 published, 2 retracted, 1 republished; 3 versions; "
        "4 of them not shown: all that was asked for is false"
    )
    lines = list(shown(changes(told, **question, nhtsa_ids=[LATE]), WIDTH, all_flags=True))
    assert f"  {LATE}  published    fire_risk_when_parked false" in lines
    both = changes(told, fields=["fire_risk_when_parked", "potentially_affected"])
    assert f"  {LATE}  published    potentially_affected 100" in list(shown(both, WIDTH))
