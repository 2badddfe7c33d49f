"""A read becomes a version with six plain files, or changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from fakes.control import Control
from include.data.checks import ChecksFailed
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.ledger import read_events
from include.lake.reads import SourceMismatch
from include.lake.staging import read_table_file
from include.lake.store import Store
from include.lake.table import load_version
from include.subject_books import pipeline
from include.subject_books.client import OpenLibrary
from include.subject_books.contract import SUBJECT_BOOKS
from include.subject_books.pipeline import extract, publish, transform
from include.subject_books.report import report
from include.subject_books.tables import file_names, tables_of
from tests.pipelines.lake_checks import failed_checks
from tests.pipelines.subject_books.conftest import KEYS, plain, plain_tables

Run = Callable[..., Any]


def current(store: Store) -> Any:
    return load_version(store, Keys(SUBJECT_BOOKS.name).table)


def files(store: Store, subject: str) -> dict[str, bytes]:
    return {name: store.get(KEYS.plain(name)) for name in file_names(subject)}


def assert_files_are_current(store: Store, subject: str) -> None:
    path = current(store).parts[subject]["path"]
    expected = tables_of(read_table_file(store, SUBJECT_BOOKS, path))
    for name, table in plain_tables(store, subject).items():
        assert table.equals(expected[name])


def test_run_publishes_three_tables_as_parquet_and_csv(run_once: Run, store: Store) -> None:
    receipt, _ = run_once("curiosities")
    assert (receipt["version"], receipt["outcome"]) == (1, "published")
    sizes = {name: table.num_rows for name, table in plain_tables(store, "curiosities").items()}
    assert sizes == {"authors": 17, "books": 32, "authors_books": 35}
    assert set(files(store, "curiosities")) == {
        f"curiosities/{table}.{kind}"
        for table in ("authors", "books", "authors_books")
        for kind in ("csv", "parquet")
    }
    assert_files_are_current(store, "curiosities")
    books = plain(store, "curiosities", "books.csv").decode()
    assert books.startswith('"work_key","title",')
    assert '"/works/OL7000001W",,"1991"' in books  # a null is an empty field


def test_second_run_of_the_same_books_is_unchanged(
    run_once: Run, api: OpenLibrary, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overlapping pages in any order give the same rows."""
    run_once("data_mining", 400)
    before = files(store, "data_mining")
    page = api.page
    monkeypatch.setattr(api, "page", lambda subject, offset: page(subject, offset, 130))
    raw = extract(api, store, "r", "data_mining", 400)
    assert raw["facts"]["pages"] > 1
    receipt = publish(store, raw, transform(store, raw))
    assert (receipt["outcome"], receipt["version"]) == ("unchanged", None)
    assert current(store).number == 1
    assert files(store, "data_mining") == before


def test_next_day_becomes_a_version_with_events_and_files(
    run_once: Run, store: Store, replica: Control
) -> None:
    run_once("data_mining", 1000)
    replica.day = 2
    receipt, _ = run_once("data_mining", 1000)
    assert receipt["version"] == 2
    counts = receipt["counts"]
    assert (counts["published"], counts["edited"], counts["retracted"]) == (2, 4, 1)
    events = read_events(store, SUBJECT_BOOKS, current(store).receipt).to_pylist()
    edited = [event for event in events if event["event"] == "edited"]
    assert {event["subject_book"].split("/")[0] for event in events} == {"data_mining"}
    assert {event["field"] for event in edited} == {"edition_count", "authors"}
    assert_files_are_current(store, "data_mining")
    assert failed_checks(store, SUBJECT_BOOKS) == []


def test_run_of_one_subject_does_not_change_another(run_once: Run, store: Store) -> None:
    run_once("love")
    before = files(store, "love")
    receipt, _ = run_once("curiosities")
    assert receipt["counts"]["retracted"] == 0
    assert files(store, "love") == before
    assert set(current(store).parts) == {"love", "curiosities"}


def test_dry_run_commits_nothing_and_reports_what_would_change(run_once: Run, store: Store) -> None:
    receipt, loaded = run_once("love", dry_run=True)
    assert (receipt["outcome"], receipt["version"], loaded) == ("dry run", None, None)
    screen = report(store, receipt, loaded)
    assert "dry run, 7 books; nothing was committed" in screen
    assert "would be 7 published" in screen
    assert "- file:" not in screen
    assert f"- would write: s3://{store.bucket}/subject_books/love/authors.csv" in screen
    assert current(store).number == -1
    assert not [key for key in store.list("") if key.startswith("subject_books/love/")]


def test_subject_without_books_is_refused(run_once: Run, store: Store) -> None:
    with pytest.raises(PermanentError, match="no book of the subject no_such_subject; nothing"):
        run_once("no_such_subject")
    assert store.list("") == {}


def test_other_source_is_refused_before_landing(
    run_once: Run, store: Store, replica: Control
) -> None:
    run_once("love")
    keys = set(store.list(""))
    replica.seed = 8
    with pytest.raises(SourceMismatch, match=r"made-up:7.+made-up:8"):
        run_once("curiosities")
    assert set(store.list("")) == keys


def test_losing_half_of_the_books_needs_a_waiver(
    run_once: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A smaller limit needs none."""
    run_once("data_mining", 600)
    run_once("data_mining", 100)
    run_once("data_mining", 600)
    take = pipeline.take
    monkeypatch.setattr(pipeline, "take", lambda works, limit: take(works, limit)[:299])
    with pytest.raises(ChecksFailed, match=r"books that stayed: 299 books, 600 before"):
        run_once("data_mining", 600)
    assert current(store).number == 3
    receipt, _ = run_once("data_mining", 600, waive={"books that stayed": "it was split"})
    assert receipt["version"] == 4
    waived = [check["reason"] for check in receipt["checks"] if check["outcome"] == "waived"]
    assert waived == ["it was split"]


@pytest.mark.parametrize(
    ("certain", "hint"),
    [
        (400, "run again with a `limit` of 400, which always gives the same books"),
        (99, "waive this check to publish the books that came"),
    ],
)
def test_inconsistent_pages_give_a_hint(
    api: OpenLibrary, store: Store, certain: int, hint: str
) -> None:
    raw = extract(api, store, "r", "love", 500)
    raw["facts"] |= {"came": 6, "certain": certain}
    batch = transform(store, raw)
    with pytest.raises(ChecksFailed) as failed:
        publish(store, raw, batch)
    assert f"6 of the 7 books that Open Library counts came, on 1 pages; {hint}" in str(
        failed.value
    )
    assert "later" not in str(failed.value)
    receipt = publish(store, raw, batch, waive={"books that came": "the index counts one twice"})
    assert receipt["version"] == 1


def test_missing_author_records_are_refused(
    api: OpenLibrary, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "read_records", lambda *_: {})
    raw = extract(api, store, "r", "love", 500)
    with pytest.raises(ChecksFailed, match="authors with a record: 0 of 8 authors"):
        publish(store, raw, transform(store, raw))


def test_report_shows_rows_files_oddities_and_first_books(
    run_once: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATERS_LOCAL_FOLDER", "/laptop/s3_bucket")
    receipt, _ = run_once("curiosities", 100)
    screen = report(store, receipt)
    assert "# Subject books: version 1, 32 books" in screen
    assert "the first 32 of its 32 books; the table has 1 subject" in screen
    assert "- rows by table: authors 17, books 32, authors_books 35" in screen
    assert "- odd: book without a title: 2" in screen
    for name in file_names("curiosities"):
        assert f"- file: /laptop/s3_bucket/subject_books/{name} (s3://{store.bucket}/" in screen
    assert "Bram Tarnholt, Anna Quillstow" in screen
    assert "-350" in screen
    assert "This data is MADE UP." in screen
