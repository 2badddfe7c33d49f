"""Tables as they were, what is kept of them, and what a sweep takes."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from deltalake import DeltaTable

from include import lake as lake_module
from include.first.lake import RETENTION_DAYS, CommitConflict, Lake, LakeError
from tests.faulty_s3 import FaultyS3
from tests.lake.things import SCHEMA, TABLE, assert_told, commit, numbers_in


def test_a_table_can_be_seen_as_it_was(lake: Lake) -> None:
    """As of a version: its files, its receipt, and the newest receipt up to there."""
    lake.create(TABLE, SCHEMA, "year")
    commit(lake, 2019, 1, token="T1")
    _touch(lake)
    commit(lake, 2019, 2, token="T3")
    seen = [lake.head(TABLE, at) for at in range(4)]
    assert [head.version for head in seen] == [0, 1, 2, 3]
    assert [head.receipt.get("token") for head in seen] == [None, "T1", "T1", "T3"]
    assert [head.receipt_version for head in seen] == [-1, 1, 1, 3]
    paths = [[file.path for file in head.files.values()] for head in seen]
    assert paths == [[], ["2019/T1.parquet"], ["2019/T1.parquet"], ["2019/T3.parquet"]]
    assert lake.head(TABLE).version == 3


def _touch(lake: Lake) -> None:
    """A version that changes no data and has no receipt."""
    handle = lake.head(TABLE).handle
    assert handle is not None
    handle.alter.set_table_properties({"delta.x": "y"}, raise_if_not_exists=False)


def test_before_the_first_version_there_is_nothing(lake: Lake) -> None:
    """The version before the first is that of a table that is not there."""
    lake.create(TABLE, SCHEMA, "year")
    nothing = lake.head(TABLE, -1)
    assert (nothing.version, nothing.receipt_version, nothing.receipt) == (-1, -1, {})
    assert nothing.handle is None


def test_a_version_that_is_not_there_is_one_clear_line(lake: Lake) -> None:
    """Asking past the head is told, not answered with something else."""
    lake.create(TABLE, SCHEMA, "year")
    with pytest.raises(LakeError) as error:
        lake.head(TABLE, 7)
    assert_told(error.value, f"s3://{lake.bucket}/{TABLE}")


def test_a_commit_on_an_older_version_is_refused(lake: Lake) -> None:
    """A head of before is for looking; what is built on it has lost already."""
    lake.create(TABLE, SCHEMA, "year")
    commit(lake, 2019, 1)
    with pytest.raises(CommitConflict):
        commit(lake, 2019, 2, base=lake.head(TABLE, 0))
    assert numbers_in(lake) == {2019: [1]}


def test_a_removed_file_stays_readable_for_as_long_as_it_says(lake: Lake) -> None:
    """The table tells its readers how long, and every version before can be read until then."""
    lake.create(TABLE, SCHEMA, "year")
    commit(lake, 2019, 1)
    commit(lake, 2019, 2)
    handle = lake.head(TABLE).handle
    assert handle is not None
    kept_for = handle.metadata().configuration["delta.deletedFileRetentionDuration"]
    assert kept_for == f"interval {RETENTION_DAYS} days"
    assert lake.sweep(TABLE, [2], RETENTION_DAYS * 24, dry_run=False) == []
    old = DeltaTable(f"s3://{lake.bucket}/{TABLE}", 1, storage_options=lake.storage_options)
    assert old.to_pyarrow_table()["n"].to_pylist() == [1]


def _long_ago(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Commits from now on carry the time of so many days ago."""
    then = time.time() - days * 24 * 60 * 60
    monkeypatch.setattr(lake_module, "time", SimpleNamespace(time=lambda: then))


@pytest.fixture
def old_versions(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Versions 1 to 4 of one file each, all put out of use 500 days ago but the last."""
    lake.create(TABLE, SCHEMA, "year")
    with monkeypatch.context() as then:
        _long_ago(then, 500)
        for number in range(1, 5):
            commit(lake, 2019, number, token=f"T{number}")
    return lake


def test_a_dry_sweep_names_what_would_go_and_deletes_nothing(old_versions: Lake) -> None:
    """Files of versions that are not kept, by their paths; no version, no deletion."""
    keys = list(old_versions.keys(TABLE))
    found = old_versions.sweep(TABLE, [1, 4], RETENTION_DAYS * 24, dry_run=True)
    assert sorted(found) == ["2019/T2.parquet", "2019/T3.parquet"]
    assert list(old_versions.keys(TABLE)) == keys


def test_a_sweep_keeps_the_head_and_the_versions_it_is_told_to(old_versions: Lake) -> None:
    """What is deleted is what a dry run named; the log, its receipts and the rest stay."""
    gone = old_versions.sweep(TABLE, [1, 4], RETENTION_DAYS * 24, dry_run=False)
    assert sorted(gone) == ["2019/T2.parquet", "2019/T3.parquet"]
    files = [k for k in old_versions.keys(TABLE) if k.endswith(".parquet") and "_delta" not in k]
    assert files == [f"{TABLE}/2019/T1.parquet", f"{TABLE}/2019/T4.parquet"]
    head = old_versions.head(TABLE)
    assert (head.receipt, head.receipt_version) == ({"token": "T4"}, 4)
    assert [old_versions.receipt(TABLE, n)["token"] for n in range(1, 5)] == [
        *("T1", "T2", "T3", "T4")
    ]
    assert numbers_in(old_versions) == {2019: [4]}
    assert commit(old_versions, 2019, 5) == head.version + 1


def test_a_refused_sweep_is_one_line(old_versions: Lake, proxy: FaultyS3, shaky: Lake) -> None:
    """What the store refuses is told like everything else."""
    assert shaky.bucket == old_versions.bucket
    proxy.fail(lambda _: True, status=403)
    with pytest.raises(LakeError) as error:
        shaky.sweep(TABLE, [4], RETENTION_DAYS * 24, dry_run=True)
    assert_told(error.value, f"could not sweep s3://{shaky.bucket}/{TABLE}", "AccessDenied")
