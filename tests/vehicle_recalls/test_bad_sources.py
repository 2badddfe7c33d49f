"""A misbehaving source: one clear line, the published state untouched, and the next run mends all.

The bucket holds day 1 and the source is at day 2 when things go wrong.
"""

from __future__ import annotations

import gzip
import json
import logging
import socket
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from botocore.client import BaseClient

from fakes.control import Control
from include.errors import PermanentError
from include.first.lake import Lake
from include.first.rest import (
    AuthError,
    BadRequest,
    NotFound,
    RateLimited,
    SourceUnavailable,
    UnexpectedBody,
)
from include.vehicle_recalls import extract
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.extract import ContractBroken, OtherSource, SourceChanged, TornRead
from include.vehicle_recalls.report import render
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi, StaleSource
from tests.vehicle_recalls.evidence import (
    KEYS,
    Row,
    committed,
    facts,
    facts_of,
    listing,
    new_lake,
    one_clear_line,
    year_files,
)

ROWS = 18
PAGE = 4  # so that the data comes in five pages, the last not full
DATASET = "6axg-epim"


@dataclass(frozen=True)
class Clean:
    """What a clean run into an empty bucket makes."""

    lake: Lake
    keys: list[str]
    facts: dict[int, list[Row]]
    files: dict[int, pa.Table]


Days = dict[int, Clean]


@pytest.fixture(scope="module")
def clean(s3: BaseClient, s3_url: str, _local_apis: tuple[str, Control]) -> Days:
    """What clean runs make of day 1 and of day 2, each in a bucket of its own."""
    url, control = _local_apis
    days = {}
    for day in (1, 2):
        control.rows, control.day = ROWS, day
        lake = new_lake(s3, s3_url)
        run(RecallsApi(url), lake)
        days[day] = Clean(lake, list(listing(lake)), facts(lake), year_files(lake))
    control.reset()
    return days


@pytest.fixture
def settled(clean: Days) -> Lake:
    """The bucket of day 1 itself, for tests in which nothing may be published."""
    return clean[1].lake


@pytest.fixture
def lake(clean: Days, s3: BaseClient, s3_url: str) -> Lake:
    """A bucket that holds day 1."""
    lake = new_lake(s3, s3_url)

    def copy(key: str) -> None:
        source = {"Bucket": clean[1].lake.bucket, "Key": key}
        lake.s3.copy_object(Bucket=lake.bucket, Key=key, CopySource=source)

    lake.at_once(copy, clean[1].keys)
    return lake


@pytest.fixture
def source(replica: Control) -> Control:
    replica.rows, replica.day = ROWS, 2
    return replica


@pytest.fixture
def api(recalls_url: str, source: Control) -> RecallsApi:
    assert source.day == 2
    return RecallsApi(recalls_url, page_size=PAGE)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the client would have made; none is made."""
    waits: list[float] = []
    monkeypatch.setattr("include.first.rest.sleep", waits.append)
    return waits


def fails(api: RecallsApi, lake: Lake, error: type[Exception], *words: str) -> Exception:
    """The run fails with one clear line that has these words, and readers see what they saw."""
    before = committed(lake)
    with pytest.raises(error) as caught:
        run(api, lake)
    one_clear_line(caught.value, *words)
    assert committed(lake) == before
    return caught.value


def mends(api: RecallsApi, lake: Lake, clean: Days) -> None:
    """A run now makes of the bucket what a clean run makes of an empty one."""
    told = run(api, lake)
    wanted, found = clean[2].files, year_files(lake)
    assert facts_of(found) == clean[2].facts
    # Where a year changed, its rows are those of the clean run to the last column.
    assert told["changed"]
    for year in {int(year) for year in told["changed"]} & set(wanted):
        assert found[year].equals(wanted[year])


HICCUPS = [
    ("503", {"times": 4}),
    ("500", {"times": 2}),
    ("202", {"times": 2}),
    ("429", {"times": 2, "retry_after": 7}),
    ("refused", {"times": 2}),
    ("cut", {"times": 2}),
    ("cut", {"times": 2, "quiet": True}),
    ("html", {"times": 1}),
    ("stale", {"times": 1}),
    ("lost_row", {"times": 1}),
    ("lost_row", {"times": 1, "after": 2}),
    ("repeated_row", {"times": 1, "after": 4}),
    ("repeated_row", {"times": 1, "loses": True}),
]


@pytest.mark.parametrize(("kind", "options"), HICCUPS)
def test_what_passes_is_ridden_out(
    api: RecallsApi,
    source: Control,
    lake: Lake,
    clean: Days,
    kind: str,
    options: dict[str, Any],
):
    """A short trouble while pages come costs a repetition and nothing else."""
    source.fault(kind, **{"only": "page", **options})
    mends(api, lake, clean)
    assert all(fault.times == 0 for fault in source.faults)


@pytest.mark.parametrize("purpose", ["census", "count"])
@pytest.mark.parametrize("kind", ["503", "html", "stale", "cut"])
def test_small_questions_are_repeated_too(
    api: RecallsApi, source: Control, settled: Lake, kind: str, purpose: str
):
    """The census and the counts ride out the same; a dry run is enough to see it."""
    source.fault(kind, only=purpose)
    assert run(api, settled, dry_run=True)["changed"]
    assert source.faults[0].times == 0


def test_the_wait_that_a_rate_limit_asks_for_is_kept(
    api: RecallsApi, source: Control, settled: Lake, waits: list[float]
):
    """Two times 429 with Retry-After are two waits of at least that long."""
    source.fault("429", times=2, retry_after=7)
    run(api, settled, dry_run=True)
    assert len(waits) == 2
    assert all(wait >= 7 for wait in waits)


STORMS = [
    ("503", {}, SourceUnavailable, ["is not available (503", "try again later"]),
    ("429", {}, RateLimited, ["asked too often (429", "ask again later"]),
    ("202", {}, SourceUnavailable, ["is not available (202", "try again later"]),
    ("refused", {}, SourceUnavailable, ["broke off", "try again later"]),
    ("cut", {}, SourceUnavailable, ["broke off before the answer was whole", "try again later"]),
    ("cut", {"quiet": True}, SourceUnavailable, ["packing is broken", "try again later"]),
    ("html", {}, UnexpectedBody, ["HTML page instead of data", "maintenance", "host is wrong"]),
    ("stale", {}, StaleSource, ["out of date", "run again in some hours"]),
]


@pytest.mark.parametrize(("kind", "options", "error", "words"), STORMS)
def test_what_does_not_pass_is_told_and_mended_later(
    api: RecallsApi,
    source: Control,
    lake: Lake,
    clean: Days,
    kind: str,
    options: dict[str, Any],
    error: type[Exception],
    words: list[str],
):
    """After five attempts the run gives up, names the host and says when to come back."""
    source.fault(kind, times=None, after=2, only="page", **options)
    trouble = fails(api, lake, error, where(api), *words, "(after 5 attempts)")
    assert not isinstance(trouble, PermanentError)
    source.faults.clear()
    mends(api, lake, clean)


@pytest.mark.parametrize(("kind", "options", "error", "words"), STORMS)
def test_a_census_that_gets_no_answer_is_told_the_same_way(
    api: RecallsApi,
    source: Control,
    settled: Lake,
    kind: str,
    options: dict[str, Any],
    error: type[Exception],
    words: list[str],
):
    """The first question already fails so; not even raw is written."""
    source.fault(kind, times=None, only="census", **options)
    before = listing(settled)
    fails(api, settled, error, where(api), *words, "(after 5 attempts)")
    assert listing(settled) == before


def where(api: RecallsApi) -> str:
    return api._soda._client.base_url.removeprefix("http://") + f"/resource/{DATASET}.json"


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("lost_row", {}, ["the source counted ROWS rows but 3 came"]),
        ("lost_row", {"after": 2}, ["the source counted ROWS rows but 3 came"]),
        ("repeated_row", {"loses": True}, ["rows came but only", "different ones"]),
        ("replaced", {"only": "page"}, ["the source counted"]),
    ],
)
def test_a_source_that_never_agrees_with_itself(
    api: RecallsApi,
    source: Control,
    lake: Lake,
    clean: Days,
    kind: str,
    options: dict[str, Any],
    words: list[str],
):
    """Three reads that do not add up are enough; the years and the last reason are named."""
    counted = sum(len(rows) for rows in clean[2].facts.values())
    words = [word.replace("ROWS", str(counted)) for word in words]
    source.fault(kind, times=None, **options)
    trouble = fails(
        api, lake, SourceChanged, "could not be read whole in 3 tries", "Run again", *words
    )
    assert not isinstance(trouble, PermanentError)
    assert "nothing was published" in str(trouble)
    source.faults.clear()
    source.day = 2
    mends(api, lake, clean)


def test_a_page_with_a_row_too_many_is_refused(
    api: RecallsApi, source: Control, lake: Lake, clean: Days
):
    """A full page that repeats a row is longer than what was asked for."""
    source.fault("repeated_row", times=None)
    fails(api, lake, UnexpectedBody, f"gave {PAGE + 1} rows where {PAGE} were asked for", "host")
    source.faults.clear()
    mends(api, lake, clean)


def test_a_wrong_token_fails_at_once_and_stays_secret(
    recalls_url: str,
    source: Control,
    lake: Lake,
    clean: Days,
    caplog: pytest.LogCaptureFixture,
):
    """One request, no repetition; the token is in no message, no log and no object."""
    token = "not-the-token-3141592"
    with caplog.at_level(logging.DEBUG):
        trouble = fails(
            RecallsApi(recalls_url, app_token=token),
            lake,
            AuthError,
            f"/resource/{DATASET}.json refused access",
            "Invalid app_token specified",
            "check the token",
        )
    assert isinstance(trouble, PermanentError)
    assert len(source.requests) == 1
    assert token not in str(trouble)
    assert token not in caplog.text
    mends(RecallsApi(recalls_url, app_token="local-token", page_size=PAGE), lake, clean)


def test_a_wrong_dataset_fails_at_once(recalls_url: str, source: Control, settled: Lake):
    """The path names the dataset that does not exist; nothing is repeated."""
    trouble = fails(
        RecallsApi(recalls_url, dataset="none-such"),
        settled,
        NotFound,
        "/resource/none-such.json does not exist",
        "dataset.missing",
        "check the host and the name in the path",
    )
    assert isinstance(trouble, PermanentError)
    assert len(source.requests) == 1


def test_a_host_where_nothing_answers(api: RecallsApi, lake: Lake, clean: Days, waits: list[float]):
    """The line names the host and the port; a later run finds it up."""
    with socket.socket() as closed:  # bound but not listening: refused for certain
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        fails(
            RecallsApi(f"http://127.0.0.1:{port}"),
            lake,
            SourceUnavailable,
            f"127.0.0.1:{port}/",
            "nothing answers there",
            "check the host",
        )
    assert len(waits) == 4
    mends(api, lake, clean)


def test_a_failed_first_read_leaves_an_empty_lake(
    api: RecallsApi, source: Control, s3_url: str, s3: BaseClient, clean: Days
):
    """Where nothing was published yet nothing appears but raw pages; then all does."""
    lake = new_lake(s3, s3_url)
    source.fault("503", times=None, after=2, only="page")
    with pytest.raises(SourceUnavailable):
        run(api, lake)
    keys = set(listing(lake))
    assert keys
    assert all(key.startswith(KEYS.raw_folder) for key in keys)
    source.faults.clear()
    run(api, lake)
    found = year_files(lake)
    wanted = clean[2].files
    assert found.keys() == wanted.keys()
    assert all(found[year].equals(wanted[year]) for year in wanted)


def test_data_replaced_between_two_pages_is_read_again(
    api: RecallsApi, source: Control, lake: Lake, clean: Days
):
    """Half of yesterday and half of today is thrown away; today is published whole."""
    source.day = 1
    source.fault("replaced", after=2, only="page")
    mends(api, lake, clean)
    landed = set(listing(lake, KEYS.raw_folder)) - set(clean[1].keys)
    assert len({key.rsplit("/", 1)[0] for key in landed}) == 2


def test_counts_that_agree_by_chance_do_not_hide_a_replacement(
    api: RecallsApi,
    source: Control,
    lake: Lake,
    clean: Days,
    caplog: pytest.LogCaptureFixture,
):
    """The last page is of another day and every number fits: the last-modified gives it away."""
    source.day = 1
    tomorrow = sum(len(rows) for rows in clean[2].facts.values())
    assert tomorrow == ROWS + 1
    source.fault("dirty", only="count", times=1, which="duplicate_key", rows=1)  # ROWS + 1
    source.fault("replaced", only="page", after=ROWS // PAGE)
    with caplog.at_level(logging.WARNING):
        mends(api, lake, clean)
    said = "the source was replaced while it was read (2026-06-28T09:30:43Z, then 2026-06-29T"
    assert said in caplog.text


def test_data_replaced_between_two_batches_is_not_mixed(
    api: RecallsApi,
    source: Control,
    lake: Lake,
    clean: Days,
    monkeypatch: pytest.MonkeyPatch,
):
    """Batches of two days are whole each, and still not published together."""
    monkeypatch.setattr(extract, "BATCH_ROWS", 3)
    source.day = 1
    one_batch = 3  # requests: a count, a page, a count
    source.fault("replaced", after=1 + one_batch)
    fails(
        api,
        lake,
        TornRead,
        "replaced between batches (2026-06-28T09:30:43Z, then 2026-06-29T09:30:43Z)",
        "nothing was published",
        "Run again",
    )
    assert source.day == 2
    mends(api, lake, clean)


def test_an_empty_source_retracts_nothing(
    api: RecallsApi, source: Control, lake: Lake, clean: Days
):
    """A source without a row is not believed."""
    source.fault("empty")
    fails(
        api, lake, SourceChanged, DATASET, "has no rows", "nothing was changed", "run again later"
    )
    source.faults.clear()
    mends(api, lake, clean)


def test_a_source_that_empties_after_the_census_retracts_nothing(
    api: RecallsApi, source: Control, lake: Lake, clean: Days
):
    """Counts and pages agree on nothing at all, and that is not believed either."""
    source.fault("empty", after=1)
    fails(api, lake, TornRead, "no rows", "nothing was published", "Run again")
    source.faults.clear()
    mends(api, lake, clean)


def test_another_source_is_not_put_over_this_one(
    api: RecallsApi, source: Control, lake: Lake, clean: Days
):
    """Data that other hands made up is refused by name."""
    source.seed = 8
    trouble = fails(
        api,
        lake,
        OtherSource,
        f"{DATASET} (made-up:8)",
        f"{DATASET} (made-up:7)",
        "nothing was read",
        "Use another bucket",
    )
    assert isinstance(trouble, PermanentError)
    source.seed = 7
    mends(api, lake, clean)


def test_a_new_column_is_kept_in_raw_and_warned_about(
    api: RecallsApi,
    source: Control,
    lake: Lake,
    clean: Days,
    caplog: pytest.LogCaptureFixture,
):
    """Nothing is lost, nothing breaks: raw has it, the report names it, readers do not see it."""
    source.fault("new_column", name="recall_region")
    with caplog.at_level(logging.WARNING):
        told = run(api, lake)
    assert "new columns at the source, kept in raw only: recall_region" in caplog.text
    assert told["new_columns"] == ["recall_region"]
    assert "new columns at the source, in raw only: recall_region" in render(lake, told)
    assert facts(lake) == clean[2].facts
    assert all(t.column_names == CONTRACT.schema.names for t in year_files(lake).values())
    raw = [
        row
        for key in listing(lake, f"{KEYS.raw_folder}{told['token']}/")
        if key.endswith(".gz")
        for row in json.loads(gzip.decompress(lake.get(key)))
    ]
    assert raw
    assert all(row["recall_region"] == "made up" for row in raw)


BREAKS = [
    ("missing_column", {"name": "component"}, "`component` is missing"),
    ("retyped_column", {"name": "nhtsa_id", "type": "number"}, "`nhtsa_id` is number, not text"),
    ("retyped_column", {"name": "recall_link", "type": "point"}, "is point, not url or text"),
]


@pytest.mark.parametrize("headers", [True, False])
@pytest.mark.parametrize(("kind", "options", "words"), BREAKS)
def test_a_column_that_broke_stops_the_run(
    api: RecallsApi,
    source: Control,
    settled: Lake,
    kind: str,
    options: dict[str, str],
    words: str,
    headers: bool,
):
    """Before anything is published, from the headers or, without them, from the description."""
    if not headers:
        source.fault("no_headers")
    source.fault(kind, **options)
    words_of_all = ("Nothing was published", "change include/vehicle_recalls/contract.py")
    trouble = fails(api, settled, ContractBroken, words, *words_of_all)
    assert isinstance(trouble, PermanentError)


@pytest.mark.parametrize(
    ("kind", "options"), [("missing_column", {}), ("retyped_column", {"type": "text"})]
)
def test_a_source_without_its_date_column_is_told(
    api: RecallsApi, source: Control, settled: Lake, kind: str, options: dict[str, str]
):
    """The first question already needs the date: the source's own words name it."""
    source.fault(kind, name="report_received_date", **options)
    trouble = fails(api, settled, BadRequest, DATASET, "400", "report_received_date")
    assert isinstance(trouble, PermanentError)


def test_headers_without_columns_are_looked_up(
    api: RecallsApi, source: Control, lake: Lake, clean: Days
):
    """Where the headers do not name the columns the dataset's description does."""
    source.fault("no_headers")
    mends(api, lake, clean)
    assert any(asked.path == f"/api/views/{DATASET}.json" for asked in source.requests)
