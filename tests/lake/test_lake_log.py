"""The log on a real S3: versions, receipts, and commits that are one or none."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from include.first.lake import CommitConflict, DataFile, Head, Lake, LakeError
from include.first.parquet import to_parquet
from tests.faulty_s3 import FaultyS3
from tests.lake.things import (
    LOG,
    SCHEMA,
    TABLE,
    assert_told,
    commit,
    file_of,
    numbers_in,
    opened,
    versions_of,
)


def test_a_table_that_is_not_there_has_version_minus_one(lake: Lake) -> None:
    """The head of nothing is a head, without files and without a receipt."""
    head = lake.head(TABLE)
    assert (head.version, head.receipt_version, head.receipt, dict(head.files)) == (-1, -1, {}, {})


def test_a_new_table_is_empty_and_keeps_its_log(lake: Lake) -> None:
    """Version 0 has the schema, no rows and no receipt, and old log entries never expire."""
    head = lake.create(TABLE, SCHEMA, "year")
    assert (head.version, head.receipt_version, head.receipt, dict(head.files)) == (0, -1, {}, {})
    assert head.handle is not None
    assert pa.schema(head.handle.schema()).names == ["n", "year"]
    assert head.handle.metadata().configuration["delta.enableExpiredLogCleanup"] == "false"


def test_creating_again_changes_nothing(lake: Lake) -> None:
    """Whoever comes second finds the table as the first left it, rows included."""
    lake.create(TABLE, SCHEMA, "year")
    commit(lake, 2019, 1, 2)
    assert lake.create(TABLE, SCHEMA, "year").version == 1
    assert numbers_in(lake) == {2019: [1, 2]}


def test_a_table_is_created_once_in_a_race(s3_url: str, bucket: str, lake: Lake) -> None:
    """Six creators at once: all get the table, and its log has one entry."""
    together = threading.Barrier(6)

    def create(_: int) -> int:
        mine = opened(s3_url, bucket)
        together.wait()
        return mine.create(TABLE, SCHEMA, "year").version

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(create, range(6))) == {0}
    assert versions_of(lake) == [0]


def test_a_table_is_created_once_when_the_answer_was_lost(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """A creation that was done and not heard of is not done again on top of itself."""
    proxy.drop_reply(f"{LOG}00000000000000000000.json")
    assert shaky.create(TABLE, SCHEMA, "year").version == 0
    assert versions_of(lake) == [0]


def test_a_commit_is_the_next_version_with_its_receipt(lake: Lake) -> None:
    """Rows, receipt and file list of the new version are what was committed."""
    lake.create(TABLE, SCHEMA, "year")
    assert commit(lake, 2019, 1, 2, token="T1") == 1
    head = lake.head(TABLE)
    assert (head.version, head.receipt_version, head.receipt) == (1, 1, {"token": "T1"})
    size = lake.size(f"{TABLE}/2019/T1.parquet")
    assert dict(head.files) == {"2019": DataFile("2019/T1.parquet", "2019", 2, size)}
    assert numbers_in(lake) == {2019: [1, 2]}


def test_years_are_swapped_in_one_version(lake: Lake) -> None:
    """Adds and removes of several years are seen together, or not at all."""
    base = lake.create(TABLE, SCHEMA, "year")
    lake.commit(TABLE, base, [file_of(lake, y, "a", y) for y in (2018, 2019)], [], {"token": "T1"})
    base = lake.head(TABLE)
    adds = [file_of(lake, year, "b", year + 1) for year in (2019, 2020)]
    lake.commit(TABLE, base, adds, base.files.values(), {"token": "T2"})
    assert numbers_in(lake) == {2019: [2020], 2020: [2021]}
    assert versions_of(lake) == [0, 1, 2]


def test_a_receipt_of_any_text_comes_back_as_it_was(lake: Lake) -> None:
    """Quotes, line breaks and any alphabet survive the log."""
    base = lake.create(TABLE, SCHEMA, "year")
    receipt = {"token": "T", "said": 'a "b"\n\\ ü \u2028 日本', "years": {"2019": {"rows": 1}}}
    lake.commit(TABLE, base, [], [], receipt)
    assert lake.head(TABLE).receipt == receipt


def test_versions_without_a_receipt_change_no_state(lake: Lake) -> None:
    """After a commit of another tool the newest receipt still is the state."""
    lake.create(TABLE, SCHEMA, "year")
    commit(lake, 2019, 1, token="T1")
    handle = lake.head(TABLE).handle
    assert handle is not None
    handle.alter.set_table_properties({"delta.x": "y"}, raise_if_not_exists=False)
    head = lake.head(TABLE)
    assert (head.version, head.receipt_version, head.receipt) == (2, 1, {"token": "T1"})
    assert commit(lake, 2019, 2, base=head) == 3


def test_a_checkpoint_changes_neither_files_nor_receipts(lake: Lake) -> None:
    """The head read from a checkpoint is the head read from the log."""
    lake.create(TABLE, SCHEMA, "year")
    commit(lake, 2018, 1, 2, 3)
    commit(lake, 2019, 4, token="T2")
    before = lake.head(TABLE)
    assert before.handle is not None
    before.handle.create_checkpoint()
    after = lake.head(TABLE)
    assert (after.version, after.receipt, dict(after.files)) == (2, {"token": "T2"}, before.files)
    assert lake.receipt(TABLE, 1)["token"] == before.files["2018"].path[5:-8]


def test_committed_as_finds_the_version_of_a_read(lake: Lake) -> None:
    """A token is found in the versions after `since`, and only there."""
    lake.create(TABLE, SCHEMA, "year")
    for number, token in enumerate(["T1", "T2", "T3"]):
        commit(lake, 2019, number, token=token)
    head = lake.head(TABLE)
    assert lake.committed_as(head, "T2", since=0) == 2
    assert lake.committed_as(head, "T3", since=2) == 3
    assert lake.committed_as(head, "T2", since=2) is None
    assert lake.committed_as(head, "T9", since=-1) is None


def test_the_second_commit_on_one_base_is_refused(lake: Lake) -> None:
    """Even where two commits touch different years, the later one must look again."""
    base = lake.create(TABLE, SCHEMA, "year")
    commit(lake, 2019, 1, base=base)
    with pytest.raises(CommitConflict) as error:
        commit(lake, 2020, 2, base=base)
    assert_told(error.value, f"s3://{lake.bucket}/{TABLE}", "another writer")
    assert numbers_in(lake) == {2019: [1]}
    assert versions_of(lake) == [0, 1]


def test_a_commit_that_lost_its_race_is_refused(proxy: FaultyS3, shaky: Lake, lake: Lake) -> None:
    """A commit that comes between load and put wins, and the other leaves nothing behind."""
    lake.create(TABLE, SCHEMA, "year")
    proxy.before(lambda: commit(lake, 2020, 2), f"PUT /{lake.bucket}/{LOG}")
    with pytest.raises(CommitConflict):
        commit(shaky, 2019, 1)
    assert numbers_in(lake) == {2020: [2]}
    assert versions_of(lake) == [0, 1]


def test_a_commit_of_a_missing_file_is_refused(lake: Lake) -> None:
    """Delta would take a file that is not there, and break every reader; the lake does not."""
    base = lake.create(TABLE, SCHEMA, "year")
    there = file_of(lake, 2018, "there", 1)
    with pytest.raises(LakeError) as error:
        lake.commit(TABLE, base, [there, DataFile("2019/not.parquet", "2019", 1)], [], {})
    assert_told(error.value, f"{TABLE}/2019/not.parquet", "does not exist", "run")
    assert versions_of(lake) == [0]


def test_a_commit_to_a_table_that_is_not_there_is_refused(lake: Lake) -> None:
    """A table is created on purpose, never by a commit."""
    with pytest.raises(LakeError) as error:
        lake.commit(TABLE, lake.head(TABLE), [], [], {})
    assert_told(error.value, f"s3://{lake.bucket}/{TABLE}", "create it")
    assert list(lake.keys("")) == []


def test_a_commit_without_an_answer_is_found_in_the_log(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """The caller of a commit whose answer was lost hears an error, and finds that it had won."""
    lake.create(TABLE, SCHEMA, "year")
    proxy.drop_reply(f"PUT /{lake.bucket}/{LOG}")
    with pytest.raises(LakeError):
        commit(shaky, 2019, 1, token="T1")
    assert lake.committed_as(lake.head(TABLE), "T1", since=0) == 1
    assert numbers_in(lake) == {2019: [1]}
    assert versions_of(lake) == [0, 1]


def test_a_commit_is_not_doubled_by_losing_every_answer(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """However often the put of the log entry is repeated, it is one version."""
    lake.create(TABLE, SCHEMA, "year")
    proxy.drop_reply(f"PUT /{lake.bucket}/{LOG}", times=99)
    with pytest.raises(LakeError) as error:
        commit(shaky, 2019, 1, token="T1")
    assert_told(error.value, f"commit to s3://{lake.bucket}/{TABLE}")
    assert versions_of(lake) == [0, 1]


def test_a_table_without_partitions_has_its_files_by_path(lake: Lake) -> None:
    """Files only add up there, each under its own path, and all rows are read."""
    base = lake.create(TABLE, SCHEMA)
    for number in (1, 2):
        path = f"{number}.parquet"
        rows = pa.table({"n": pa.array([number]), "year": pa.array([2019], pa.int32())})
        lake.put(f"{TABLE}/{path}", to_parquet(rows))
        lake.commit(TABLE, base, [DataFile(path, "", 1)], [], {"token": str(number)})
        base = lake.head(TABLE)
    assert sorted(base.files) == ["1.parquet", "2.parquet"]
    assert numbers_in(lake) == {2019: [1, 2]}


def numbered(head: Head, application: str) -> int | None:
    assert head.handle is not None
    return head.handle.transaction_version(application)


def test_a_commit_carries_a_number_for_each_application(lake: Lake) -> None:
    """Kept for ever, through later commits without one and through a checkpoint."""
    base = lake.create(TABLE, SCHEMA, "year")
    assert numbered(base, "ledger") is None
    lake.commit(TABLE, base, [], [], {}, transactions={"ledger": 7, "other": 1})
    commit(lake, 2019, 1)
    assert [numbered(lake.head(TABLE), name) for name in ("ledger", "other", "none")] == [
        *(7, 1, None)
    ]
    handle = lake.head(TABLE).handle
    assert handle is not None
    handle.create_checkpoint()
    commit(lake, 2019, 2)
    assert numbered(lake.head(TABLE), "ledger") == 7
    assert numbered(lake.head(TABLE, 0), "ledger") is None


def test_what_all_rows_of_a_file_share_is_in_the_log(lake: Lake) -> None:
    """Numbers and instants come back as they were, also from a checkpoint."""
    moment = datetime(2026, 6, 28, 9, 30, 43, 120_000, tzinfo=UTC)
    schema = pa.schema([("n", pa.int64()), ("at", pa.timestamp("us", tz="UTC"))])
    base = lake.create(TABLE, schema, indexed_columns=2)
    rows = pa.table({"n": [5], "at": [moment]}, schema=schema)
    lake.put(f"{TABLE}/a.parquet", to_parquet(rows))
    shared = {"n": 5, "at": moment}
    lake.commit(TABLE, base, [DataFile("a.parquet", "", 1, values=shared)], [], {})
    head = lake.head(TABLE)
    assert head.files["a.parquet"].values == shared
    assert head.handle is not None
    head.handle.create_checkpoint()
    assert lake.head(TABLE).files["a.parquet"].values == shared


def test_the_log_holds_what_the_library_was_given(lake: Lake) -> None:
    """An entry of the log names only this commit's files, with the rows as their statistics."""
    lake.create(TABLE, SCHEMA, "year")
    commit(lake, 2019, 1, 2, token="T1")
    lines = lake.get(f"{LOG}00000000000000000001.json").splitlines()
    (add,) = [json.loads(line)["add"] for line in lines if b'"add"' in line]
    assert (add["path"], add["partitionValues"]) == ("2019/T1.parquet", {"year": "2019"})
    assert json.loads(add["stats"]) == {"numRecords": 2}
