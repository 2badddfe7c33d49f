from __future__ import annotations

import json

from include.vehicle_recalls.rows import FIELDS, read_rows

ROW = {
    ":id": "row-1",
    "nhtsa_id": "24V436000",
    "recall_link": {"url": "https://www.nhtsa.gov/recalls?nhtsaId=24V436000", "description": "Go"},
    "potentially_affected": "96310",
    "unknown_column": "kept in raw",
}


def lines(*rows: dict[str, object]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def test_each_field_of_the_contract_is_a_text_column():
    """An absent key is a null, an unknown one is left out, a link is just its url."""
    table, problems = read_rows(lines(ROW, {"nhtsa_id": "24V000001"}))
    assert table.schema.names == FIELDS
    assert table["recall_link"].to_pylist() == [ROW["recall_link"]["url"], None]
    assert table["potentially_affected"].to_pylist() == ["96310", None]
    assert problems == {}


def test_no_rows_give_an_empty_table():
    """An empty page has all columns."""
    table, problems = read_rows(b"")
    assert (table.num_rows, table.schema.names, problems) == (0, FIELDS, {})


def test_a_link_may_be_plain_text():
    """One row with a plain link does not spoil the page."""
    table, problems = read_rows(lines(ROW, ROW | {"recall_link": "https://example.org"}))
    assert table["recall_link"].to_pylist() == [ROW["recall_link"]["url"], "https://example.org"]
    assert problems == {}


def test_a_number_may_be_a_number():
    """Numbers where the contract wants numbers are read either way."""
    table, problems = read_rows(
        lines(ROW | {"potentially_affected": 96310}, ROW | {"completion_rate": 61.5})
    )
    assert table["potentially_affected"].to_pylist() == ["96310", "96310"]
    assert table["completion_rate"].to_pylist() == [None, "61.5"]
    assert problems == {}


def test_what_is_no_text_is_named():
    """A list, an object or a flag in a text field is a reason, and its row is known."""
    _, problems = read_rows(lines(ROW, ROW | {"manufacturer": ["a"]}, ROW | {"subject": True}))
    assert problems == {
        1: ['manufacturer: ["a"] is no text'],
        2: ["subject: true is no text"],
    }
