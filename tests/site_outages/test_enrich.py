"""The rules: which outages are posted, how, and what is said of each thing that is odd."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.made_up_outages import KINGFISHER
from include.site_outages.enrich import RULES, Enriched, enrich, instant
from include.site_outages.read import as_posted

SINCE = datetime(2022, 1, 1, tzinfo=UTC)
ONE, TWO = "002b28fc-283c-47ec-9af2-ea287336dc1b", "086b0d53-b311-4441-aaf3-935646f03d4d"
SITE: dict[str, Any] = {
    "id": "kingfisher",
    "name": "KingFisher",
    "devices": [{"id": ONE, "name": "Battery 1"}, {"id": TWO, "name": "Battery 2"}],
}
BEGIN, END = "2023-02-01T06:00:00.000Z", "2023-02-04T18:30:00.250Z"


def outage(**other: Any) -> dict[str, Any]:
    return {"id": ONE, "begin": BEGIN, "end": END} | other


def site_of(*devices: Any, **other: Any) -> dict[str, Any]:
    return SITE | {"devices": list(devices)} | other


def told(made: Enriched) -> list[str]:
    return [oddity.rule for oddity in made.oddities]


def test_the_publishers_example() -> None:
    """Of its six outages exactly the second, third and fifth are posted, named and in order."""
    made = enrich(KINGFISHER.outages, SITE, SINCE)
    assert made.payload == [
        {
            "id": ONE,
            "name": "Battery 1",
            "begin": "2022-05-23T12:21:27.377Z",
            "end": "2022-11-13T02:16:38.905Z",
        },
        {
            "id": ONE,
            "name": "Battery 1",
            "begin": "2022-12-04T09:59:33.628Z",
            "end": "2022-12-12T22:35:13.815Z",
        },
        {
            "id": TWO,
            "name": "Battery 2",
            "begin": "2022-07-12T16:31:47.254Z",
            "end": "2022-10-13T04:05:10.044Z",
        },
    ]
    assert (made.of_others, made.too_early, made.repeated, made.set_aside) == (2, 1, 0, 0)
    assert made.oddities == []


@pytest.mark.parametrize(
    ("begin", "is_kept"),
    [
        ("2022-01-01T00:00:00.000Z", True),
        ("2022-01-01T00:00:00Z", True),
        ("2022-01-01T00:00Z", True),
        ("2022-01-01T00:00:00.000000000Z", True),
        ("2022-01-01T01:00:00.000+01:00", True),
        ("2021-12-31T19:00:00-05:00", True),
        ("2021-12-31T23:59:59.999Z", False),
        ("2021-12-31T23:59:59.999999999Z", False),
        ("2022-01-01T00:59:59.999+01:00", False),
        ("2022-01-01T00:00:00.001Z", True),
    ],
)
def test_what_began_exactly_then_counts(begin: str, is_kept: bool) -> None:
    """Instants are compared, whatever their precision and offset; the text stays as it is."""
    made = enrich([outage(begin=begin)], SITE, SINCE)
    assert [row["begin"] for row in made.payload] == [begin] * is_kept
    assert made.too_early == (not is_kept)


@pytest.mark.parametrize(
    "since",
    ["2023-02-01T06:00:00Z", "2023-02-01T06:00:00.000000+00:00", "2023-02-01T08:00+02:00"],
)
def test_since_may_be_written_in_many_ways(since: str) -> None:
    """The same instant in another spelling makes the same payload."""
    moment = instant(since)
    assert moment is not None
    assert len(enrich([outage()], SITE, moment).payload) == 1


@pytest.mark.parametrize(
    "given",
    [
        *("", "sometime in spring", "2023-02-30T00:00:00Z", "2023-02-01", "2023-02-01T06:00:00"),
        *(
            "2023-02-01 06:00:00Z",
            "2023-02-01T06:00:60Z",
            "2023-02-01T24:00:00Z",
            " ",
            BEGIN + "\n",
        ),
        *("0001-01-01T00:00:00+01:00", "٢٠٢٣-02-01T06:00:00Z", "20230201T060000Z", "2023-W05-3"),
        *("2023-02-01T06:00:00.0000000000Z", None, 0, True, 1675231200, ["2023"], {}, "\ud800"),
    ],
    ids=ascii,
)
def test_what_is_no_instant(given: Any) -> None:
    """A begin that means no one moment is named, and its outage is set aside."""
    assert instant(given) is None
    made = enrich([outage(begin=given), outage(id=TWO)], SITE, SINCE)
    assert told(made) == ["malformed begin"]
    assert [row["id"] for row in made.payload] == [TWO]
    assert made.set_aside == 1


def test_an_outage_that_has_no_begin_at_all() -> None:
    """It is set aside like one whose begin means nothing."""
    made = enrich([{"id": ONE, "end": END}], SITE, SINCE)
    assert (told(made), made.payload, made.set_aside) == (["malformed begin"], [], 1)


@pytest.mark.parametrize(
    ("ends", "rule"),
    [
        ({}, "outage without an end"),
        ({"end": None}, "outage without an end"),
        ({"end": ""}, "malformed end"),
        ({"end": "2023-02-30T00:00:00.000Z"}, "malformed end"),
        ({"end": "\ud800"}, "malformed end"),
        ({"end": "2023-01-31T06:00:00.000Z"}, "end before begin"),
        ({"end": "2023-02-01T06:00:00.000+01:00"}, "end before begin"),
    ],
    ids=ascii,
)
def test_an_odd_end_goes_back_as_it_came(ends: dict[str, Any], rule: str) -> None:
    """Only the begin decides: what the end is, or that there is none, is posted as it was."""
    made = enrich([{"id": ONE, "begin": BEGIN, **ends}], SITE, SINCE)
    assert made.payload == [{"id": ONE, "name": "Battery 1", "begin": BEGIN, **ends}]
    assert told(made) == [rule]


def test_an_end_at_the_begin_is_not_odd() -> None:
    """An outage may be over at once."""
    assert told(enrich([outage(end=BEGIN)], SITE, SINCE)) == []


@pytest.mark.parametrize("end", [0, 1.5, True, [], {"at": END}, float("nan")], ids=str)
def test_an_end_that_is_no_text_is_set_aside(end: Any) -> None:
    """There is no text to send back."""
    made = enrich([outage(end=end), outage(id=TWO)], SITE, SINCE)
    assert (told(made), made.set_aside) == (["end that is no text"], 1)
    assert [row["id"] for row in made.payload] == [TWO]


def test_an_outage_that_is_listed_twice_is_posted_once() -> None:
    """Where it is first; another end or another device makes another outage."""
    other_end, other_device = outage(end=None), outage(id=TWO)
    made = enrich([outage(), other_device, outage(), other_end], SITE, SINCE)
    assert [(row["id"], row["end"]) for row in made.payload] == [
        (ONE, END),
        (TWO, END),
        (ONE, None),
    ]
    assert (made.repeated, told(made)) == (1, ["outage listed twice", "outage without an end"])


def test_open_ends_said_in_two_ways_are_one_outage() -> None:
    """No end and an end of null say the same."""
    made = enrich([{"id": ONE, "begin": BEGIN}, outage(end=None)], SITE, SINCE)
    assert made.payload == [{"id": ONE, "name": "Battery 1", "begin": BEGIN}]
    assert made.repeated == 1


def test_a_device_that_is_listed_twice_doubles_nothing() -> None:
    """Its outages are posted once each."""
    made = enrich([outage()], site_of(*SITE["devices"], SITE["devices"][0]), SINCE)
    assert len(made.payload) == 1
    assert told(made) == ["device listed twice"]


def test_of_two_names_of_a_device_the_first_is_taken() -> None:
    """All of its outages have that name."""
    site = site_of(*SITE["devices"], {"id": ONE, "name": "Renamed"})
    made = enrich([outage(), outage(begin=END)], site, SINCE)
    assert {row["name"] for row in made.payload} == {"Battery 1"}
    assert told(made)[0] == "device with two names"
    assert '"Battery 1" and {"id": "002b28fc' in made.oddities[0].what


@pytest.mark.parametrize("name", [None, "", 7, [], "\ud800"], ids=ascii)
def test_outages_of_a_device_without_a_name_are_set_aside(name: Any) -> None:
    """Nothing is made up; a device that is listed again with a name has it."""
    nameless = {"id": ONE, "name": name}
    made = enrich([outage(), outage(id=TWO)], site_of(nameless, SITE["devices"][1]), SINCE)
    assert [row["id"] for row in made.payload] == [TWO]
    assert (made.set_aside, told(made)) == (1, ["device without a name"])
    made = enrich([outage()], site_of(nameless, SITE["devices"][0]), SINCE)
    assert [row["name"] for row in made.payload] == ["Battery 1"]
    made = enrich([outage()], site_of({"id": ONE}), SINCE)
    assert told(made) == ["device without a name"]


@pytest.mark.parametrize("entry", [None, 1, "x", [], {}, {"id": None}, {"id": 5}, {"id": ""}])
def test_what_is_no_outage_or_no_device_is_left_out(entry: Any) -> None:
    """It is named, and the rest is as if it were not there."""
    made = enrich([entry, outage()], site_of(entry, *SITE["devices"]), SINCE)
    assert len(made.payload) == 1
    assert told(made) == ["no device", "no outage"]
    assert made.of_others == 1


def test_unknown_fields_are_told_once_and_not_posted() -> None:
    """A new field of the API stays in raw; each thing that has one is named once."""
    site = site_of({**SITE["devices"][0], "power": 5}, region="East", zone=1)
    made = enrich([outage(cause="storm"), outage(begin=END, cause="x")], site, SINCE)
    assert [set(row) for row in made.payload] == [{"id", "name", "begin", "end"}] * 2
    assert [oddity.what for oddity in made.oddities[:3]] == [
        'the site have "region", "zone"',
        'devices have "power"',
        'outages have "cause"',
    ]


def test_oddities_of_others_are_not_ours() -> None:
    """Only outages of the site's devices are looked at."""
    made = enrich([{"id": "another", "begin": "never"}], SITE, SINCE)
    assert (made.of_others, made.oddities) == (1, [])


def test_an_oddity_is_told_in_one_short_line() -> None:
    """Whatever the API sends: no line breaks, no megabytes, and the rule with it."""
    made = enrich([outage(begin="x\n" * 10_000)], SITE, SINCE)
    line = str(made.oddities[0])
    assert "\n" not in line
    assert len(line) < 400
    assert line.endswith(RULES["malformed begin"])


TEXTS = st.sampled_from([BEGIN, END, "2021-01-01T00:00:00Z", "", "x", "2023-02-30T00:00:00Z"])
ANYTHING = st.one_of(TEXTS, st.none(), st.integers(), st.lists(st.integers(), max_size=1))
OUTAGES = st.fixed_dictionaries(
    {"id": st.one_of(st.sampled_from([ONE, TWO, "another"]), ANYTHING)},
    optional={"begin": ANYTHING, "end": ANYTHING, "more": ANYTHING},
)
DEVICES = st.fixed_dictionaries(
    {"id": st.one_of(st.sampled_from([ONE, TWO]), ANYTHING)}, optional={"name": ANYTHING}
)


@given(st.lists(st.one_of(OUTAGES, ANYTHING)), st.lists(st.one_of(DEVICES, ANYTHING)))
def test_whatever_comes_every_outage_has_one_place(listed: list[Any], devices: list[Any]) -> None:
    """Nothing crashes, nothing is lost or doubled, the order stays, and the bytes are the same."""
    before = copy.deepcopy((listed, devices))
    made = enrich(listed, site_of(*devices), SINCE)
    assert (listed, devices) == before
    gone = made.of_others + made.too_early + made.repeated + made.set_aside
    assert len(listed) == gone + len(made.payload)
    posted = [{k: v for k, v in row.items() if k != "name"} for row in made.payload]
    rest = iter(
        [{k: v for k, v in e.items() if k != "more"} for e in listed if isinstance(e, dict)]
    )
    assert all(row in rest for row in posted)
    assert set(told(made)) <= RULES.keys()
    assert json.loads(as_posted(made)) == made.payload
    assert as_posted(enrich(listed, site_of(*devices), SINCE)) == as_posted(made)
