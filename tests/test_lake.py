"""The lake on a real S3: nothing new is overwritten, commits are atomic, and faults read well."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from include import lake as lake_module
from include.errors import Hopeless
from include.keys import mint_token
from include.lake import RETENTION_DAYS, CommitConflict, DataFile, Head, Lake, LakeError
from include.vehicle_recalls.write import to_parquet
from tests.faulty_s3 import FaultyS3, faulty_s3

TABLE = "things/table"
SCHEMA = pa.schema([("n", pa.int64()), ("year", pa.int32())])
LOG = f"{TABLE}/_delta_log/"
SECRET = "a-secret-that-no-message-shows"
LONGEST_LINE = 400


def _open(url: str, bucket: str) -> Lake:
    return Lake.connect(
        bucket, endpoint_url=url, region="us-east-1", access_key="test", secret_key=SECRET
    )


@pytest.fixture
def shaky(proxy: FaultyS3, bucket: str) -> Lake:
    """The same bucket as `lake`, behind the proxy."""
    return _open(proxy.url, bucket)


def _file(lake: Lake, year: int, name: str, *numbers: int) -> DataFile:
    path = f"{year}/{name}.parquet"
    lake.put(f"{TABLE}/{path}", to_parquet(pa.table({"n": pa.array(numbers, pa.int64())})))
    return DataFile(path, str(year), len(numbers))


def _commit(lake: Lake, year: int, *numbers: int, base: Head | None = None, token: str = "") -> int:
    """Put numbers in the place of what the base has for the year."""
    base = base or lake.head(TABLE)
    token = token or mint_token()
    old = [base.files[str(year)]] if str(year) in base.files else []
    return lake.commit(TABLE, base, [_file(lake, year, token, *numbers)], old, {"token": token})


def _numbers(lake: Lake) -> dict[int, list[int]]:
    """What a reader with Delta Lake and nothing of ours sees."""
    table = DeltaTable(f"s3://{lake.bucket}/{TABLE}", storage_options=lake.storage_options)
    years: dict[int, list[int]] = {}
    for row in table.to_pyarrow_table().sort_by("n").to_pylist():
        years.setdefault(row["year"], []).append(row["n"])
    return years


def _versions(lake: Lake) -> list[int]:
    """Every entry of the log, as it lies in the bucket."""
    names = [key.removeprefix(LOG) for key in lake.keys(LOG)]
    return [int(name.removesuffix(".json")) for name in names if name.endswith(".json")]


def _told(error: BaseException, *words: str) -> None:
    """The error is one line that a person can read, with these words and no secret."""
    said = str(error)
    assert len(said.splitlines()) == 1
    assert len(said) < LONGEST_LINE
    assert SECRET not in said
    for word in words:
        assert word in said, said


# Objects


def test_put_writes_a_new_object(lake: Lake) -> None:
    """What was put is what is read."""
    lake.put("a/b", b"hello")
    assert lake.get("a/b") == b"hello"
    assert lake.size("a/b") == 5


def test_put_never_overwrites(lake: Lake) -> None:
    """A second put of other bytes fails by name, and the first bytes stay."""
    lake.put("a/b", b"first")
    with pytest.raises(LakeError) as error:
        lake.put("a/b", b"second")
    _told(error.value, f"s3://{lake.bucket}/a/b", "never overwritten", "start a new run")
    assert lake.get("a/b") == b"first"


def test_put_of_the_same_bytes_can_be_repeated(lake: Lake) -> None:
    """A task that runs again puts its own bytes again, and nothing happens."""
    lake.put("a/b", b"same")
    lake.put("a/b", b"same")
    assert list(lake.keys("a/")) == ["a/b"]


def test_put_is_done_when_only_its_answer_was_lost(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """The client repeats the put, is told that the key exists, and knows its own bytes."""
    proxy.drop_reply("PUT")
    shaky.put("a/b", b"hello")
    assert lake.get("a/b") == b"hello"
    assert [call.method for call in proxy.changes] == ["PUT", "PUT"]


def test_put_that_lost_a_race_leaves_the_winners_bytes(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """Another writer that comes in between wins, and the loser is told."""
    proxy.before(lambda: lake.put("a/b", b"winner"), "PUT")
    with pytest.raises(LakeError):
        shaky.put("a/b", b"loser")
    assert lake.get("a/b") == b"winner"


def test_a_put_out_of_sixteen_wins(lake: Lake) -> None:
    """Sixteen writers of one key: one is right, fifteen are told, the bytes are the winner's."""

    def put(number: int) -> int | None:
        try:
            lake.put("a/b", str(number).encode())
        except LakeError:
            return None
        return number

    with ThreadPoolExecutor(16) as pool:
        (winner,) = [n for n in pool.map(put, range(16)) if n is not None]
    assert lake.get("a/b") == str(winner).encode()


def test_a_projection_is_replaced_with_its_origin(lake: Lake) -> None:
    """A projection overwrites, and body and metadata change together."""
    assert lake.made_from("p") is None
    lake.project("p", b"one", {"version": "1"})
    lake.project("p", b"two", {"version": "2"})
    assert (lake.get("p"), lake.made_from("p")) == (b"two", {"version": "2"})


def test_a_copy_is_made_inside_s3(proxy: FaultyS3, shaky: Lake, lake: Lake) -> None:
    """A copied projection has its own metadata, and its body never travels."""
    lake.project("source", b"body", {"of": "the source"})
    shaky.project_copy("source", "copy", {"sha256": "abc"})
    assert (lake.get("copy"), lake.made_from("copy")) == (b"body", {"sha256": "abc"})
    assert [call.method for call in proxy.calls] == ["COPY"]


def test_keys_are_listed_whole_and_by_level(lake: Lake) -> None:
    """A prefix lists all below it, or only its own level."""
    for key in ("p/1", "p/2", "p/q/3", "r"):
        lake.put(key, b"")
    assert list(lake.keys("p/")) == ["p/1", "p/2", "p/q/3"]
    assert list(lake.keys("p/", recursive=False)) == ["p/1", "p/2"]


def test_what_is_deleted_is_gone_and_may_be_deleted_again(lake: Lake) -> None:
    """Deleting twice is the same as once; reading then says what is missing."""
    lake.put("a/b", b"")
    lake.delete("a/b")
    lake.delete("a/b")
    with pytest.raises(FileNotFoundError) as error:
        lake.get("a/b")
    _told(error.value, f"s3://{lake.bucket}/a/b does not exist")


def test_work_at_once_keeps_its_order_and_raises_what_failed(lake: Lake) -> None:
    """Results come in the order of the items; the first failure is raised."""
    lake.at_once(lambda n: lake.put(f"n/{n}", str(n).encode()), range(20))
    assert lake.at_once(lambda n: int(lake.get(f"n/{n}")), range(20)) == list(range(20))
    with pytest.raises(FileNotFoundError, match="n/20 "):
        lake.at_once(lambda n: lake.get(f"n/{n}"), range(15, 25))


# The table


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
    _commit(lake, 2019, 1, 2)
    assert lake.create(TABLE, SCHEMA, "year").version == 1
    assert _numbers(lake) == {2019: [1, 2]}


def test_a_table_is_created_once_in_a_race(s3_url: str, bucket: str, lake: Lake) -> None:
    """Six creators at once: all get the table, and its log has one entry."""
    together = threading.Barrier(6)

    def create(_: int) -> int:
        mine = _open(s3_url, bucket)
        together.wait()
        return mine.create(TABLE, SCHEMA, "year").version

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(create, range(6))) == {0}
    assert _versions(lake) == [0]


def test_a_table_is_created_once_when_the_answer_was_lost(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """A creation that was done and not heard of is not done again on top of itself."""
    proxy.drop_reply(f"{LOG}00000000000000000000.json")
    assert shaky.create(TABLE, SCHEMA, "year").version == 0
    assert _versions(lake) == [0]


def test_a_commit_is_the_next_version_with_its_receipt(lake: Lake) -> None:
    """Rows, receipt and file list of the new version are what was committed."""
    lake.create(TABLE, SCHEMA, "year")
    assert _commit(lake, 2019, 1, 2, token="T1") == 1
    head = lake.head(TABLE)
    assert (head.version, head.receipt_version, head.receipt) == (1, 1, {"token": "T1"})
    size = lake.size(f"{TABLE}/2019/T1.parquet")
    assert dict(head.files) == {"2019": DataFile("2019/T1.parquet", "2019", 2, size)}
    assert _numbers(lake) == {2019: [1, 2]}


def test_years_are_swapped_in_one_version(lake: Lake) -> None:
    """Adds and removes of several years are seen together, or not at all."""
    base = lake.create(TABLE, SCHEMA, "year")
    lake.commit(TABLE, base, [_file(lake, y, "a", y) for y in (2018, 2019)], [], {"token": "T1"})
    base = lake.head(TABLE)
    adds = [_file(lake, year, "b", year + 1) for year in (2019, 2020)]
    lake.commit(TABLE, base, adds, base.files.values(), {"token": "T2"})
    assert _numbers(lake) == {2019: [2020], 2020: [2021]}
    assert _versions(lake) == [0, 1, 2]


def test_a_receipt_of_any_text_comes_back_as_it_was(lake: Lake) -> None:
    """Quotes, line breaks and any alphabet survive the log."""
    base = lake.create(TABLE, SCHEMA, "year")
    receipt = {"token": "T", "said": 'a "b"\n\\ ü \u2028 日本', "years": {"2019": {"rows": 1}}}
    lake.commit(TABLE, base, [], [], receipt)
    assert lake.head(TABLE).receipt == receipt


def test_versions_without_a_receipt_change_no_state(lake: Lake) -> None:
    """After a commit of another tool the newest receipt still is the state."""
    lake.create(TABLE, SCHEMA, "year")
    _commit(lake, 2019, 1, token="T1")
    handle = lake.head(TABLE).handle
    assert handle is not None
    handle.alter.set_table_properties({"delta.x": "y"}, raise_if_not_exists=False)
    head = lake.head(TABLE)
    assert (head.version, head.receipt_version, head.receipt) == (2, 1, {"token": "T1"})
    assert _commit(lake, 2019, 2, base=head) == 3


def test_a_checkpoint_changes_neither_files_nor_receipts(lake: Lake) -> None:
    """The head read from a checkpoint is the head read from the log."""
    lake.create(TABLE, SCHEMA, "year")
    _commit(lake, 2018, 1, 2, 3)
    _commit(lake, 2019, 4, token="T2")
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
        _commit(lake, 2019, number, token=token)
    head = lake.head(TABLE)
    assert lake.committed_as(head, "T2", since=0) == 2
    assert lake.committed_as(head, "T3", since=2) == 3
    assert lake.committed_as(head, "T2", since=2) is None
    assert lake.committed_as(head, "T9", since=-1) is None


def test_the_second_commit_on_one_base_is_refused(lake: Lake) -> None:
    """Even where two commits touch different years, the later one must look again."""
    base = lake.create(TABLE, SCHEMA, "year")
    _commit(lake, 2019, 1, base=base)
    with pytest.raises(CommitConflict) as error:
        _commit(lake, 2020, 2, base=base)
    _told(error.value, f"s3://{lake.bucket}/{TABLE}", "another writer")
    assert _numbers(lake) == {2019: [1]}
    assert _versions(lake) == [0, 1]


def test_a_commit_that_lost_its_race_is_refused(proxy: FaultyS3, shaky: Lake, lake: Lake) -> None:
    """A commit that comes between load and put wins, and the other leaves nothing behind."""
    lake.create(TABLE, SCHEMA, "year")
    proxy.before(lambda: _commit(lake, 2020, 2), f"PUT /{lake.bucket}/{LOG}")
    with pytest.raises(CommitConflict):
        _commit(shaky, 2019, 1)
    assert _numbers(lake) == {2020: [2]}
    assert _versions(lake) == [0, 1]


def test_a_commit_of_a_missing_file_is_refused(lake: Lake) -> None:
    """Delta would take a file that is not there, and break every reader; the lake does not."""
    base = lake.create(TABLE, SCHEMA, "year")
    there = _file(lake, 2018, "there", 1)
    with pytest.raises(LakeError) as error:
        lake.commit(TABLE, base, [there, DataFile("2019/not.parquet", "2019", 1)], [], {})
    _told(error.value, f"{TABLE}/2019/not.parquet", "does not exist", "run")
    assert _versions(lake) == [0]


def test_a_commit_to_a_table_that_is_not_there_is_refused(lake: Lake) -> None:
    """A table is created on purpose, never by a commit."""
    with pytest.raises(LakeError) as error:
        lake.commit(TABLE, lake.head(TABLE), [], [], {})
    _told(error.value, f"s3://{lake.bucket}/{TABLE}", "create it")
    assert list(lake.keys("")) == []


def test_a_commit_without_an_answer_is_found_in_the_log(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """The caller of a commit whose answer was lost hears an error, and finds that it had won."""
    lake.create(TABLE, SCHEMA, "year")
    proxy.drop_reply(f"PUT /{lake.bucket}/{LOG}")
    with pytest.raises(LakeError):
        _commit(shaky, 2019, 1, token="T1")
    assert lake.committed_as(lake.head(TABLE), "T1", since=0) == 1
    assert _numbers(lake) == {2019: [1]}
    assert _versions(lake) == [0, 1]


def test_a_commit_is_not_doubled_by_losing_every_answer(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """However often the put of the log entry is repeated, it is one version."""
    lake.create(TABLE, SCHEMA, "year")
    proxy.drop_reply(f"PUT /{lake.bucket}/{LOG}", times=99)
    with pytest.raises(LakeError) as error:
        _commit(shaky, 2019, 1, token="T1")
    _told(error.value, f"commit to s3://{lake.bucket}/{TABLE}")
    assert _versions(lake) == [0, 1]


# Versions before, other tables, what goes


def test_a_table_can_be_seen_as_it_was(lake: Lake) -> None:
    """As of a version: its files, its receipt, and the newest receipt up to there."""
    lake.create(TABLE, SCHEMA, "year")
    _commit(lake, 2019, 1, token="T1")
    _touch(lake)
    _commit(lake, 2019, 2, token="T3")
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
    _told(error.value, f"s3://{lake.bucket}/{TABLE}")


def test_a_commit_on_an_older_version_is_refused(lake: Lake) -> None:
    """A head of before is for looking; what is built on it has lost already."""
    lake.create(TABLE, SCHEMA, "year")
    _commit(lake, 2019, 1)
    with pytest.raises(CommitConflict):
        _commit(lake, 2019, 2, base=lake.head(TABLE, 0))
    assert _numbers(lake) == {2019: [1]}


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
    assert _numbers(lake) == {2019: [1, 2]}


def numbered(head: Head, application: str) -> int | None:
    assert head.handle is not None
    return head.handle.transaction_version(application)


def test_a_commit_carries_a_number_for_each_application(lake: Lake) -> None:
    """Kept for ever, through later commits without one and through a checkpoint."""
    base = lake.create(TABLE, SCHEMA, "year")
    assert numbered(base, "ledger") is None
    lake.commit(TABLE, base, [], [], {}, transactions={"ledger": 7, "other": 1})
    _commit(lake, 2019, 1)
    assert [numbered(lake.head(TABLE), name) for name in ("ledger", "other", "none")] == [
        *(7, 1, None)
    ]
    handle = lake.head(TABLE).handle
    assert handle is not None
    handle.create_checkpoint()
    _commit(lake, 2019, 2)
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


def test_a_removed_file_stays_readable_for_as_long_as_it_says(lake: Lake) -> None:
    """The table tells its readers how long, and every version before can be read until then."""
    lake.create(TABLE, SCHEMA, "year")
    _commit(lake, 2019, 1)
    _commit(lake, 2019, 2)
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
            _commit(lake, 2019, number, token=f"T{number}")
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
    assert _numbers(old_versions) == {2019: [4]}
    assert _commit(old_versions, 2019, 5) == head.version + 1


def test_a_refused_sweep_is_one_line(old_versions: Lake, proxy: FaultyS3, shaky: Lake) -> None:
    """What the store refuses is told like everything else."""
    assert shaky.bucket == old_versions.bucket
    proxy.fail(lambda _: True, status=403)
    with pytest.raises(LakeError) as error:
        shaky.sweep(TABLE, [4], RETENTION_DAYS * 24, dry_run=True)
    _told(error.value, f"could not sweep s3://{shaky.bucket}/{TABLE}", "AccessDenied")


# From the environment


def test_commands_find_the_lake_in_the_environment(
    s3_url: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bucket and endpoint by our names, rights and region by the names of AWS."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    named = {"LAKE_BUCKET": bucket, "LAKE_ENDPOINT_URL": s3_url, "AWS_REGION": "eu-west-1"}
    lake = Lake.from_environment(named)
    lake.put("k", b"hello")
    assert lake.create(TABLE, SCHEMA, "year").version == 0
    assert lake.storage_options["AWS_REGION"] == "eu-west-1"


@pytest.mark.parametrize(
    ("environment", "endpoint"),
    [
        ({}, "https://s3.eu-west-1.amazonaws.com"),
        ({"LAKE_ENDPOINT_URL": ""}, "https://s3.eu-west-1.amazonaws.com"),
        ({"LAKE_ENDPOINT_URL": "http://127.0.0.1:1"}, "http://127.0.0.1:1"),
    ],
)
def test_without_an_endpoint_the_lake_is_at_aws(environment: dict[str, str], endpoint: str) -> None:
    """An empty endpoint is none; the default region is a region."""
    named = {"LAKE_BUCKET": "b", "AWS_DEFAULT_REGION": "eu-west-1"} | environment
    assert Lake.from_environment(named).s3.meta.endpoint_url == endpoint


@pytest.mark.parametrize("environment", [{}, {"LAKE_BUCKET": ""}])
def test_without_a_bucket_a_command_says_what_to_do(environment: dict[str, str]) -> None:
    """Nothing is guessed: one line that trying again does not help."""
    with pytest.raises(Hopeless) as error:
        Lake.from_environment(environment)
    _told(error.value, "LAKE_BUCKET is not set", "make lake")


# One line for each refusal


def _put(lake: Lake) -> None:
    lake.put("k", b"1")


def _get(lake: Lake) -> None:
    lake.get("k")


def _list(lake: Lake) -> None:
    list(lake.keys("k"))


def _copy(lake: Lake) -> None:
    lake.project_copy("k", "l", {})


def _load(lake: Lake) -> None:
    lake.head(TABLE)


def _create(lake: Lake) -> None:
    lake.create(TABLE, SCHEMA, "year")


WORK: tuple[Callable[[Lake], None], ...] = (_put, _get, _list, _copy, _load, _create)


def _refused(lake: Lake, work: Iterable[Callable[[Lake], None]], *words: str) -> None:
    """Each piece of work fails with one line that has these words."""
    for attempt in work:
        with pytest.raises(LakeError) as error:
            attempt(lake)
        _told(error.value, "could not ", f"s3://{lake.bucket}/", *words)


def test_a_missing_bucket_is_named(s3_url: str) -> None:
    """The message says which bucket is not there, and what to do."""
    lake = _open(s3_url, "no-such-bucket")
    _refused(lake, WORK, "NoSuchBucket", "create the bucket", "`lake`")


def test_an_endpoint_that_is_down_is_named_as_the_cause(bucket: str) -> None:
    """Where nobody listens the message says so, and asks for the endpoint."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        lake = _open(f"http://127.0.0.1:{nobody.getsockname()[1]}", bucket)
        _refused(lake, WORK, "endpoint", "`lake`")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, ["AccessDenied", "give the connection `lake` the right"]),
        (500, ["InternalError", "run again"]),
        (507, ["Insufficient", "run again"]),
    ],
)
def test_a_refusal_is_one_line(proxy: FaultyS3, shaky: Lake, status: int, words: list[str]) -> None:
    """Each refusal says what could not be done, where, what S3 answered, and what to do."""
    proxy.fail(lambda _: True, status=status)
    _refused(shaky, WORK, *words)


def test_a_store_that_stays_busy_is_one_line(proxy: FaultyS3, shaky: Lake) -> None:
    """A storm that outlasts the patience of both libraries ends in the same kind of line."""
    proxy.fail(lambda _: True, status=503)
    _refused(shaky, (_put, _load), "SlowDown", "run again")


@pytest.mark.parametrize("status", [403, 500, 503, 507, None])
def test_a_refused_commit_is_one_line_and_no_conflict(
    proxy: FaultyS3, shaky: Lake, lake: Lake, status: int | None
) -> None:
    """Refused is not lost to another: the message says refused, and no version appears."""
    lake.create(TABLE, SCHEMA, "year")
    proxy.fail(f"PUT /{lake.bucket}/{LOG}", status=status)
    with pytest.raises(LakeError) as error:
        _commit(shaky, 2019, 1)
    assert not isinstance(error.value, CommitConflict)
    _told(error.value, f"could not commit to s3://{lake.bucket}/{TABLE}", "; ")
    assert _versions(lake) == [0]


def test_a_denied_look_says_what_a_denied_read_says(proxy: FaultyS3, shaky: Lake) -> None:
    """S3 answers HEAD without a body; the cure is the same all the same."""
    proxy.fail("HEAD", status=403)
    with pytest.raises(LakeError) as error:
        shaky.made_from("k")
    _told(error.value, "give the connection `lake` the right")


def test_a_short_storm_is_waited_out(lake: Lake) -> None:
    """A client that is refused twice asks a third time, and gets its answer."""
    lake.put("k", b"hello")
    with faulty_s3(lake.s3.meta.endpoint_url) as proxy:
        proxy.fail("GET", times=2)
        assert _open(proxy.url, lake.bucket).get("k") == b"hello"


def test_the_endpoint_of_the_environment_serves_both_libraries(
    s3_url: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where boto3 finds the endpoint by itself, Delta goes to the same one."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    lake = Lake.connect(bucket, region="us-east-1")
    lake.put("k", b"hello")
    assert lake.create(TABLE, SCHEMA, "year").version == 0


def test_the_log_holds_what_the_library_was_given(lake: Lake) -> None:
    """An entry of the log names only this commit's files, with the rows as their statistics."""
    lake.create(TABLE, SCHEMA, "year")
    _commit(lake, 2019, 1, 2, token="T1")
    lines = lake.get(f"{LOG}00000000000000000001.json").splitlines()
    (add,) = [json.loads(line)["add"] for line in lines if b'"add"' in line]
    assert (add["path"], add["partitionValues"]) == ("2019/T1.parquet", {"year": "2019"})
    assert json.loads(add["stats"]) == {"numRecords": 2}


@pytest.mark.parametrize("damage", ["empty", "cut", "overwritten"])
def test_a_damaged_parquet_is_one_clear_line(lake: Lake, damage: str) -> None:
    """It names the object and the cure, whatever Arrow makes of it."""
    body = to_parquet(pa.table({"a": ["some text"] * 1_000}))
    zeros = bytes(len(body) // 4)
    lake.put("a.parquet", body)
    assert lake.read_parquet("a.parquet").num_rows == 1_000
    damaged = {
        "empty": b"",
        "cut": body[:-9],
        "overwritten": body[:4] + zeros + body[4:][len(zeros) :],
    }
    lake.project("a.parquet", damaged[damage], {})
    with pytest.raises(LakeError) as error:
        lake.read_parquet("a.parquet")
    text = str(error.value)
    assert f"could not read s3://{lake.bucket}/a.parquet: " in text
    assert "the object is damaged: restore it from a copy" in text
    assert "\n" not in text
