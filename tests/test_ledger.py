"""What changed between two tables, told in events, and the newer one made of them again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from include.errors import PermanentError
from include.first.contract import Column, Contract
from include.first.ledger import (
    EDITED,
    EVENTS,
    PUBLISHED,
    REPUBLISHED,
    RETRACTED,
    LedgerBroken,
    Matched,
    as_text,
    from_text,
    labelled,
    ledger_schema,
    match,
    replay,
    whole,
)
from include.vehicle_recalls.contract import CONTRACT as RECALLS
from include.vehicle_recalls.ledger import LEDGER_SCHEMA as RECALLS_LEDGER

KINDS = {
    "born": pa.date32(),
    "key": pa.string(),
    "name": pa.string(),
    "count": pa.int64(),
    "rate": pa.float64(),
    "risky": pa.bool_(),
}
CONTRACT = Contract(
    name="things",
    version="1",
    grain="One row is one thing.",
    key="key",
    sort_by=("born", "key"),
    columns=(
        Column("row_id", ":id", pa.string(), "Renewed daily.", ("text",), business=False),
        *(Column(name, name, kind, "A fact.", ("text",)) for name, kind in KINDS.items()),
    ),
)
SCHEMA = pa.schema([*KINDS.items(), ("year", pa.int32())])
LEDGER = ledger_schema(CONTRACT, "What changed.", "Its year.")
OBSERVED = datetime(2026, 6, 28, 9, 30, 43, tzinfo=UTC)
Row = dict[str, Any]
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.string(): st.text(),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(0, 100),
    pa.bool_(): st.booleans(),
    pa.date32(): st.dates(date(1966, 1, 1)),
}


def thing(key: str, **values: Any) -> Row:
    row: Row = {
        "born": date(2019, 3, 4),
        "key": key,
        "name": "a thing",
        "count": 7,
        "rate": 61.5,
        "risky": False,
    } | values
    return row | {"year": row["born"].year}


def rows_of(*things: Row) -> pa.Table:
    return pa.Table.from_pylist(list(things), schema=SCHEMA)


def told(events: pa.Table) -> list[tuple[Any, ...]]:
    """Key, year, field, old, new of each event, sorted."""
    names = ("key", "year", "field", "old", "new")
    return sorted((tuple(e[n] for n in names) for e in events.to_pylist()), key=str)


def one(version: int, event: str, key: str, year: int = 2019, /, **changes: Any) -> list[Row]:
    """The rows of one event: a field's name with its old and its new text."""
    return [
        {
            "version": version,
            "observed_at": OBSERVED,
            "key": key,
            "year": year,
            "event": event,
            "field": field,
            "old": old,
            "new": new,
        }
        for field, (old, new) in changes.items()
    ]


def events_of(*events: list[Row]) -> pa.Table:
    return pa.Table.from_pylist([row for rows in events for row in rows], schema=LEDGER)


def all_fields(row: Row) -> dict[str, str]:
    """Every text of a row that has none that is missing, spelled by hand."""
    return {
        "born": row["born"].isoformat(),
        "key": row["key"],
        "name": row["name"],
        "count": str(row["count"]),
        "rate": str(row["rate"]),
        "risky": "true" if row["risky"] else "false",
    }


def appears(row: Row) -> dict[str, tuple[None, str]]:
    return {field: (None, text) for field, text in all_fields(row).items()}


def vanishes(row: Row) -> dict[str, tuple[str, None]]:
    return {field: (text, None) for field, text in all_fields(row).items()}


def replayed(rows: Sequence[Row], *events: list[Row]) -> dict[str, Row]:
    after = replay(CONTRACT, rows_of(*rows), events_of(*events))
    assert after.schema.equals(SCHEMA)
    keys = after["key"].to_pylist()
    assert len(set(keys)) == len(keys)
    return {row["key"]: row for row in after.to_pylist()}


def broken(rows: Sequence[Row], *events: list[Row]) -> str:
    """What a replay of a wrong ledger says: one line, that trying again does not help."""
    with pytest.raises(LedgerBroken) as error:
        replayed(rows, *events)
    assert isinstance(error.value, PermanentError)
    assert "\n" not in str(error.value)
    assert "restore the ledger" in str(error.value)
    return str(error.value)


# Texts


@pytest.mark.parametrize("kind", VALUES, ids=str)
@settings(deadline=None)
@given(data=st.data())
def test_any_value_is_read_back_from_its_text(kind: pa.DataType, data: st.DataObject) -> None:
    """Control signs, empty texts, the smallest floats, all 64 bits, any day: same again."""
    values = data.draw(st.lists(st.none() | VALUES[kind], max_size=5))
    array = pa.array(values, kind)
    texts = as_text(array)
    assert texts.type == pa.string()
    assert from_text(texts, kind).equals(array)
    assert as_text(pa.chunked_array([array, array])).equals(pa.concat_arrays([texts, texts]))


@settings(deadline=None)
@given(st.floats(0, 100))
@example(0.1)
@example(1e-5)
@example(5e-324)
@example(2 / 3)
def test_a_float_has_one_text(value: float) -> None:
    """Two floats have the same text only when they are the same, so no edit is lost."""
    (text,) = as_text(pa.array([value])).to_pylist()
    assert float(text) == value
    assert len(text) <= len(repr(value)) + 2  # the shortest, whichever way the exponent is put


def test_zero_keeps_its_sign() -> None:
    """Minus nothing is not nothing; the sign that equality hides is in the text."""
    texts = as_text(pa.array([0.0, -0.0]))
    assert texts[0].as_py() != texts[1].as_py()
    assert [str(v) for v in from_text(texts, pa.float64()).to_pylist()] == ["0.0", "-0.0"]


def test_texts_are_spelled_as_people_would() -> None:
    """A reader of the ledger sees days, numbers and truths without a key to them."""
    columns = {
        pa.date32(): ([date(1966, 1, 19), None], ["1966-01-19", None]),
        pa.int64(): ([0, -1, 6_381_000], ["0", "-1", "6381000"]),
        pa.float64(): ([61.5, 100.0, 0.1], ["61.5", "100", "0.1"]),
        pa.bool_(): ([True, False, None], ["true", "false", None]),
        pa.string(): (["", None, "null", "é\x00\n"], ["", None, "null", "é\x00\n"]),
    }
    for kind, (values, texts) in columns.items():
        assert as_text(pa.array(values, kind)).to_pylist() == texts


def test_every_type_of_the_contract_was_tried() -> None:
    """A column of a new type needs its text tried above."""
    business = {c.type for c in RECALLS.columns if c.business}
    assert business == set(VALUES) == {c.type for c in CONTRACT.columns}


# Two versions held together


def matched(old: Sequence[Row], new: Sequence[Row]) -> Matched:
    return match(CONTRACT, rows_of(*old), rows_of(*new))


def test_the_same_rows_in_another_order_are_the_same() -> None:
    """Order is no change, and nulls equal nulls."""
    some = [thing("A"), thing("B", name=None, rate=None), thing("C", name="")]
    found = matched(some, some[::-1])
    assert sorted(found.same.to_pylist()) == ["A", "B", "C"]
    assert (found.edits.num_rows, len(found.edited)) == (0, 0)
    assert (found.gone.num_rows, found.fresh.num_rows) == (0, 0)


def test_an_edit_is_a_row_for_each_field_that_differs() -> None:
    """Two fields of one row and one of another; what is equal is not told."""
    before = [thing("A", rate=61.5), thing("B"), thing("C")]
    after = [thing("A", rate=62.0, risky=True), thing("B", count=8), thing("C")]
    found = matched(before, after)
    assert told(found.edits) == [
        ("A", 2019, "rate", "61.5", "62"),
        ("A", 2019, "risky", "false", "true"),
        ("B", 2019, "count", "7", "8"),
    ]
    assert found.edited.to_pylist() == ["A", "B"]
    assert found.same.to_pylist() == ["C"]


@pytest.mark.parametrize(
    ("before", "after"), [(None, ""), ("", None), ("", "x"), (None, "x"), ("x", None), ("x", "")]
)
def test_null_and_empty_are_two_things(before: str | None, after: str | None) -> None:
    """From nothing to an empty text is an edit, and back again another."""
    found = matched([thing("A", name=before)], [thing("A", name=after)])
    assert told(found.edits) == [("A", 2019, "name", before, after)]


def test_who_moves_to_another_year_has_another_date() -> None:
    """A move is one edit of the date, told with the year that it moved to."""
    found = matched([thing("A")], [thing("A", born=date(2021, 1, 1))])
    assert told(found.edits) == [("A", 2021, "born", "2019-03-04", "2021-01-01")]


def test_who_came_and_who_went_are_told_apart() -> None:
    """Rows of one side only come back whole, as that side has them."""
    found = matched([thing("A"), thing("B", count=1)], [thing("C", count=2), thing("A")])
    assert found.gone.to_pylist() == [thing("B", count=1)]
    assert found.fresh.to_pylist() == [thing("C", count=2)]
    assert found.same.to_pylist() == ["A"]


@pytest.mark.parametrize("old", [[], [thing("A")]])
@pytest.mark.parametrize("new", [[], [thing("A")]])
def test_nothing_can_be_matched(old: list[Row], new: list[Row]) -> None:
    """An empty side is a side."""
    found = matched(old, new)
    assert found.gone.num_rows == (1 if old and not new else 0)
    assert found.fresh.num_rows == (1 if new and not old else 0)
    assert len(found.same) == (1 if old and new else 0)


def test_a_row_that_comes_or_goes_is_told_whole() -> None:
    """One event a field that is not null, in the column of its side; an empty text is a value."""
    row = thing("A", name="", rate=None)
    fields = all_fields(row | {"rate": 0.0})
    del fields["rate"]
    for event in (PUBLISHED, RETRACTED):
        events = whole(CONTRACT, rows_of(row), event)
        assert events["event"].unique().to_pylist() == [event]
        old, new = [(text, None) for text in fields.values()], [(None, t) for t in fields.values()]
        sides = old if event == RETRACTED else new
        expected = [("A", 2019, f, *side) for f, side in zip(fields, sides, strict=True)]
        assert told(events) == sorted(expected, key=str)


def test_a_label_is_one_for_all_or_one_for_each() -> None:
    """Events get their kind in one go, or each its own."""
    events = matched([thing("A"), thing("B")], [thing("A", count=1), thing("B", count=2)]).edits
    assert labelled(events, EDITED)["event"].to_pylist() == [EDITED, EDITED]
    both = pa.array([PUBLISHED, RETRACTED])
    assert labelled(events, both)["event"].to_pylist() == [PUBLISHED, RETRACTED]


# The newer version made again


def test_no_events_change_nothing() -> None:
    """The rows stay, and whatever else a file has is left out."""
    rows = rows_of(thing("A"), thing("B", name=None)).append_column("row_id", pa.array(["1", "2"]))
    after = replay(CONTRACT, rows, LEDGER.empty_table())
    assert after.to_pylist() == [thing("A"), thing("B", name=None)]


def test_each_kind_of_event_does_what_it_says() -> None:
    """Published, edited, moved, emptied, retracted and republished, one after the other."""
    new, back = thing("N"), thing("A", count=9)
    after = replayed(
        [thing("A"), thing("B"), thing("C")],
        one(5, PUBLISHED, "N", **appears(new)),
        one(5, EDITED, "B", rate=("61.5", None), name=("a thing", "")),
        one(6, RETRACTED, "A", **vanishes(thing("A"))),
        one(7, EDITED, "B", 2020, born=("2019-03-04", "2020-01-02"), rate=(None, "1")),
        one(9, REPUBLISHED, "A", **appears(back)),
        one(10, EDITED, "N", name=("a thing", None)),
    )
    assert after == {
        "A": back,
        "B": thing("B", born=date(2020, 1, 2), rate=1.0, name=""),
        "C": thing("C"),
        "N": thing("N", name=None),
    }


def test_versions_are_taken_in_order_whatever_order_they_lie_in() -> None:
    """Nine comes before ten, and rows of one version may lie apart."""
    late, early = one(10, EDITED, "A", count=("8", "9")), one(9, EDITED, "A", count=("7", "8"))
    assert replayed([thing("A")], late, early) == {"A": thing("A", count=9)}


def test_what_was_retracted_before_the_rows_may_return() -> None:
    """A replay that starts in the middle does not know of retractions before."""
    assert replayed([], one(3, REPUBLISHED, "A", **appears(thing("A")))) == {"A": thing("A")}


def test_all_rows_may_go() -> None:
    """Nothing is left, with the columns still there."""
    assert replayed([thing("A")], one(2, RETRACTED, "A", **vanishes(thing("A")))) == {}


A = thing("A")
EDIT = one(3, EDITED, "A", count=("7", "8"))
PUBLISH = one(3, PUBLISHED, "N", **appears(thing("N")))
RETRACT = one(3, RETRACTED, "A", **vanishes(A))


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([EDIT, EDIT], ["version 3", "A is edited", "count", "told twice"]),
        ([PUBLISH, PUBLISH], ["version 3", "N is published", "told twice"]),
        ([EDIT, one(4, EDITED, "A", count=("7", "8"))], ["version 4", "count", "'8', not '7'"]),
        ([EDIT, one(5, EDITED, "A", count=("9", "10"))], ["version 5", "count", "'8', not '9'"]),
        ([one(3, EDITED, "A", name=(None, "x"))], ["version 3", "name", "'a thing', not None"]),
        ([one(3, EDITED, "A", name=("", "x"))], ["version 3", "name", "'a thing', not ''"]),
        ([one(3, EDITED, "Z", name=(None, "x"))], ["version 3", "Z is edited", "is not there"]),
        ([one(3, EDITED, "Z", name=("x", "y"))], ["version 3", "Z is edited", "None, not 'x'"]),
        ([PUBLISH, one(4, PUBLISHED, "N", **appears(thing("N")))], ["version 4", "N", "was"]),
        ([one(3, PUBLISHED, "B", risky=(None, "true"))], ["version 3", "B", "is there already"]),
        ([one(3, REPUBLISHED, "B", risky=(None, "true"))], ["version 3", "B", "there already"]),
        ([one(3, EDITED, "A", extra=(None, "x"))], ["version 3", "A", "extra", "nobody knows"]),
        ([one(3, "removed", "A", count=("7", None))], ["A is removed", "count", "nobody knows"]),
        ([RETRACT, one(4, PUBLISHED, "A", **appears(A))], ["version 4", "retracted before"]),
        ([RETRACT, one(4, RETRACTED, "A", **vanishes(A))], ["version 4", "A", "None, not"]),
        ([RETRACT, one(4, EDITED, "A", count=("7", "8"))], ["version 4", "None, not '7'"]),
        ([RETRACT[1:]], ["version 3", "has 6 fields, of which 5 are told"]),
        ([RETRACT[:3] + RETRACT[4:]], ["version 3", "of which 5 are told"]),
        ([RETRACT[:3], EDIT], ["version 3", "told twice"]),
        ([one(3, RETRACTED, "A", **vanishes(A | {"rate": 60.5}))], ["'61.5', not '60.5'"]),
        ([one(3, RETRACTED, "Z", name=(None, None))], ["version 3", "Z", "is not there"]),
    ],
)
def test_a_ledger_that_is_wrong_is_refused(events: list[list[Row]], words: list[str]) -> None:
    """Doubled, skipped, torn or of another history: named by version, key and field."""
    said = broken([A, thing("B", risky=None)], *events)
    for word in words:
        assert word in said, said


def test_a_return_of_what_returned_already_is_refused() -> None:
    """Retracted once, it comes back once."""
    back = appears(thing("A"))
    events = [RETRACT, one(4, REPUBLISHED, "A", **back), one(5, REPUBLISHED, "A", **back)]
    assert "version 5" in broken([A], *events)


def test_a_retraction_between_is_never_forgotten() -> None:
    """Published, retracted, and published as if for the first time: refused."""
    events = [
        PUBLISH,
        one(4, RETRACTED, "N", **vanishes(thing("N"))),
        one(6, PUBLISHED, "N", **appears(thing("N"))),
    ]
    assert "was retracted before" in broken([], *events)


THINGS = st.builds(
    thing,
    st.just(""),
    name=st.none() | st.sampled_from(["", "x", "null", "\x00"]),
    count=st.none() | st.integers(0, 2),
    rate=st.none() | st.floats(0, 100) | st.just(0.0),
    risky=st.none() | st.booleans(),
    born=st.sampled_from([date(2019, 1, 1), date(2019, 1, 2), date(2020, 1, 1)]),
)
TABLES = st.dictionaries(st.sampled_from("ABCDEF"), THINGS).map(
    lambda found: [row | {"key": key} for key, row in found.items()]
)


@settings(deadline=None)
@given(TABLES, TABLES)
def test_what_is_matched_replays(old: list[Row], new: list[Row]) -> None:
    """Any two tables: the events between them, put onto the older, give the newer exactly."""
    found = matched(old, new)
    parts = [
        labelled(found.edits, EDITED),
        whole(CONTRACT, found.gone, RETRACTED),
        whole(CONTRACT, found.fresh, PUBLISHED),
    ]
    events = pa.concat_tables(parts).append_column("version", pa.array([1] * sum(map(len, parts))))
    after = replay(CONTRACT, rows_of(*old), events)
    assert after.sort_by("key").to_pylist() == sorted(new, key=lambda row: row["key"])
    keys = {"same": found.same, "edited": found.edited, "fresh": found.fresh["key"]}
    assert sorted(key for some in keys.values() for key in some.to_pylist()) == sorted(
        row["key"] for row in new
    )


def test_the_ledgers_columns_are_the_ones_in_the_design() -> None:
    """Names, types and order that readers rely on; each with a sentence; only texts may be null."""
    assert RECALLS_LEDGER.names == [
        *("version", "observed_at", "nhtsa_id", "year", "event", "field", "old", "new")
    ]
    assert [str(field.type) for field in RECALLS_LEDGER] == [
        *("int64", "timestamp[us, tz=UTC]", "string", "int32", *["string"] * 4)
    ]
    assert [field.name for field in RECALLS_LEDGER if field.nullable] == ["old", "new"]
    assert all(field.metadata[b"comment"].endswith(b".") for field in RECALLS_LEDGER)
    assert EVENTS == ("published", "edited", "retracted", "republished")


def test_a_ledger_has_the_key_of_its_contract_and_a_year_only_where_rows_have_one() -> None:
    """A number stays a number as a key, money keeps its cents, and the replay needs no year."""
    money = pa.decimal128(18, 2)
    kinds = {"id": pa.int64(), "price": money}
    priced = Contract(
        name="priced",
        version="1",
        grain="One row is one price.",
        key="id",
        sort_by=("id",),
        columns=tuple(Column(name, name, kind, "A fact.", ()) for name, kind in kinds.items()),
    )
    schema = ledger_schema(priced, "What changed.")
    assert schema.names == ["version", "observed_at", "id", "event", "field", "old", "new"]
    assert schema.field("id").type == pa.int64()

    def rows(prices: dict[int, str]) -> pa.Table:
        columns = [list(prices), [Decimal(price) for price in prices.values()]]
        return pa.table(columns, schema=pa.schema(list(kinds.items())))

    old, new = rows({9: "39.00", 10: "7.50", 11: "1.00"}), rows({9: "41.00", 11: "1.00", 2: "3.10"})
    found = match(priced, old, new)
    assert found.edits.to_pylist() == [{"id": 9, "field": "price", "old": "39.00", "new": "41.00"}]
    events = pa.concat_tables(
        [
            labelled(found.edits, EDITED),
            whole(priced, found.gone, RETRACTED),
            whole(priced, found.fresh, PUBLISHED),
        ]
    )
    told_at = {"version": pa.array([1] * len(events)), "observed_at": pa.nulls(len(events))}
    for name, values in told_at.items():
        events = events.append_column(name, values)
    after = replay(priced, old, events)
    assert after.sort_by("id").to_pylist() == new.sort_by("id").to_pylist()
