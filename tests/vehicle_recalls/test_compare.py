"""Two versions held side by side give the counts and events that plain Python gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.first.bucket import Missing
from include.first.keys import Keys
from include.first.lake import Lake
from include.first.ledger import EDITED, PUBLISHED, RETRACTED
from include.vehicle_recalls import compare as compare_module
from include.vehicle_recalls.compare import Comparison, compare, read_years
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.state import YearState
from tests.vehicle_recalls.evidence import Row

KEYS = Keys(CONTRACT.name)
SCHEMA = pa.schema([CONTRACT.schema.field(name) for name in CONTRACT.business_columns])
YEARS = range(2018, 2022)
Facts = Mapping[str, Row]  # by key
Event = tuple[str, str, int, str, str | None, str | None]


class Shelf(Lake):
    """Files of a lake that only lie in memory, and how often each was read."""

    def __init__(self) -> None:
        self.tables: dict[str, pa.Table] = {}
        self.reads: list[tuple[str, list[str] | None]] = []

    def read_parquet(self, key: str, columns: list[str] | None = None) -> pa.Table:
        self.reads.append((key, columns))
        if key not in self.tables:
            raise Missing(f"{key} does not exist")
        return self.tables[key].select(columns) if columns else self.tables[key]

    def keep(self, version: str, facts: Facts, *, rename: bool = False) -> dict[int, YearState]:
        """The years of a version; what does not differ has the same path, unless renamed."""
        states = {}
        for year in sorted({row["report_received_date"].year for row in facts.values()}):
            rows = [row for row in facts.values() if row["report_received_date"].year == year]
            rows.sort(key=lambda row: row["nhtsa_id"])
            table = pa.Table.from_pylist(rows, schema=SCHEMA)
            same = [path for path, known in self.tables.items() if known.equals(table)]
            path = f"{KEYS.table}/{year}/{version}.parquet"
            if same and not rename:
                path = same[0]
            self.tables[path] = table
            name = path.removeprefix(f"{KEYS.table}/")
            states[year] = YearState(name, name, name, len(rows), "", "")
        return states


def a_fact(key: str, day: date, **changes: Any) -> Row:
    nothing = dict.fromkeys(CONTRACT.business_columns)
    return nothing | {"nhtsa_id": key, "report_received_date": day} | changes


FACTS = st.dictionaries(
    st.sampled_from("ABCDEFGHIJ"),
    st.builds(
        a_fact,
        st.just(""),
        st.builds(date, st.sampled_from(YEARS), st.integers(1, 2), st.just(1)),
        subject=st.sampled_from([None, "", "x"]),
        potentially_affected=st.sampled_from([None, 0, 7]),
        completion_rate=st.sampled_from([None, 0.0, 61.5]),
        do_not_drive=st.sampled_from([None, True, False]),
    ),
).map(lambda found: {key: row | {"nhtsa_id": key} for key, row in found.items()})


@st.composite
def two_versions(draw: st.DrawFn) -> tuple[dict[str, Row], dict[str, Row]]:
    """The second has some campaigns as they were, some edited or moved, some new, some lost."""
    before, other = draw(FACTS), draw(FACTS)
    stays = {key: row for key, row in before.items() if draw(st.booleans())}
    return before, {**other, **stays} if draw(st.booleans()) else other


def year_of(row: Row) -> int:
    day: date = row["report_received_date"]
    return day.year


def text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else f"{value:g}"


def by_hand(before: Facts, after: Facts) -> set[Event]:
    """Every event between two versions, field by field."""
    events: set[Event] = set()
    for key in {*before, *after}:
        old, new = before.get(key), after.get(key)
        event = RETRACTED if new is None else PUBLISHED if old is None else EDITED
        year = year_of(new or old or {})
        for name in CONTRACT.business_columns:
            sides = (text(old[name]) if old else None, text(new[name]) if new else None)
            if sides[0] != sides[1]:
                events.add((event, key, year, name, *sides))
    return events


def told(comparison: Comparison) -> list[Event]:
    assert comparison.events is not None
    names = ("event", "nhtsa_id", "year", "field", "old", "new")
    return [tuple(row[name] for name in names) for row in comparison.events.to_pylist()]


def keys_of(*keys: str) -> pa.Array:
    return pa.array(keys, pa.string())


def compared(
    before: Facts, after: Facts, *kept: str, with_events: bool = True, rename: bool = False
) -> Comparison:
    shelf = Shelf()
    old, new = shelf.keep("1", before), shelf.keep("2", after, rename=rename)
    return compare(shelf, old, new, keys_of(*kept), with_events=with_events)


@pytest.mark.parametrize("rows_at_once", [1, 4, 50_000])
@pytest.mark.parametrize("with_events", [True, False])
@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(versions=two_versions(), data=st.data())
def test_any_two_versions_compare_as_they_do_by_hand(
    monkeypatch: pytest.MonkeyPatch,
    rows_at_once: int,
    with_events: bool,
    versions: tuple[dict[str, Row], dict[str, Row]],
    data: st.DataObject,
) -> None:
    """All counts and all events, once each, however few years fit into memory together."""
    monkeypatch.setattr(compare_module, "ROWS_AT_ONCE", rows_at_once)
    before, after = versions
    both = set(before) & set(after)
    same = {key for key in both if before[key] == after[key]}
    kept = {key for key in sorted(same) if data.draw(st.booleans())}
    shelf = Shelf()
    old, new = shelf.keep("1", before), shelf.keep("2", after)
    found = compare(shelf, old, new, keys_of(*sorted(kept), "Z"), with_events=with_events)
    changed = {year for year in {*old, *new} if old.get(year) != new.get(year)}
    seen = {key for key in same if year_of(after[key]) in changed}
    assert found._replace(events=None) == Comparison(
        published=len(set(after) - set(before)),
        edited=len(both - same),
        retracted=len(set(before) - set(after)),
        unchanged=len(seen - kept),
        kept_found=len(seen & kept),
        events=None,
    )
    if with_events:
        events = told(found)
        assert len(events) == len(set(events))
        assert set(events) == by_hand(before, after)
    else:
        assert found.events is None


def test_a_move_that_crosses_groups_is_an_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read years apart, the campaign that left one and came into another is one and the same."""
    monkeypatch.setattr(compare_module, "ROWS_AT_ONCE", 1)
    a, b, c = (a_fact("A", date(year, 3, 4), subject="x") for year in (2018, 2019, 2021))
    there = compared({"A": a, "B": b | {"nhtsa_id": "B"}}, {"A": c, "B": b | {"nhtsa_id": "B"}})
    assert told(there) == [(EDITED, "A", 2021, "report_received_date", "2018-03-04", "2021-03-04")]
    back = compared({"A": c}, {"A": a | {"subject": None}})
    assert set(told(back)) == {
        (EDITED, "A", 2018, "report_received_date", "2021-03-04", "2018-03-04"),
        (EDITED, "A", 2018, "subject", "x", None),
    }
    assert (back.published, back.edited, back.retracted) == (0, 1, 0)


def test_two_that_change_places_are_two_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each moves into the year of the other."""
    monkeypatch.setattr(compare_module, "ROWS_AT_ONCE", 1)
    days = date(2018, 1, 1), date(2020, 1, 1)
    before = {"A": a_fact("A", days[0]), "B": a_fact("B", days[1])}
    after = {"A": a_fact("A", days[1]), "B": a_fact("B", days[0])}
    found = compared(before, after)
    assert (found.published, found.edited, found.retracted) == (0, 2, 0)
    assert set(told(found)) == by_hand(before, after)


@pytest.mark.parametrize("rows_at_once", [1, 50_000])
@pytest.mark.parametrize("day", [date(2018, 3, 4), date(2018, 3, 5), date(2020, 1, 1)])
def test_a_kept_campaign_that_was_edited_is_still_found(
    monkeypatch: pytest.MonkeyPatch, day: date, rows_at_once: int
) -> None:
    """Counted as edited and as kept, so that the counts do not add up and publish refuses."""
    monkeypatch.setattr(compare_module, "ROWS_AT_ONCE", rows_at_once)
    after = {"A": a_fact("A", day, subject="x")}
    found = compared({"A": a_fact("A", date(2018, 3, 4))}, after, "A")
    assert (found.edited, found.unchanged, found.kept_found) == (1, 0, 1)


def test_a_kept_campaign_of_a_year_that_does_not_change_is_not_found() -> None:
    """It is counted where the year is: apart."""
    a, b = a_fact("A", date(2018, 1, 1)), a_fact("B", date(2019, 1, 1))
    found = compared({"A": a, "B": b}, {"A": a, "B": b | {"subject": "x"}}, "A")
    assert (found.edited, found.unchanged, found.kept_found) == (1, 0, 0)


def test_new_files_of_the_same_facts_change_nothing() -> None:
    """A year that was only written anew has no events, and all its campaigns are unchanged."""
    facts = {"A": a_fact("A", date(2018, 1, 1)), "B": a_fact("B", date(2019, 1, 1))}
    found = compared(facts, facts, rename=True)
    assert (found.published, found.edited, found.retracted, found.unchanged) == (0, 0, 0, 2)
    assert told(found) == []


@pytest.mark.parametrize("with_events", [True, False])
def test_nothing_and_nothing_compare(with_events: bool) -> None:
    """No years on either side: no counts, and events that are an empty table, if any."""
    found = compared({}, {}, with_events=with_events)
    assert found[:5] == (0, 0, 0, 0, 0)
    assert (found.events is None) != with_events


def test_years_that_stay_are_not_read() -> None:
    """An unchanged year costs nothing, and each file of a changed one is read once."""
    shelf = Shelf()
    facts = {key: a_fact(key, date(year, 1, 1)) for key, year in zip("ABC", YEARS, strict=False)}
    old = shelf.keep("1", facts)
    new = shelf.keep("2", facts | {"B": facts["B"] | {"subject": "x"}})
    compare(shelf, old, new, keys_of(), with_events=True)
    assert sorted(key for key, _ in shelf.reads) == [
        f"{KEYS.table}/2019/1.parquet",
        f"{KEYS.table}/2019/2.parquet",
    ]


def test_of_a_first_read_only_the_keys_are_read() -> None:
    """Without events, years that are new are counted by their keys alone."""
    shelf = Shelf()
    new = shelf.keep("1", {key: a_fact(key, date(2018, 1, 1)) for key in "AB"})
    found = compare(shelf, {}, new, keys_of(), with_events=False)
    assert found[:5] == (2, 0, 0, 0, 0)
    assert [columns for _, columns in shelf.reads] == [["nhtsa_id"]]


def test_rows_are_read_with_their_year() -> None:
    """All years of a version in one table, each row with the year of its file."""
    shelf = Shelf()
    facts = {key: a_fact(key, date(year, 1, 1)) for key, year in zip("ABC", YEARS, strict=False)}
    rows = read_years(shelf, shelf.keep("1", facts), ["nhtsa_id", "subject"])
    assert rows.to_pylist() == [
        {"nhtsa_id": key, "subject": None, "year": year}
        for key, year in zip("ABC", YEARS, strict=False)
    ]
    assert read_years(shelf, {}, ["nhtsa_id"]).schema.names == ["nhtsa_id", "year"]


def test_a_file_that_is_gone_is_named() -> None:
    """What cannot be compared is told, never taken for empty."""
    shelf = Shelf()
    old = shelf.keep("1", {"A": a_fact("A", date(2018, 1, 1))})
    shelf.tables.clear()
    with pytest.raises(Missing, match=r"2018/1\.parquet does not exist"):
        compare(shelf, old, {}, keys_of(), with_events=True)
