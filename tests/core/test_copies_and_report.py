"""Plain files of empty partitions, and the title of a report."""

from include.data.tables import from_parquet
from include.lake.plain_files import PlainFile, copy_of, empty_file, refresh_copies
from include.lake.report import render
from include.lake.store import Store
from include.lake.table import Version
from tests.core.places import PLACES, moment, publish_rows


def files(version: Version) -> list[PlainFile]:
    part = version.parts.get("2020")
    return [copy_of("2020.parquet", part) if part else empty_file("2020.parquet", PLACES)]


def test_partition_without_rows_keeps_an_empty_plain_file(store: Store):
    publish_rows(store, {"a": (2019, "A"), "b": (2020, "B")}, at=moment(0))
    refresh_copies(store, PLACES, files)
    assert from_parquet(store.get("places/2020.parquet")).num_rows == 1
    publish_rows(store, {"a": (2019, "A")}, at=moment(1))
    assert refresh_copies(store, PLACES, files) == ["2020.parquet"]
    empty = from_parquet(store.get("places/2020.parquet"))
    assert empty.schema.equals(PLACES.schema)
    assert empty.num_rows == 0
    assert refresh_copies(store, PLACES, files) == []


def test_report_title_is_the_version_or_the_given_title(store: Store):
    receipt = publish_rows(store, {"a": (2019, "A")}, at=moment(0))
    assert render(store, PLACES, receipt, noun="place").startswith("# Places: version 1, 1 place\n")
    report = render(store, PLACES, receipt, noun="place", title="Places: posted 1 place")
    assert report.startswith("# Places: posted 1 place\n")
