"""The bucket as a folder and back, against a real LocalStack."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.client import BaseClient

from include.first.copying import listing, order
from local import mirror
from local.mirror_index import Index
from local.processes import LocalError

LOG = "vehicle_recalls/table/_delta_log"
OBJECTS = {
    f"{LOG}/00000000000000000000.json": b"{}",
    f"{LOG}/00000000000000000001.json": b"{1}",
    f"{LOG}/00000000000000000001.checkpoint.parquet": b"PAR1",
    f"{LOG}/_last_checkpoint": b'{"version":1}',
    "vehicle_recalls/table/2019/t-1.parquet": b"2019",
    "vehicle_recalls/ledger/_delta_log/00000000000000000000.json": b"{2}",
    "vehicle_recalls/ledger/part-0.parquet": b"edits",
    "vehicle_recalls/raw/t/1966-2026/page-00000.json.gz": b"\x1f\x8b",
    "vehicle_recalls/2019.parquet": b"2019",
    "vehicle_recalls/aggregates/by type.parquet": b"sums",
    "shoe_prices/table/_delta_log/00000000000000000000.json": b"{3}",
    "shoe_prices/table/part 0+ü.parquet": b"shoes",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "s3_bucket"


@pytest.fixture
def filled(s3: BaseClient, bucket: str) -> str:
    for key, body in OBJECTS.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"made-from": key[-3:]})
    return bucket


def content(s3: BaseClient, bucket: str) -> dict[str, tuple[bytes, dict[str, str]]]:
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    answers = {key: s3.get_object(Bucket=bucket, Key=key) for key in keys}
    return {key: (answer["Body"].read(), answer["Metadata"]) for key, answer in answers.items()}


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".mirror" not in path.parts
    }


def load_elsewhere(s3: BaseClient, folder: Path) -> dict[str, tuple[bytes, dict[str, str]]]:
    name = f"test-{uuid.uuid4().hex[:12]}"
    mirror.load(s3, name, folder)
    return content(s3, name)


def test_round_trip(s3: BaseClient, filled: str, folder: Path):
    """Saved and loaded into another bucket, every byte and all user metadata is there again."""
    moved = mirror.save(s3, filled, folder)

    assert files(folder) == OBJECTS
    assert moved == mirror.Moved(copied=len(OBJECTS), deleted=0, total=len(OBJECTS))
    assert load_elsewhere(s3, folder) == content(s3, filled)


def test_staging_stays_out(s3: BaseClient, filled: str, folder: Path):
    """What lies in a pipeline's staging folder is neither saved nor loaded."""
    s3.put_object(Bucket=filled, Key="vehicle_recalls/staging/t/1.parquet", Body=b"on its way")
    mirror.save(s3, filled, folder)
    assert files(folder) == OBJECTS

    (folder / "vehicle_recalls/staging").mkdir()
    (folder / "vehicle_recalls/staging/2.parquet").write_bytes(b"left by hand")
    assert load_elsewhere(s3, folder).keys() == OBJECTS.keys()


def test_only_differences_are_copied(s3: BaseClient, filled: str, folder: Path):
    """A second save copies what changed, and leaves every other file untouched."""
    mirror.save(s3, filled, folder)
    before = {key: (folder / key).stat().st_ino for key in OBJECTS}
    s3.put_object(Bucket=filled, Key="vehicle_recalls/2019.parquet", Body=b"2020")

    assert mirror.save(s3, filled, folder).copied == 1
    after = {key: (folder / key).stat().st_ino for key in OBJECTS}
    assert {key for key in OBJECTS if before[key] != after[key]} == {"vehicle_recalls/2019.parquet"}
    assert (folder / "vehicle_recalls/2019.parquet").read_bytes() == b"2020"


def test_a_loaded_bucket_is_not_copied_back(s3: BaseClient, filled: str, folder: Path):
    """A save straight after a load finds nothing to copy."""
    mirror.save(s3, filled, folder)
    other = f"test-{uuid.uuid4().hex[:12]}"
    mirror.load(s3, other, folder)

    assert mirror.save(s3, other, folder) == mirror.Moved(0, 0, len(OBJECTS))


def test_new_metadata_on_the_same_bytes_is_saved(s3: BaseClient, filled: str, folder: Path):
    """A projection made again from a newer version, with equal bytes, keeps its new metadata."""
    mirror.save(s3, filled, folder)
    key = "vehicle_recalls/2019.parquet"
    s3.put_object(Bucket=filled, Key=key, Body=OBJECTS[key], Metadata={"version": "9"})
    mirror.save(s3, filled, folder)

    assert load_elsewhere(s3, folder)[key] == (OBJECTS[key], {"version": "9"})


def test_deleted_objects_go(s3: BaseClient, filled: str, folder: Path):
    """A file whose object is gone is deleted, with the folders that it leaves empty."""
    mirror.save(s3, filled, folder)
    for key in OBJECTS:
        if key.startswith("shoe_prices/"):
            s3.delete_object(Bucket=filled, Key=key)

    assert mirror.save(s3, filled, folder).deleted == 2
    assert files(folder).keys() == {key for key in OBJECTS if key.startswith("vehicle_recalls/")}
    assert not (folder / "shoe_prices").exists()


def test_a_changed_file_is_put_right(s3: BaseClient, filled: str, folder: Path):
    """A file that somebody edited or deleted by hand is as in the bucket after the next save."""
    mirror.save(s3, filled, folder)
    (folder / "vehicle_recalls/2019.parquet").write_bytes(b"9102")
    (folder / LOG / "_last_checkpoint").unlink()

    assert mirror.save(s3, filled, folder).copied == 2
    assert files(folder) == OBJECTS


@pytest.mark.parametrize(
    "key", ["a/../../b", "/etc/x", "a//b", "a/", "a/.hidden", ".mirror/index.json", ".."]
)
def test_unsafe_keys(s3: BaseClient, filled: str, folder: Path, key: str):
    """A key that is no safe file name is refused by name, before anything is copied."""
    s3.put_object(Bucket=filled, Key=key, Body=b"x")

    with pytest.raises(LocalError) as refused:
        mirror.save(s3, filled, folder)
    assert f"s3://{filled}/{key} " in str(refused.value)
    assert not folder.exists()


def test_order():
    """Files, the tables' logs upwards and their hints last, the ledgers likewise, then the rest."""
    assert sorted(OBJECTS, key=order) == [
        "shoe_prices/table/part 0+ü.parquet",
        "vehicle_recalls/raw/t/1966-2026/page-00000.json.gz",
        "vehicle_recalls/table/2019/t-1.parquet",
        "shoe_prices/table/_delta_log/00000000000000000000.json",
        f"{LOG}/00000000000000000000.json",
        f"{LOG}/00000000000000000001.json",
        f"{LOG}/00000000000000000001.checkpoint.parquet",
        f"{LOG}/_last_checkpoint",
        "vehicle_recalls/ledger/part-0.parquet",
        "vehicle_recalls/ledger/_delta_log/00000000000000000000.json",
        "vehicle_recalls/2019.parquet",
        "vehicle_recalls/aggregates/by type.parquet",
    ]


class Killed(BaseException):
    """Like a kill: nothing in the code under test catches it."""


def dying_after(steps: int, replace: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
    def step(self: Path, target: Path) -> Path:
        nonlocal steps
        steps -= 1
        if steps < 0:
            raise Killed
        return replace(self, target)

    return step


@pytest.mark.parametrize("steps", range(8))
def test_a_save_killed_at_any_step_can_be_loaded(
    s3: BaseClient, filled: str, folder: Path, steps: int, monkeypatch: pytest.MonkeyPatch
):
    """Killed before any of its renames, a save leaves no log entry without what it refers to,
    no projection that claims another's origin, and the next save brings all in line.
    """
    mirror.save(s3, filled, folder)
    old = content(s3, filled)
    year = "vehicle_recalls/2019.parquet"
    news = {
        "vehicle_recalls/table/2019/t-2.parquet": b"new",
        f"{LOG}/00000000000000000002.json": b"{t-2}",
        f"{LOG}/00000000000000000003.json": b"{}",
        f"{LOG}/_last_checkpoint": b'{"version":3}',
        "vehicle_recalls/ledger/part-1.parquet": b"more edits",
        "vehicle_recalls/ledger/_delta_log/00000000000000000001.json": b"{part-1}",
        year: b"new",
    }
    for key, body in news.items():
        s3.put_object(Bucket=filled, Key=key, Body=body, Metadata={"made-from": "new"})

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dying_after(steps, Path.replace))
        with pytest.raises(Killed):
            mirror.save(s3, filled, folder)

    loaded = load_elsewhere(s3, folder)
    assert loaded.keys() >= old.keys()
    arrived = [key in loaded and loaded[key][0] == body for key, body in news.items()]
    assert arrived == sorted(arrived, reverse=True)  # in the order of `news`, and no gap
    assert loaded[year] in [old[year], (b"new", {})]

    mirror.save(s3, filled, folder)
    assert load_elsewhere(s3, folder) == content(s3, filled)
    assert not list((folder / ".mirror").glob("tmp*"))


def test_an_object_that_changes_while_it_is_saved_waits(
    s3: BaseClient, filled: str, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """What is overwritten, deleted or added after the listing does not get into this save."""
    mirror.save(s3, filled, folder)
    saved = files(folder)
    year, raw = "vehicle_recalls/2019.parquet", "vehicle_recalls/raw/t/1966-2026/page-00000.json.gz"
    s3.put_object(Bucket=filled, Key=year, Body=b"second")

    def publish_after_listing(*args: object) -> dict[str, object]:
        listed = listing(*args)
        s3.put_object(Bucket=filled, Key=year, Body=b"third")
        s3.put_object(Bucket=filled, Key=f"{LOG}/00000000000000000002.json", Body=b"{}")
        s3.delete_object(Bucket=filled, Key=raw)
        return listed

    with monkeypatch.context() as patch:
        patch.setattr(mirror, "listing", publish_after_listing)
        mirror.save(s3, filled, folder)
    assert files(folder) == saved

    mirror.save(s3, filled, folder)
    assert files(folder)[year] == b"third"
    assert raw not in files(folder)


class Publishing:
    """An S3 whose listings come in small pages, with a commit (file, then log) before each."""

    def __init__(self, s3: BaseClient, bucket: str) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.versions = iter(range(2, 40))

    def get_paginator(self, _: str):
        return self

    def paginate(self, **options: str):
        pages = self.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(**options, PaginationConfig={"PageSize": 3}):
            yield page
            if version := next(self.versions, None):
                for key in (f"table/9/{version}", f"table/_delta_log/{version:020}.json"):
                    self.s3.put_object(Bucket=self.bucket, Key=f"vehicle_recalls/{key}", Body=b"x")


def test_a_listing_agrees_with_itself(s3: BaseClient, filled: str):
    """A commit between two requests of a listing never shows a log entry without its file."""
    publishing = Publishing(s3, filled)
    listed = listing(lambda: mirror._objects(publishing, filled))

    names = [key.rpartition("/")[2] for key in listed if key.startswith(f"{LOG}/")]
    logged = {int(name[:20]) for name in names if name.endswith(".json")} - {0, 1}
    there = {int(key.rpartition("/")[2]) for key in listed if "/table/9/" in key}
    assert logged
    assert logged <= there


def test_files_copied_from_elsewhere_claim_no_origin(s3: BaseClient, filled: str, folder: Path):
    """A folder whose index does not fit its files is loaded without metadata, to be made again."""
    mirror.save(s3, filled, folder)
    for key in OBJECTS:
        os.utime(folder / key, ns=(1, 1))

    assert load_elsewhere(s3, folder) == {key: (body, {}) for key, body in OBJECTS.items()}


def test_a_broken_index_is_no_index(s3: BaseClient, filled: str, folder: Path):
    """An unreadable index costs a full copy, and nothing else."""
    mirror.save(s3, filled, folder)
    (folder / ".mirror/index.json").write_bytes(b"{")

    assert Index.load(folder).entries == {}
    assert mirror.save(s3, filled, folder).copied == len(OBJECTS)


def test_an_empty_folder_makes_an_empty_bucket(s3: BaseClient, folder: Path):
    """The first start on a machine finds no folder and makes the bucket."""
    assert load_elsewhere(s3, folder) == {}


def test_a_missing_bucket_deletes_nothing(s3: BaseClient, filled: str, folder: Path):
    """A bucket that is gone is an error, not an empty bucket: the folder stays as it is."""
    mirror.save(s3, filled, folder)

    with pytest.raises(s3.exceptions.NoSuchBucket):
        mirror.save(s3, "test-never-made", folder)
    assert files(folder) == OBJECTS
