"""`verify`: a sound lake is found sound, and each kind of damage is named with its cure."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.client import BaseClient

from include.errors import PermanentError
from include.first.lake import DataFile, Lake
from include.first.parquet import to_parquet
from include.vehicle_recalls import project, replay
from include.vehicle_recalls.commands import proof_of_older_files
from include.vehicle_recalls.commands.verify import verify
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import LEDGER_SCHEMA
from include.vehicle_recalls.state import year_states
from include.vehicle_recalls.write import write_candidate
from include.vehicle_recalls.years import content_hash
from tests.vehicle_recalls.evidence import (
    KEYS,
    a_read,
    land_rows,
    listing,
    one_clear_line,
    publish_landed,
)
from tests.vehicle_recalls.three_days import (
    DAY_1,
    DAY_3,
    DAYS,
    copy,
    finish,
    forged,
    publish_day,
    three_days,
)

LOG = f"{KEYS.table}/_delta_log/"
Damage = Callable[[Lake], None]


@pytest.fixture(scope="module")
def _three_days(s3: BaseClient, s3_url: str) -> Lake:
    return three_days(s3, s3_url)


@pytest.fixture
def past(_three_days: Lake, lake: Lake) -> Lake:
    """A lake of three days, for this test alone."""
    return copy(_three_days, lake)


def _verified(lake: Lake) -> tuple[bool, str]:
    """Whether it is sound, and all that was said."""
    said: list[str] = []
    findings = verify(lake, said.append)
    assert said[-1].startswith("NOT SOUND: " if findings else "sound: ")
    assert sum(line.startswith("DIFFERS") for line in said) <= len(findings)
    return not findings, "\n".join(said)


def _path(lake: Lake, year: int) -> str:
    return f"{KEYS.table}/{year_states(lake.head(KEYS.table).receipt)[year].path}"


def _overwrite(lake: Lake, key: str, body: bytes) -> None:
    """Other bytes, and the metadata as it was."""
    lake.project(key, body, lake.made_from(key) or {})


def _without_a_row(lake: Lake, key: str) -> None:
    _overwrite(lake, key, to_parquet(lake.read_parquet(key).slice(1)))


def _ledger_file(lake: Lake, at: int = 0) -> str:
    return f"{KEYS.ledger}/{sorted(lake.head(KEYS.ledger).files)[at]}"


def _edit_receipt(lake: Lake, version: int, edit: Callable[[dict[str, Any]], None]) -> None:
    key = f"{LOG}{version:020}.json"
    lines = [json.loads(line) for line in lake.get(key).splitlines()]
    for line in lines:
        if info := line.get("commitInfo"):
            receipt = json.loads(info["receipt"])
            edit(receipt)
            info["receipt"] = json.dumps(receipt)
    lake.project(key, "\n".join(map(json.dumps, lines)).encode(), {})


def _forge(lake: Lake, year: int, rows: pa.Table) -> None:
    """Commit a year that no read brought, with a receipt that is in order by itself."""
    head = lake.head(KEYS.table)
    made = write_candidate(lake, "forged", year, rows)
    state = year_states(head.receipt)[year]._replace(
        path=made["path"],
        sha256=made["sha256"],
        content=content_hash(rows),
        rows=rows.num_rows,
        nulls=made["nulls"],
    )
    receipt = forged(head.receipt, token="forged")
    receipt["years"][str(year)] = state._asdict()
    file = DataFile(made["path"], str(year), rows.num_rows)
    lake.commit(KEYS.table, head, [file], [head.files[str(year)]], receipt)


@pytest.mark.parametrize("source", ["raw is kept", "raw is pruned"])
def test_a_sound_lake_is_sound(past: Lake, source: str) -> None:
    """Everything holds, nothing is written, and years without raw pages are no damage."""
    if source == "raw is pruned":
        past.at_once(past.delete, list(past.keys(KEYS.raw_folder)))
    before = listing(past)
    sound, said = _verified(past)
    assert sound, said
    assert "4 files" in said
    assert "4 rows in 4 of 4 files" in said
    derived = "4 of 4 years" if source == "raw is kept" else "0 of 4 years"
    assert derived in said
    pruned = "2017-2020: raw is pruned: cannot be derived again"
    assert (pruned in said) == (source == "raw is pruned")
    assert listing(past) == before


def _lose_a_file(lake: Lake) -> None:
    lake.delete(_path(lake, 2019))


def _change_a_file(lake: Lake) -> None:
    _without_a_row(lake, _path(lake, 2019))


def _lose_a_baseline_file(lake: Lake) -> None:
    lake.delete(f"{KEYS.table}/{lake.receipt(KEYS.table, 1)['years']['2019']['path']}")


def _lose_a_year_file(lake: Lake) -> None:
    lake.delete(KEYS.year(2019))


def _change_a_year_file(lake: Lake) -> None:
    _without_a_row(lake, KEYS.year(2019))


def _leave_a_year_file(lake: Lake) -> None:
    lake.project(KEYS.year(1999), b"old", {"sha256": "0"})


def _age_an_aggregation(lake: Lake) -> None:
    key = KEYS.aggregate("recalls_per_type_per_manufacturer")
    lake.project(key, lake.get(key), {"version": "1", "token": "another"})


def _change_an_aggregation(lake: Lake) -> None:
    key = KEYS.aggregate("recalls_per_component_per_year")
    table = lake.read_parquet(key)
    _overwrite(lake, key, to_parquet(table.set_column(2, "recalls", pa.array([7] * len(table)))))


def _break_an_aggregation(lake: Lake) -> None:
    _overwrite(lake, KEYS.aggregate("recalls_per_component_per_year"), b"junk")


def _lose_the_report(lake: Lake) -> None:
    lake.delete(KEYS.report(3))


def _fall_behind(lake: Lake) -> None:
    publish_day(lake, "2026-06-30T09:30:43Z", DAYS[DAY_1])
    project.project_years(lake)


def _lose_the_ledger(lake: Lake) -> None:
    lake.at_once(lake.delete, list(lake.keys(f"{KEYS.ledger}/")))


def _lose_a_ledger_file(lake: Lake) -> None:
    lake.delete(_ledger_file(lake))


def _change_a_ledger_file(lake: Lake) -> None:
    _without_a_row(lake, _ledger_file(lake))


def _change_the_log_of_the_ledger(lake: Lake) -> None:
    """Another file in the place of one, which is what its name says, and tells another story."""
    head = lake.head(KEYS.ledger)
    old = min(head.files)
    rows = lake.read_parquet(f"{KEYS.ledger}/{old}").to_pylist()
    for row in rows:
        if row["field"] == "subject" and row["new"] == "New":
            row["new"] = "Newer"
    body = to_parquet(pa.Table.from_pylist(rows, LEDGER_SCHEMA))
    new = old.replace(old[-72:-8], _sha256(body))
    assert new != old
    lake.put(f"{KEYS.ledger}/{new}", body)
    for key in [key for key in lake.keys(f"{KEYS.ledger}/_delta_log/") if key.endswith(".json")]:
        lake.project(key, lake.get(key).replace(old.encode(), new.encode()), {})


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _change_a_raw_page(lake: Lake) -> None:
    token = lake.receipt(KEYS.table, 3)["token"]
    page = next(key for key in lake.keys(f"{KEYS.raw_folder}{token}/") if "page-" in key)
    lake.project(page, lake.get(page)[:-1] + b"?", {})


def _miscount(lake: Lake) -> None:
    _edit_receipt(lake, 2, lambda receipt: receipt["counts"].update(edited=9))


def _misname(lake: Lake) -> None:
    _edit_receipt(lake, 3, lambda receipt: receipt["years"]["2019"].update(path="2019/x.parquet"))


def _mishash(lake: Lake) -> None:
    _edit_receipt(lake, 3, lambda receipt: receipt["years"]["2019"].update(content="0"))


def _disown_a_year(lake: Lake) -> None:
    _edit_receipt(lake, 1, lambda receipt: receipt["changed"].pop("2017"))


def _double_a_key(lake: Lake) -> None:
    rows = lake.read_parquet(_path(lake, 2019))
    _forge(lake, 2019, pa.concat_tables([rows, rows]))


def _put_into_another_year(lake: Lake) -> None:
    _forge(lake, 2017, lake.read_parquet(_path(lake, 2020)))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_lose_a_file, ["is not there; restore it from a copy", "table/2019/"]),
        (_change_a_file, ["has another sha256, ", "table/2019/"]),
        (_lose_a_baseline_file, ["2019 in version 1", "does not exist", "restore it"]),
        (_lose_a_year_file, ["vehicle_recalls/2019.parquet is not there; run `project`"]),
        (_change_a_year_file, ["2019.parquet sha256 should be ", "run `project --anew`"]),
        (_leave_a_year_file, ["1999.parquet is of a year that the table does not have; run"]),
        (_age_an_aggregation, ["should be version 3, ", "and is version 1, token another"]),
        (_change_an_aggregation, ["per_component_per_year.parquet counts otherwise", "--anew"]),
        (_break_an_aggregation, ["per_component_per_year.parquet cannot be read", "--anew"]),
        (_lose_the_report, ["reports/3.md is not there; run `project`"]),
        (_fall_behind, ["version 4 (read ", "is not in the ledger; run `project`", "reports/4.md"]),
        (_lose_the_ledger, ["version 1 (read ", "is not in the ledger; run `project`"]),
        (_lose_a_ledger_file, ["ledger/0", "is not there; restore it from a copy"]),
        (_change_a_ledger_file, ["ledger/0", "has another sha256"]),
        (_change_the_log_of_the_ledger, ["breaks off", "version 3 19V000002", "'Newer'"]),
        (_change_a_raw_page, ["version 3 cannot be made again", "is not what was landed"]),
        (_miscount, ["version 2: rows should be", "version 2: campaigns edited should be 9"]),
        (_misname, ["x.parquet is not there", "vehicle_recalls/table, 2019, should be 2019/x"]),
        (_mishash, ["content should be 0, and is "]),
        (_disown_a_year, ["2017 is in the table, and no version says that it brought it"]),
        (_double_a_key, ["19V000002 is there 2 times"]),
        (_put_into_another_year, ["has dates from 2020-03-04 to 2020-03-04", "table/2017/"]),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_damage_is_named(past: Lake, damage: Damage, told: list[str]) -> None:
    """What differs is named with what was expected, what was found, and the cure."""
    damage(past)
    before = listing(past)
    sound, said = _verified(past)
    assert not sound
    for words in told:
        assert words in said, said
    assert listing(past) == before


def _a_file_of_the_head(lake: Lake) -> str:
    return _path(lake, 2019)


def _a_replaced_file(lake: Lake) -> str:
    """Of the second version, which is neither the baseline nor the head."""
    return f"{KEYS.table}/{lake.receipt(KEYS.table, 2)['years']['2019']['path']}"


def _a_replaced_file_of_the_baseline(lake: Lake) -> str:
    return f"{KEYS.table}/{lake.receipt(KEYS.table, 1)['years']['2019']['path']}"


def _a_raw_page(lake: Lake) -> str:
    return next(key for key in _raw(lake) if "page-" in key)


def _a_signature(lake: Lake) -> str:
    return next(key for key in _raw(lake) if key.endswith("landed.json"))


def _raw(lake: Lake) -> list[str]:
    token = lake.receipt(KEYS.table, 3)["token"]
    return list(lake.keys(f"{KEYS.raw_folder}{token}/"))


def _flip(body: bytes) -> bytes:
    at = len(body) // 2
    return body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :]


OBJECTS: list[Callable[[Lake], str]] = [
    _a_file_of_the_head,
    _a_replaced_file,
    _a_replaced_file_of_the_baseline,
    lambda _: KEYS.year(2019),
    lambda _: KEYS.aggregate("recalls_per_component_per_year"),
    _ledger_file,
    _a_raw_page,
    _a_signature,
    lambda _: f"{LOG}{2:020}.json",
]
WAYS: dict[str, Callable[[bytes], bytes] | None] = {
    "one byte": _flip,
    "garbage behind it": lambda body: body + b"\0garbage\xff",
    "cut": lambda body: body[: len(body) // 2],
    "empty": lambda _: b"",
    "gone": None,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "which",
    OBJECTS,
    ids=[
        *("head", "replaced", "baseline", "year", "aggregation"),
        *("ledger", "page", "landed", "log"),
    ],
)
def test_whatever_is_damaged_there_is_a_verdict(
    past: Lake, which: Callable[[Lake], str], way: str
) -> None:
    """However an object is damaged, it is named, all else is looked at, and the verdict said."""
    key, change = which(past), WAYS[way]
    if change:
        _overwrite(past, key, change(past.get(key)))
    else:
        past.delete(key)
    sound, said = _verified(past)
    raw_is_gone = way == "gone" and key.startswith(KEYS.raw_folder)
    assert sound == raw_is_gone, said
    named = "cannot be derived again: the read under" if raw_is_gone else key
    assert named in said or (key.startswith(LOG) and f"the log of {KEYS.table}" in said), said


def test_bytes_that_no_reader_can_read_do_not_end_it(past: Lake) -> None:
    """With every page of a head's file overwritten, the other proofs are still made."""
    key = _path(past, 2019)
    body = past.get(key)
    _overwrite(past, key, b"PAR1" + bytes(len(body) // 2) + body[len(body) // 2 + 4 :])
    sound, said = _verified(past)
    assert not sound
    assert "3 rows in 3 of 4 files" in said
    assert "1 file was not looked at" in said
    assert "years made again from raw are the same bytes" in said


@pytest.mark.parametrize("old", [True, False])
def test_files_that_are_gone_are_pruned_or_lost(
    past: Lake, monkeypatch: pytest.MonkeyPatch, *, old: bool
) -> None:
    """Of versions out of the window that is no damage; within it, it is."""
    publish_day(past, "2026-06-30T09:30:43Z", DAYS[DAY_1])
    publish_day(past, "2026-07-01T09:30:43Z", DAYS[DAY_3])
    finish(past)
    key = _a_replaced_file(past)
    past.delete(key)
    monkeypatch.setattr(proof_of_older_files, "RETENTION_DAYS", 0 if old else 100_000)
    sound, said = _verified(past)
    assert sound == old, said
    assert ("1 more are gone for so long that they may be: pruned" in said) == old
    assert (f"{key} is not there; restore it" in said) != old


def test_a_year_that_the_ledger_does_not_know_of_is_named(past: Lake) -> None:
    """A version whose rows the ledger lost: the table has what no replay gives."""
    rows = past.read_parquet(_path(past, 2017))
    subjects = pa.array(["Forged"] * rows.num_rows)
    at = rows.column_names.index("subject")
    _forge(past, 2017, rows.set_column(at, rows.schema.field("subject"), subjects))
    finish(past)
    for key in [k for k in past.keys(f"{KEYS.ledger}/_delta_log/") if k.endswith(f"{4:020}.json")]:
        text = past.get(key).decode().splitlines()
        past.project(key, "\n".join(line for line in text if '"add"' not in line).encode(), {})
    sound, said = _verified(past)
    assert not sound
    assert "19V000005, subject, should be 'Brake hose may crack', and is 'Forged'" in said
    assert "version 4: rows of campaigns edited should be of 1, and is of 0" in said


def test_raw_that_is_half_gone_is_told_apart(past: Lake) -> None:
    """It is no damage to what is published, and the line says what is left of it."""
    token = past.receipt(KEYS.table, 3)["token"]
    past.delete(next(key for key in past.keys(f"{KEYS.raw_folder}{token}/") if "page-" in key))
    sound, said = _verified(past)
    assert sound, said
    assert f"2018-2019: cannot be derived again: the read under s3://{past.bucket}/" in said
    assert "is not whole: 0 of 1 batches" in said


@pytest.mark.parametrize(
    "damage",
    [
        *(_lose_a_year_file, _change_a_year_file, _leave_a_year_file, _age_an_aggregation),
        *(_change_an_aggregation, _break_an_aggregation, _lose_the_report, _fall_behind),
        _lose_the_ledger,
    ],
)
def test_the_cure_that_is_named_cures(past: Lake, damage: Damage) -> None:
    """`project`, with or without `--anew`, mends what verify says that it mends."""
    damage(past)
    _, said = _verified(past)
    assert "run `project" in said
    asked = _asked(anew="--anew" in said)
    assert project.command(past, asked, lambda _: None) == 0
    sound, said = _verified(past)
    assert sound, said


def _asked(**values: Any) -> Any:
    return argparse.Namespace(**values)


def test_another_contract_is_no_damage(past: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Years of versions that another contract made are told apart, and the exit code stays 0."""
    monkeypatch.setattr(replay, "CONTRACT", replace(CONTRACT, version="next"))
    sound, said = _verified(past)
    assert sound, said
    assert "0 of 4 years" in said
    assert "2017: version 1 was made under contract 1 and today's is next" in said


def test_a_lake_before_its_first_full_read_is_sound(lake: Lake) -> None:
    """A read of some years begins no ledger; that is said, and is no damage."""
    publish_landed(lake, land_rows(lake, DAYS[DAY_3][:1], read=a_read(lake, [2018])))
    finish(lake)
    sound, said = _verified(lake)
    assert sound, said
    assert "there was no read of all years yet" in said


def test_without_a_table_there_is_nothing_to_verify(lake: Lake) -> None:
    """One line says that there is no version yet, and names the table."""
    with pytest.raises(PermanentError) as error:
        verify(lake, lambda _: None)
    one_clear_line(error.value, f"s3://{lake.bucket}/{KEYS.table}", "has no version yet")


def test_a_version_that_comes_meanwhile_is_told(past: Lake) -> None:
    """Projections ahead of the version that was looked at are no reason to restore anything."""
    said: list[str] = []

    def publish_once(line: str) -> None:
        if not said:
            publish_day(past, "2026-06-30T09:30:43Z", DAYS[DAY_1])
            finish(past)
        said.append(line)

    assert verify(past, publish_once)
    assert "version 4 came meanwhile, so look again" in said[-1]
    assert _verified(past)[0]


def test_a_file_that_is_no_parquet_is_named(past: Lake) -> None:
    """Junk under a name that fits it is found by reading it."""
    junk = b"junk"
    path = KEYS.candidate(2019, "junk", _sha256(junk))
    past.put(f"{KEYS.table}/{path}", junk)
    head = past.head(KEYS.table)
    receipt = forged(head.receipt, token="junk")
    receipt["years"]["2019"] = receipt["years"]["2019"] | {"path": path, "sha256": _sha256(junk)}
    past.commit(KEYS.table, head, [DataFile(path, "2019", 1)], [head.files["2019"]], receipt)
    sound, said = _verified(past)
    assert not sound
    assert f"{path} cannot be read" in said
    with pytest.raises(pa.ArrowException):
        pq.read_table(io.BytesIO(junk))
