"""Every kind of dirt is set aside, each with its reason and its raw row; all else is published."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.client import BaseClient

from include.first.lake import Lake, LakeError
from include.vehicle_recalls.accept import accept, read_page
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.partition import partition
from tests.vehicle_recalls.evidence import (
    SMALL,
    Row,
    a_row,
    business_row,
    land_rows,
    new_lake,
    publish_landed,
    quarantine,
    table_rows,
)

# name: what is wrong in the row, and the reasons that must be given
DIRT: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a date that is words": (
        {"report_received_date": "sometime in spring"},
        ["report_received_date: 'sometime in spring' is not a date at midnight"],
    ),
    "a day that no calendar has": (
        {"report_received_date": "2019-02-30T00:00:00.000"},
        ["report_received_date: '2019-02-30T00:00:00.000' is not a day of the calendar"],
    ),
    "a date with a time of day": (
        {"report_received_date": "2019-02-03T10:00:00.000"},
        ["report_received_date: '2019-02-03T10:00:00.000' is not a date at midnight"],
    ),
    "no date": ({"report_received_date": None}, ["report_received_date: is missing"]),
    "an empty date": ({"report_received_date": ""}, ["report_received_date: is missing"]),
    "a date in the future": (
        {"report_received_date": "2026-06-30T00:00:00.000"},
        ["report_received_date: lies in the future"],
    ),
    "a date before the agency": (
        {"report_received_date": "1965-12-31T00:00:00.000"},
        ["report_received_date: '1965-12-31T00:00:00.000' is under 1966-01-01"],
    ),
    "no key": ({"nhtsa_id": None}, ["nhtsa_id: is missing"]),
    "an empty key": ({"nhtsa_id": ""}, ["nhtsa_id: is missing"]),
    "a key that is a number": (
        {"nhtsa_id": 19000001},
        ["nhtsa_id: 19000001 is no text", "nhtsa_id: is missing"],
    ),
    "units in words": (
        {"potentially_affected": "many"},
        ["potentially_affected: 'many' is not a whole number"],
    ),
    "half a unit": (
        {"potentially_affected": "0.5"},
        ["potentially_affected: '0.5' is not a whole number"],
    ),
    "more units than fit": (
        {"potentially_affected": "9223372036854775808"},
        ["potentially_affected: '9223372036854775808' does not fit 64 bits"],
    ),
    "negative units": (
        {"potentially_affected": "-5"},
        ["potentially_affected: '-5' is under 0"],
    ),
    "a list for a number": (
        {"potentially_affected": ["100"]},
        ['potentially_affected: ["100"] is no text'],
    ),
    "a name that is a number": ({"manufacturer": 5}, ["manufacturer: 5 is no text"]),
    "a flag that is neither": (
        {"do_not_drive": "Maybe"},
        ["do_not_drive: 'Maybe' is not Yes or No"],
    ),
    "a flag of JSON": ({"do_not_drive": True}, ["do_not_drive: true is no text"]),
    "completion over 100": (
        {"completion_rate": "100.01"},
        ["completion_rate: '100.01' is over 100"],
    ),
    "negative completion": ({"completion_rate": "-0.1"}, ["completion_rate: '-0.1' is under 0"]),
    "completion with a percent sign": (
        {"completion_rate": "61.5%"},
        ["completion_rate: '61.5%' is not a number"],
    ),
    "an empty number": ({"completion_rate": ""}, ["completion_rate: '' is not a number"]),
    "an instant without a zone": (
        {":updated_at": "2026-06-28T09:30:43.000"},
        ["updated_at: '2026-06-28T09:30:43.000' is not an instant in UTC"],
    ),
    "three things at once": (
        {"report_received_date": None, "potentially_affected": "-1", "completion_rate": "130"},
        [
            "report_received_date: is missing",
            "potentially_affected: '-1' is under 0",
            "completion_rate: '130' is over 100",
        ],
    ),
}
DIRTY = {name: a_row(100 + at, **dirt) for at, (name, (dirt, _)) in enumerate(DIRT.items())}
SOUND = [
    a_row(1),
    a_row(2, report_received_date="1966-01-01T00:00:00.000"),
    a_row(3, report_received_date="2026-06-29T00:00:00.000"),  # tomorrow, where it is read
    a_row(4, report_received_date="2019-02-03T00:00:00"),
    a_row(5, potentially_affected="0", completion_rate="0"),
    a_row(6, potentially_affected="9223372036854775807", completion_rate="100"),
    a_row(7, component=None, completion_rate=None, potentially_affected=None, subject=None),
    a_row(8, manufacturer='  Eaton?s \u0092 <A HREF=HTTP://x>, "a/b" ', component=""),
]
Evidence = tuple[list[Row], list[Row]]


@pytest.fixture(scope="module")
def published(s3_url: str, s3: BaseClient) -> Evidence:
    """The quarantine and the table after one read of all of it, in two pages."""
    lake = new_lake(s3, s3_url)
    rows = [*SOUND[:4], *DIRTY.values(), *SOUND[4:]]
    told = publish_landed(lake, land_rows(lake, rows[:15], rows[15:]), accept=SMALL)
    assert told["counts"]["quarantined"] == len(DIRTY)
    return quarantine(lake, told["token"]), list(table_rows(lake))


@pytest.mark.parametrize("name", DIRT)
def test_dirt_is_set_aside_with_its_reasons(published: Evidence, name: str):
    """The row is in the quarantine once, raw and whole, with every reason, and is not published."""
    (row,) = [row for row in published[0] if row["raw"] == DIRTY[name]]
    assert row["reasons"] == "; ".join(DIRT[name][1])
    key = DIRTY[name].get("nhtsa_id")
    assert row["nhtsa_id"] == (key if isinstance(key, str) else None)
    assert key not in [row["nhtsa_id"] for row in published[1]]


def test_sound_rows_are_published_whole(published: Evidence):
    """Limits are inside, nulls stay null, an empty text stays empty, and spaces stay."""
    wanted = [business_row(row) for row in SOUND]
    assert sorted(published[1], key=lambda row: row["nhtsa_id"]) == wanted


def test_every_copy_of_a_key_is_set_aside(lake: Lake):
    """Same or different, on one page or two, sound or not: nobody knows which copy is right."""
    copies = [a_row(1), a_row(1, id="row-b"), a_row(1, id="row-c", subject="Another")]
    broken = a_row(1, id="row-d", completion_rate="130")
    landed = land_rows(lake, [*copies[:2], a_row(2)], [copies[2], broken])
    told = publish_landed(lake, landed, accept=SMALL)
    found = quarantine(lake, told["token"])
    assert [row["raw"] for row in found] == [*copies, broken]
    copied = "nhtsa_id: 19V000001 comes 4 times"
    assert [row["reasons"] for row in found] == [
        *[copied] * 3,
        f"completion_rate: '130' is over 100; {copied}",
    ]
    assert [row["nhtsa_id"] for row in table_rows(lake)] == ["19V000002"]


def test_copies_in_different_batches_are_set_aside_too(lake: Lake):
    """Only publish sees both; neither copy is published, and the counts still add up."""
    early = land_rows(
        lake,
        [a_row(n, report_received_date="2018-05-05T00:00:00.000") for n in (1, 2)],
        batch={"label": "2018", "first": None, "last": 2018, "undated": False},
    )
    late = land_rows(
        lake,
        [a_row(1, id="row-b"), a_row(3)],
        read=early["read"],
        batch={"label": "2019-2020", "first": 2019, "last": None, "undated": True},
    )
    told = publish_landed(lake, early, late)
    found = quarantine(lake, told["token"])
    assert {row["raw"][":id"] for row in found} == {"row-0001", "row-b"}
    assert {row["reasons"] for row in found} == {"nhtsa_id: 19V000001 comes in more than one place"}
    assert sorted(row["nhtsa_id"] for row in table_rows(lake)) == ["19V000002", "19V000003"]
    assert (told["counts"]["landed"], told["counts"]["accepted"]) == (4, 2)


def test_a_read_of_nothing_but_dirt_publishes_nothing(lake: Lake):
    """Without a sound row there is no version, and the quarantine says why."""
    told = publish_landed(lake, land_rows(lake, list(DIRTY.values())), accept=SMALL)
    assert told["version"] is None
    assert len(quarantine(lake, told["token"])) == len(DIRTY)
    assert list(table_rows(lake)) == []


def test_typed_rows_have_the_columns_of_the_contract(lake: Lake):
    """The 18 columns in order, with the types that are published."""
    sound, set_aside = accept(lake, land_rows(lake, SOUND))
    assert sound.schema.types == CONTRACT.schema.types
    assert sound.schema.names == CONTRACT.schema.names
    assert (sound.num_rows, set_aside.num_rows) == (len(SOUND), 0)


def test_a_landed_page_that_changed_is_refused(lake: Lake):
    """Raw bytes that are not those that came are not taken for them."""
    landed = land_rows(lake, [a_row(1)])
    lake.s3.put_object(Bucket=lake.bucket, Key=landed["pages"][0]["key"], Body=b"[]")
    with pytest.raises(LakeError, match=r"is not what was landed .*; restore it"):
        partition(lake, landed)


def test_an_empty_page_has_no_rows(lake: Lake):
    """A year without rows is accepted as such."""
    landed = land_rows(lake, [a_row(1)])
    empty = landed | {"pages": [page | {"rows": 0} for page in land_rows(lake, [])["pages"]]}
    assert read_page(lake, empty["pages"][0]) == b""
    sound, set_aside = accept(lake, empty)
    assert (sound.num_rows, set_aside.num_rows) == (0, 0)
