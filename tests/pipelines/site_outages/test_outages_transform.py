"""Selects the outages to post and quarantines invalid ones."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from fakes.made_up_outages import KINGFISHER
from include.site_outages.transform import SiteOutages, instant, site_outages

SINCE = datetime(2022, 1, 1, tzinfo=UTC)
ONE, TWO = "002b28fc-283c-47ec-9af2-ea287336dc1b", "086b0d53-b311-4441-aaf3-935646f03d4d"
SITE: dict[str, Any] = {
    "id": "kingfisher",
    "name": "KingFisher",
    "devices": [{"id": ONE, "name": "Battery 1"}, {"id": TWO, "name": "Battery 2"}],
}
BEGIN, END = "2023-02-01T06:00:00.000Z", "2023-02-04T18:30:00.250Z"


def outage(**fields: Any) -> dict[str, Any]:
    return {"id": ONE, "begin": BEGIN, "end": END} | fields


def transform(*listed: Any, devices: Any = None) -> SiteOutages:
    site = SITE if devices is None else SITE | {"devices": devices}
    return site_outages(list(listed), site, SINCE)


def test_official_example_gives_three_named_outages_in_order() -> None:
    made = transform(*KINGFISHER.outages)
    names = {ONE: "Battery 1", TWO: "Battery 2"}
    listed = [KINGFISHER.outages[place] for place in (1, 2, 4)]
    assert made.payload == [{**o, "name": names[str(o["id"])]} for o in listed]
    assert [list(row) for row in made.payload] == [["id", "name", "begin", "end"]] * 3
    assert made.counts == {"of_other_sites": 2, "too_early": 1}
    assert made.quarantined.num_rows == 0
    assert made.oddities == []
    row = made.rows.to_pylist()[0]
    assert row["outage_id"] == f"kingfisher/{row['id']}/{row['begin']}"
    assert (row["site_id"], row["site_name"]) == ("kingfisher", "KingFisher")
    assert row["begin_at"] == datetime(2022, 5, 23, 12, 21, 27, 377_000, tzinfo=UTC)
    assert row["end_at"] == instant(row["end"])


@pytest.mark.parametrize(
    ("begin", "is_posted"),
    [
        ("2022-01-01T00:00:00.000Z", True),
        ("2022-01-01T00:00Z", True),
        ("2022-01-01T00:00:00.000000000Z", True),
        ("2022-01-01T01:00:00.000+01:00", True),
        ("2022-01-01T00:00:00.001Z", True),
        ("2021-12-31T23:59:59.999Z", False),
        ("2021-12-31T23:59:59.999999999Z", False),
        ("2022-01-01T00:59:59.999+01:00", False),
    ],
)
def test_outage_that_begins_at_or_after_since_is_posted_unchanged(
    begin: str, is_posted: bool
) -> None:
    made = transform(outage(begin=begin))
    assert [row["begin"] for row in made.payload] == [begin] * is_posted
    assert made.counts["too_early"] == (not is_posted)


@pytest.mark.parametrize(
    "begin",
    [
        *("", " ", "sometime in spring", "2023-02-30T00:00:00Z", "2023-02-01", BEGIN + "\n"),
        *("2023-02-01T06:00:00", "2023-02-01T06:00:60Z", "2023-02-01T24:00:00Z"),
        *("0001-01-01T00:00:00+01:00", "٢٠٢٣-02-01T06:00:00Z"),
        *(None, 0, True, 1675231200, ["2023"], {}),
    ],
    ids=ascii,
)
def test_invalid_begin_is_quarantined(begin: Any) -> None:
    assert instant(begin) is None
    made = transform(outage(begin=begin), outage(id=TWO))
    assert [row["id"] for row in made.payload] == [TWO]
    (bad,) = made.quarantined.to_pylist()
    assert bad["reasons"] == f"begin: {json.dumps(begin)} is not a point in time"
    assert json.loads(bad["raw"]) == outage(begin=begin)


def test_quarantine_names_every_reason_and_the_place_in_the_list() -> None:
    made = transform("?", {"id": ONE, "end": 5}, devices=[{"id": ONE, "name": None}])
    assert made.quarantined.select(["key", "reasons"]).to_pylist() == [
        {
            "key": "kingfisher/place 1 of the list",
            "reasons": "it is not an outage with an id",
        },
        {
            "key": "kingfisher/place 2 of the list",
            "reasons": "begin: null is not a point in time; end: 5 is not a text; "
            "name: the site gives this device no name",
        },
    ]


@pytest.mark.parametrize(
    ("fields", "end_at", "oddity"),
    [
        ({}, None, None),
        ({"end": None}, None, None),
        ({"end": ""}, None, 'ends ""; it is posted as it came'),
        ({"end": "2023-02-30T00:00:00.000Z"}, None, "it is posted as it came"),
        ({"end": BEGIN}, instant(BEGIN), None),
        ({"end": "2023-01-31T06:00:00Z"}, instant("2023-01-31T06:00:00Z"), "ends before it"),
    ],
    ids=ascii,
)
def test_end_is_posted_unchanged(fields: dict[str, Any], end_at: Any, oddity: str | None) -> None:
    made = transform({"id": ONE, "begin": BEGIN, **fields})
    assert made.payload == [{"id": ONE, "name": "Battery 1", "begin": BEGIN, **fields}]
    assert made.rows["end_at"].to_pylist() == [end_at]
    assert len(made.oddities) == bool(oddity)
    assert (oddity or "") in "".join(made.oddities)


@pytest.mark.parametrize("end", [0, 1.5, True, [], {"at": END}, float("nan")], ids=str)
def test_end_that_is_not_text_is_quarantined(end: Any) -> None:
    made = transform(outage(end=end), outage(id=TWO))
    assert [row["id"] for row in made.payload] == [TWO]
    assert "is not a text" in made.quarantined["reasons"][0].as_py()


def test_copies_stay_in_place_with_separate_keys() -> None:
    made = transform(outage(), outage(id=TWO), outage(), outage(end=None))
    key = f"kingfisher/{ONE}/{BEGIN}"
    assert [(row["id"], row["end"]) for row in made.payload] == [
        *((ONE, END), (TWO, END), (ONE, END), (ONE, None))
    ]
    keys = made.rows["outage_id"].to_pylist()
    assert [keys[place] for place in (0, 2, 3)] == [key, f"{key}#2", f"{key}#3"]
    assert [oddity.split(" ")[0] for oddity in made.oddities] == [f"{key}#2", f"{key}#3"]


@pytest.mark.parametrize(
    ("devices", "name", "oddities"),
    [
        ([{"id": ONE, "name": "A"}, {"id": ONE, "name": "A"}], "A", 0),
        ([{"id": ONE, "name": "A"}, {"id": ONE, "name": "B"}], "A", 1),
        ([{"id": ONE, "name": ""}, {"id": ONE, "name": "B"}], "B", 0),
        ([None, {"name": "x"}, {"id": 5}, {"id": ONE, "name": "A"}], "A", 3),
    ],
)
def test_device_gets_its_first_name(devices: list[Any], name: str, oddities: int) -> None:
    made = transform(outage(), outage(begin=END), devices=devices)
    assert [row["name"] for row in made.payload] == [name, name]
    assert len(made.oddities) == oddities
