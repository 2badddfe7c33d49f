"""An export is landed as it came, and held to what must always be so before it is compared."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from include.errors import PermanentError
from include.first.lake import Lake, LakeError
from include.first.quality import AuditFailed
from include.vin_snapshots.fetch import KEYS, check, fetch, vehicles
from include.vin_snapshots.vin_api import VinApi
from tests.vin_snapshots.stub import NAMES, Stub, parquet, table, vehicle

ROWS = table([vehicle(1), vehicle(2)])


def test_an_export_is_landed_byte_for_byte(stub: Stub, api: VinApi, lake: Lake) -> None:
    """What lies in the lake is what the service sent, under the token of the read."""
    landed = fetch(api, lake, "run 1")
    assert lake.get(KEYS.export(landed["token"])) == stub.body
    assert landed["run_id"] == "run 1"
    assert landed["source"] == "made-up:7"
    assert landed["head_version"] == -1


def test_references_are_small(stub: Stub, api: VinApi, lake: Lake) -> None:
    """What tasks hand on does not grow with the vehicles."""
    stub.has([vehicle(number) for number in range(5_000)])
    checked = check(lake, fetch(api, lake, "run 1"))
    assert len(json.dumps(checked)) < 1_500


def test_a_sound_export_passes(api: VinApi, lake: Lake) -> None:
    """Each check is kept with what it found."""
    checked = check(lake, fetch(api, lake, "run 1"))
    assert {told["name"]: told["found"] for told in checked["checks"]} == {
        "five columns of text": "vin string, make string, model string, model_year string, "
        "body_class string",
        "nothing is missing": "no gap",
        "VINs are well-formed": "all of 3",
        "VINs are unique": "all of 3",
        "the source is told": "made-up:7",
    }
    assert {told["outcome"] for told in checked["checks"]} == {"passed"}


def test_an_empty_export_is_sound(stub: Stub, api: VinApi, lake: Lake) -> None:
    """Nobody has looked up a car yet: that is no fault."""
    stub.has([])
    checked = check(lake, fetch(api, lake, "run 1"))
    assert {told["outcome"] for told in checked["checks"]} == {"passed"}


def test_an_empty_body_class_is_sound(stub: Stub, api: VinApi, lake: Lake) -> None:
    """VPIC does not say one of every vehicle."""
    stub.has([(*vehicle(1)[:4], "")])
    check(lake, fetch(api, lake, "run 1"))


def _without(column: str, value: str | None) -> pa.Table:
    at = NAMES.index(column)
    values = [value, *ROWS[column].to_pylist()[1:]]
    return ROWS.set_column(at, column, pa.array(values, pa.string()))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (ROWS.append_column("color", pa.array(["red", "blue"])), "color string"),
        (ROWS.drop_columns(["body_class"]), "five columns of text"),
        (ROWS.select([*NAMES[1:], "vin"]), "five columns of text"),
        (
            ROWS.set_column(3, "model_year", pa.array([2019, 2020])),
            "model_year int64",
        ),
        (_without("body_class", None), "nothing is missing: 1 of body_class"),
        (_without("vin", None), "nothing is missing: 1 of vin"),
        (_without("make", ""), "nothing is missing: 1 of make"),
        (_without("vin", "1ABCD2EF00000001"), "VINs are well-formed: 1: '1ABCD2EF00000001'"),
        (_without("vin", "1ABCD2EF0000000012"), "VINs are well-formed: 1: "),
        (_without("vin", "1abcd2ef000000001"), "VINs are well-formed: 1: "),
        (_without("vin", "1OBCD2EF000000001"), "VINs are well-formed: 1: "),
        (
            _without("vin", "1ABCD2EF00000000\u0663"),
            "VINs are well-formed: 1: '1ABCD2EF00000000\\u0663'",
        ),
        (_without("vin", "1ABCD2EF000000001\n"), "VINs are well-formed: 1: '1ABCD2EF000000001\\n'"),
        (_without("vin", "1ABCD2EF000000002"), "VINs are unique: 1: '1ABCD2EF000000002'"),
    ],
    ids=[
        *("another column", "a column less", "another order", "another type", "null", "null vin"),
        *("empty make", "16", "18", "lower case", "with O", "arabic digit", "line end", "twice"),
    ],
)
def test_a_broken_export_is_refused(
    stub: Stub, api: VinApi, lake: Lake, rows: pa.Table, told: str
) -> None:
    """It is told in one line what is wrong with it, and nothing is published."""
    stub.body = parquet(rows)
    with pytest.raises(AuditFailed) as error:
        check(lake, fetch(api, lake, "run 1"))
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert lake.head(KEYS.table).version == -1


def test_all_that_is_wrong_is_told_at_once(stub: Stub, api: VinApi, lake: Lake) -> None:
    """Who mends the service sees everything; of many VINs a few are shown."""
    short = [("SHORT", *vehicle(1)[1:4], "")] * 9
    stub.body = parquet(table([*short, (vehicle(1)[0], "", "", "", "")]), source=None)
    with pytest.raises(AuditFailed) as error:
        check(lake, fetch(api, lake, "run 1"))
    told = str(error.value)
    assert "4 of 5 checks failed" in told
    assert "1 of make, 1 of model, 1 of model_year" in told
    assert "9: 'SHORT', 'SHORT', 'SHORT', 'SHORT', 'SHORT', ..." in told
    assert "VINs are unique: 1: 'SHORT'" in told
    assert "not told, of 10 vehicles" in told


def test_what_is_not_what_was_landed_is_refused(api: VinApi, lake: Lake) -> None:
    """An object that somebody replaced is not published under another's name."""
    landed = fetch(api, lake, "run 1")
    lake.project(KEYS.export(landed["token"]), parquet(ROWS), {})
    with pytest.raises(LakeError, match="is not what was landed"):
        vehicles(lake, landed)


def test_vehicles_are_sorted_and_typed(stub: Stub, api: VinApi, lake: Lake) -> None:
    """In whatever order and layout they come, they are published by VIN."""
    stub.has([vehicle(3), vehicle(1), vehicle(2)])
    rows = vehicles(lake, fetch(api, lake, "run 1"))
    assert rows["vin"].to_pylist() == [vehicle(number)[0] for number in (1, 2, 3)]
    assert not rows.schema.field("vin").nullable


def test_a_table_of_other_columns_is_left_alone(stub: Stub, api: VinApi, lake: Lake) -> None:
    """The service is not even asked."""
    lake.create(KEYS.table, ROWS.drop_columns(["model"]).schema)
    with pytest.raises(PermanentError, match=r"other columns or types than the contract \(.*model"):
        fetch(api, lake, "run 1")
    assert stub.asked == []
