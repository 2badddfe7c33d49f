"""A read becomes a version, or changes nothing; the pointer's three files always agree."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest

from fakes.control import Control
from include.errors import PermanentError
from include.first.lake import Lake, LakeError
from include.first.quality import AuditFailed, CannotAccept
from include.subject_books import publish as publishing
from include.subject_books.open_library import OpenLibrary
from include.subject_books.publish import project, publish
from include.subject_books.read import UnknownSubject, landed_works, read
from include.subject_books.snapshot import KINDS, write
from include.subject_books.tables import PUBLISHED
from include.subject_books.versions import KEYS, OtherSource, newest

Run = Callable[..., Any]
NAMES = [(table.name, kind) for table in PUBLISHED for kind in KINDS]


def plain(lake: Lake, subject: str) -> dict[tuple[str, str], bytes]:
    return {(name, kind): lake.get(KEYS.plain(subject, name, kind)) for name, kind in NAMES}


def current(lake: Lake, subject: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lake.get(KEYS.current(subject)))
    return found


def test_three_tables_are_published_twice(run_once: Run, lake: Lake) -> None:
    """CSV and Parquet of each table, under plain names and in the folder of the pointer."""
    published, _ = run_once("curiosities")
    assert published["outcome"] == "published"
    pointer = current(lake, "curiosities")
    assert pointer["version"] == published["version"] == 1
    assert pointer["rows"] == {"authors": 17, "books": 32, "authors_books": 35}
    found = plain(lake, "curiosities")
    for file in pointer["files"]:
        body = lake.get(KEYS.file_of(pointer["folder"], file["name"], file["kind"]))
        assert hashlib.sha256(body).hexdigest() == file["sha256"]
        assert len(body) == file["size"]
        assert found[file["name"], file["kind"]] == body


def test_csv_is_what_parquet_is(run_once: Run, lake: Lake) -> None:
    """UTF-8, a header, every value quoted, CRLF; a null is nothing, and quotes come back whole."""
    run_once("curiosities")
    for table in PUBLISHED:
        text = lake.get(KEYS.plain("curiosities", table.name, "csv")).decode("utf-8")
        assert text.endswith("\r\n")
        assert text.splitlines()[0] == ",".join(f'"{column.name}"' for column in table.columns)
        body = io.BytesIO(lake.get(KEYS.plain("curiosities", table.name, "parquet")))
        rows = pq.read_table(body).to_pylist()
        as_text = [
            {
                name: "" if value is None else str(value).lower() if value in (0, 1) else str(value)
                for name, value in row.items()
            }
            for row in rows
        ]
        assert list(csv.DictReader(io.StringIO(text, newline=""))) == as_text
    assert '"/works/OL7000001W",,"1991"' in lake.get(
        KEYS.plain("curiosities", "books", "csv")
    ).decode("utf-8")


def test_the_same_source_gives_the_same_bytes(
    run_once: Run, lake: Lake, open_library: Callable[..., OpenLibrary]
) -> None:
    """Pages that overlap, in another order each time, make the same six files; nothing is new."""
    run_once("data_mining", 400)
    before, folders = plain(lake, "data_mining"), set(lake.keys("subject_books/data_mining/"))
    snapshot = write(lake, read(open_library(page_size=130), lake, "data_mining", 400, "r"))
    assert len(snapshot["read"]["pages"]) > 1
    published = publish(lake, snapshot, dry_run=False)
    assert published["outcome"] == "unchanged"
    assert published["version"] is None
    project(lake, "data_mining")
    assert plain(lake, "data_mining") == before
    assert set(lake.keys("subject_books/data_mining/")) == folders


def test_another_bucket_gets_the_same_bytes(
    run_once: Run, lake: Lake, api: OpenLibrary, s3: Any
) -> None:
    """Nothing of the run, the token or the clock is in the files."""
    run_once("love")
    s3.create_bucket(Bucket=f"{lake.bucket}-2")
    other = Lake(lake.s3, f"{lake.bucket}-2", lake.storage_options)
    publish(other, write(other, read(api, other, "love", 500, "r")), dry_run=False)
    project(other, "love")
    assert plain(other, "love") == plain(lake, "love")


def test_the_next_day_is_a_version_that_says_what_changed(
    run_once: Run, lake: Lake, replica: Control
) -> None:
    """Rows that came, went and changed are counted; the folder before stays as it is."""
    run_once("data_mining", 1000)
    first = current(lake, "data_mining")
    replica.day = 2
    published, _ = run_once("data_mining", 1000)
    assert (published["version"], published["outcome"]) == (2, "published")
    assert published["changes"]["books"] == {"added": 2, "removed": 1, "changed": 3}
    assert current(lake, "data_mining")["version"] == 2
    for file in first["files"]:
        body = lake.get(KEYS.file_of(first["folder"], file["name"], file["kind"]))
        assert hashlib.sha256(body).hexdigest() == file["sha256"]


def test_raw_is_byte_for_byte_and_is_made_again(
    run_once: Run, lake: Lake, api: OpenLibrary
) -> None:
    """What was landed is enough to write the same files once more; damaged it is refused."""
    run_once("curiosities")
    landed = read(api, lake, "curiosities", 500, "r")
    assert write(lake, landed)["sha256"] == current(lake, "curiosities")["sha256"]
    key = landed["pages"][0]["key"]
    lake.project(key, b"\x1f\x8b", {})
    with pytest.raises(PermanentError, match="not as it was landed"):
        write(lake, landed)


def test_a_dry_run_changes_nothing(run_once: Run, lake: Lake) -> None:
    """It compares and says what would come; no version, no plain name, no pointer."""
    published, loaded = run_once("love", dry_run=True)
    assert published["outcome"] == "dry run"
    assert published["changes"]["books"]["added"] == 7
    assert loaded is None
    assert newest(lake, "love").number == 0
    assert lake.made_from(KEYS.current("love")) is None


def test_an_unknown_subject_is_said(run_once: Run, lake: Lake) -> None:
    """Open Library answers 200 and nothing; that is an error, and what there was stays."""
    with pytest.raises(UnknownSubject, match="no_such_subject"):
        run_once("no_such_subject")
    assert list(lake.keys("")) == []


def test_made_up_and_real_never_mix(run_once: Run, lake: Lake, replica: Control) -> None:
    """A lake with one source's books refuses another's, before anything is landed."""
    run_once("love")
    keys = set(lake.keys(""))
    replica.seed = 8
    with pytest.raises(OtherSource, match=r"made-up:7.+made-up:8"):
        run_once("love")
    assert set(lake.keys("")) == keys


def test_a_subject_that_lost_half_of_its_books_waits_for_a_reason(
    run_once: Run, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is published until somebody says why; a smaller limit needs no reason."""
    run_once("data_mining", 600)
    run_once("data_mining", 100)
    run_once("data_mining", 600)

    def shrunk(lake: Lake, landed: Any) -> Any:
        return landed_works(lake, landed)[:299]

    monkeypatch.setattr("include.subject_books.snapshot.landed_works", shrunk)
    with pytest.raises(AuditFailed, match=r"books that stayed: 299 books, 600"):
        run_once("data_mining", 600)
    assert current(lake, "data_mining")["version"] == 3
    published, _ = run_once("data_mining", 600, accept={"books that stayed": "it was split"})
    assert published["version"] == 4
    (check,) = [c for c in published["checks"] if c["outcome"] == "accepted"]
    assert check["reason"] == "it was split"
    with pytest.raises(CannotAccept, match="no check"):
        run_once("data_mining", 600, accept={"books that left": "x"})


def test_missing_books_and_records_stop_it(lake: Lake, api: OpenLibrary) -> None:
    """Fewer books than promised, or hardly an author's record, is not published: both are told."""
    landed = read(api, lake, "love", 500, "r")
    landed |= {"came": 6, "records": []}
    with pytest.raises(AuditFailed, match=r"6 of 7 books.+\| authors with a record: 0 of 8"):
        publish(lake, write(lake, landed), dry_run=False)
    assert newest(lake, "love").number == 0


def test_an_older_read_changes_nothing(lake: Lake, api: OpenLibrary, replica: Control) -> None:
    """Who was slow finds a newer read published, and leaves it."""
    slow = write(lake, read(api, lake, "data_mining", 500, "slow"))
    slow["read"]["observed_at"] = "2020-01-01T00:00:00Z"
    replica.day = 2
    fast = write(lake, read(api, lake, "data_mining", 500, "fast"))
    assert publish(lake, fast, dry_run=False)["outcome"] == "published"
    published = publish(lake, slow, dry_run=False)
    assert (published["outcome"], published["version"]) == ("overtaken", None)
    assert newest(lake, "data_mining").receipt["token"] == fast["read"]["token"]


def test_who_loses_the_race_compares_again(
    lake: Lake, api: OpenLibrary, replica: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two reads of one head become two versions, the second told against the first."""
    monkeypatch.setattr(publishing, "let_others_pass", lambda: None)
    one = write(lake, read(api, lake, "data_mining", 1000, "one"))
    replica.day = 2
    two = write(lake, read(api, lake, "data_mining", 1000, "two"))
    put = lake.put

    def overtake(key: str, body: bytes) -> None:
        monkeypatch.setattr(lake, "put", put)
        publish(lake, one, dry_run=False)
        put(key, body)

    monkeypatch.setattr(lake, "put", overtake)
    published = publish(lake, two, dry_run=False)
    assert published["version"] == 2
    assert published["changes"]["books"] == {"added": 2, "removed": 1, "changed": 3}


@pytest.mark.parametrize("arrived", [True, False])
def test_a_lost_answer(
    lake: Lake, api: OpenLibrary, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    """A commit whose answer was lost is found by its token; one that was none is told."""
    snapshot = write(lake, read(api, lake, "love", 500, "r"))
    put = lake.put

    def lose(key: str, body: bytes) -> None:
        if arrived:
            put(key, body)
        raise LakeError("the answer was lost")

    monkeypatch.setattr(lake, "put", lose)
    if arrived:
        assert publish(lake, snapshot, dry_run=False)["version"] == 1
    else:
        with pytest.raises(LakeError, match="lost"):
            publish(lake, snapshot, dry_run=False)
    assert newest(lake, "love").number == int(arrived)


def test_a_task_that_is_cleared_publishes_once(lake: Lake, api: OpenLibrary) -> None:
    """The same snapshot a second time is the version that it became."""
    snapshot = write(lake, read(api, lake, "love", 500, "r"))
    first = publish(lake, snapshot, dry_run=False)
    assert publish(lake, write(lake, snapshot["read"]), dry_run=False) == first
    assert newest(lake, "love").number == 1


@pytest.mark.parametrize("after", range(7))
def test_a_crash_between_projections_is_mended(
    run_once: Run, lake: Lake, replica: Control, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Wherever it dies, the pointer names three files that agree, and an unchanged run mends."""
    run_once("data_mining")
    replica.day = 2
    left = iter([True] * after)
    for name in ("project", "project_copy"):
        write_it = getattr(lake, name)

        def dying(*given: Any, write_it: Any = write_it) -> None:
            if not next(left, False):
                raise LakeError("the worker died")
            write_it(*given)

        monkeypatch.setattr(lake, name, dying)
    with pytest.raises(LakeError, match="died"):
        run_once("data_mining")
    monkeypatch.undo()
    pointer = current(lake, "data_mining")
    for file in pointer["files"]:
        body = lake.get(KEYS.file_of(pointer["folder"], file["name"], file["kind"]))
        assert hashlib.sha256(body).hexdigest() == file["sha256"]
    run_once("data_mining")
    assert current(lake, "data_mining")["version"] == 2
    by_name = {(f["name"], f["kind"]): f for f in current(lake, "data_mining")["files"]}
    for name, body in plain(lake, "data_mining").items():
        assert hashlib.sha256(body).hexdigest() == by_name[name]["sha256"]


def test_subjects_lie_side_by_side(run_once: Run, lake: Lake) -> None:
    """Each has versions of its own."""
    run_once("love")
    before = plain(lake, "love")
    run_once("curiosities")
    assert plain(lake, "love") == before
    assert newest(lake, "love").number == newest(lake, "curiosities").number == 1
