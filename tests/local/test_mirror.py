"""Saves a bucket to a folder and loads it back, on a real S3 server."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.client import BaseClient

from include.lake.connect import connect
from include.lake.store import Store, StoredObject, StoreRefused
from local import mirror
from local.environment import local_lake
from local.processes import LocalError

LOG = "vehicle_recalls/table/_delta_log"
YEAR = "vehicle_recalls/2019.parquet"
OBJECTS = {
    "shoe_prices/table/part 0+ü.parquet": b"shoes",
    "vehicle_recalls/raw/t/1966-2026/page-00000.gz": b"\x1f\x8b",
    "vehicle_recalls/raw/t/1966-2026/manifest.json": b"[]",
    "vehicle_recalls/table/2019/t-1.parquet": b"2019",
    f"{LOG}/00000000000000000000.json": b"{}",
    f"{LOG}/00000000000000000001.json": b"{1}",
    f"{LOG}/_last_checkpoint": b'{"version":1}',
    "vehicle_recalls/ledger/part-0.parquet": b"edits",
    "vehicle_recalls/ledger/_delta_log/00000000000000000000.json": b"{2}",
    YEAR: b"2019",
    "vehicle_recalls/aggregates/by type.parquet": b"sums",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "s3_bucket"


@pytest.fixture
def store(s3_url: str, bucket: str) -> Store:
    store = connect(local_lake(bucket, s3_url))
    for key, body in OBJECTS.items():
        store.replace(key, body)
    return store


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def load_into_new_bucket(s3: BaseClient, s3_url: str, folder: Path) -> dict[str, bytes]:
    """Load the folder into a new bucket and return its objects."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    other = connect(local_lake(name, s3_url))
    assert mirror.load(other, folder) == len(other.list(""))
    return {key: other.get(key) for key in other.list("")}


def test_save_and_load_keep_every_byte(s3: BaseClient, s3_url: str, store: Store, folder: Path):
    assert mirror.save(store, folder) == mirror.Saved(len(OBJECTS), 0, len(OBJECTS))
    assert files(folder) == OBJECTS
    assert load_into_new_bucket(s3, s3_url, folder) == OBJECTS


def test_staging_and_hidden_files_are_skipped(
    s3: BaseClient, s3_url: str, store: Store, folder: Path
):
    store.replace("vehicle_recalls/staging/t/1.parquet", b"staged")
    mirror.save(store, folder)
    assert files(folder) == OBJECTS

    for hidden in (".day", ".DS_Store", "vehicle_recalls/.DS_Store"):
        (folder / hidden).write_text("1")
    assert mirror.save(store, folder).deleted == 0
    assert load_into_new_bucket(s3, s3_url, folder) == OBJECTS


def test_save_copies_only_changed_files(store: Store, folder: Path):
    mirror.save(store, folder)
    before = {key: (folder / key).stat().st_ino for key in OBJECTS}
    store.replace(YEAR, b"2020")
    (folder / "vehicle_recalls/ledger/part-0.parquet").write_bytes(b"tides")
    (folder / LOG / "_last_checkpoint").unlink()

    assert mirror.save(store, folder).copied == 3
    assert files(folder) == OBJECTS | {YEAR: b"2020"}
    changed = [key for key in OBJECTS if before[key] != (folder / key).stat().st_ino]
    assert len(changed) <= 3
    assert mirror.save(store, folder) == mirror.Saved(0, 0, len(OBJECTS))


def test_save_deletes_removed_objects_and_empty_folders(store: Store, folder: Path):
    mirror.save(store, folder)
    store.delete(key for key in OBJECTS if key.startswith("shoe_prices/"))
    assert mirror.save(store, folder).deleted == 1
    assert not (folder / "shoe_prices").exists()
    assert len(files(folder)) == len(OBJECTS) - 1


def test_missing_bucket_deletes_nothing(s3_url: str, store: Store, folder: Path):
    mirror.save(store, folder)
    with pytest.raises(StoreRefused):
        mirror.save(connect(local_lake("test-never-made", s3_url)), folder)
    assert files(folder) == OBJECTS


@pytest.mark.parametrize("key", ["a/.hidden", ".day"])
def test_unsafe_key_is_refused_before_copying(store: Store, folder: Path, key: str):
    store.replace(key, b"x")
    with pytest.raises(LocalError, match=f"s3://{store.bucket}/{key} "):
        mirror.save(store, folder)
    assert not folder.exists()


class Killed(BaseException):
    """Simulates a kill: no handler of `Exception` catches it."""


def kill_after(steps: int, replace: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
    def step(self: Path, target: Path) -> Path:
        nonlocal steps
        steps -= 1
        if steps < 0:
            raise Killed
        return replace(self, target)

    return step


@pytest.mark.parametrize("steps", range(7))
def test_save_killed_at_any_step_is_completed_by_the_next(
    store: Store, folder: Path, steps: int, monkeypatch: pytest.MonkeyPatch
):
    """A log entry is written only after the files that it refers to."""
    mirror.save(store, folder)
    new = {
        "vehicle_recalls/table/2019/t-2.parquet": b"new",
        f"{LOG}/00000000000000000002.json": b"{t-2}",
        f"{LOG}/00000000000000000003.json": b"{}",
        f"{LOG}/_last_checkpoint": b'{"version":3}',
        "vehicle_recalls/ledger/part-1.parquet": b"more edits",
        "vehicle_recalls/ledger/_delta_log/00000000000000000001.json": b"{part-1}",
        YEAR: b"new",
    }
    for key, body in new.items():
        store.replace(key, body)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", kill_after(steps, Path.replace))
        with pytest.raises(Killed):
            mirror.save(store, folder)

    arrived = [files(folder).get(key) == body for key, body in new.items()]
    assert arrived == [True] * steps + [False] * (len(new) - steps)
    mirror.save(store, folder)
    assert files(folder) == OBJECTS | new


class CommittingStore:
    """A store with a commit during each listing, which shows the log entry but not its file."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.versions: Iterator[int] = iter(range(2, 40))

    def list(self, folder: str) -> dict[str, StoredObject]:
        before = self.store.list(folder)
        version = next(self.versions)
        for key in (f"table/9/{version}", f"table/_delta_log/{version:020}.json"):
            self.store.replace(f"vehicle_recalls/{key}", b"x")
        after = self.store.list(folder)
        return {key: found for key, found in after.items() if "_delta_log" in key or key in before}

    def __getattr__(self, name: str):
        return getattr(self.store, name)


def test_save_during_commits_has_no_log_entry_without_its_file(store: Store, folder: Path):
    mirror.save(CommittingStore(store), folder)
    logged = {int(path.stem) for path in (folder / LOG).glob("*.json")} - {0, 1}
    there = {int(path.name) for path in (folder / "vehicle_recalls/table/9").glob("*")}
    assert logged
    assert logged <= there
