"""The DAGs as Airflow runs them: `airflow dags test`, on LocalStack and the local APIs.

Each run takes some seconds of Airflow's own, so there are five, one after the other on one bucket,
made when a test first asks for one. Tests only look at what a run left.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import requests
from botocore.client import BaseClient

from fakes.control import Control
from include.first.keys import Keys
from include.first.lake import Lake
from include.vehicle_recalls.contract import CONTRACT, DATASET
from include.vehicle_recalls.extract import BATCH_ROWS
from include.vehicle_recalls.project import AGGREGATES
from local.airflow_home import RUNS, airflow_environment, migrate
from local.dag_run import Progress, run_dag
from local.environment import connect
from local.processes import clean_environment

ROOT = Path(__file__).resolve().parent.parent
KEYS = Keys(CONTRACT.name)
FLAGSHIP, BY_YEAR = "vehicle_recalls", "vehicle_recalls_by_year"
FEW, TWO_BATCHES = 1_200, BATCH_ROWS + 2_000
MOST_TASK_INSTANCES = 9


@dataclass(frozen=True)
class Run:
    """What one `airflow dags test` left: in its output, Airflow's database and the bucket."""

    code: int
    told: list[str]  # a line a task, and each failure in one line
    screen: str
    states: dict[str, list[str]]  # by task; a mapped task has one for each batch
    events: list[dict[str, Any]]  # the asset's, of this run
    events_so_far: int
    asked: Counter[str]  # the questions that the API was asked
    version: int
    receipt: dict[str, Any]
    etags: dict[str, str]  # of every object in the bucket
    year_files: dict[int, pa.Table]
    aggregates: dict[str, pa.Table]


class Checkout:
    """A checkout of links, so that Airflow's home and database are of these tests alone."""

    def __init__(self, root: Path, s3_url: str, recalls_url: str, control: Control, lake: Lake):
        self.root = root
        self.control = control
        self.lake = lake
        for folder in ("dags", "plugins", "include"):
            (root / folder).symlink_to(ROOT / folder)
        self.settings = connect(
            clean_environment(),
            bucket=lake.bucket,
            localstack_url=s3_url,
            fakes_url=recalls_url,
        )
        migrate(root, RUNS, self.settings)
        self.database = root / ".local" / "airflow" / f"{RUNS}.db"

    def run(
        self,
        dag_id: str,
        conf: dict[str, Any] | None = None,
        *,
        after: Run | None,
        rows: int = FEW,
        day: int = 1,
    ) -> Run:
        screen = self.root / "screen.txt"
        screen.unlink(missing_ok=True)
        environment = airflow_environment(self.root, RUNS, self.settings)
        environment["HEADWATERS_SCREEN"] = str(screen)
        told: list[str] = []
        progress = Progress(told.append)
        self.control.reset()
        self.control.rows, self.control.day = rows, day
        log = self.root / "run.log"
        code = run_dag(
            self.root,
            dag_id,
            json.dumps(conf or {}),
            environment,
            log,
            progress,
        )
        asked = Counter(asked.purpose for asked in self.control.requests)
        self.control.reset()
        head = self.lake.head(KEYS.table)
        events = self._events()
        return Run(
            code=code,
            told=told,
            screen=screen.read_text() if screen.exists() else "",
            states=self._states(),
            events=events[after.events_so_far if after else 0 :],
            events_so_far=len(events),
            asked=asked,
            version=head.version,
            receipt=head.receipt,
            etags=self._etags(),
            year_files={
                int(year): self.lake.read_parquet(KEYS.year(int(year)))
                for year in head.receipt["years"]
            },
            aggregates={name: self.lake.read_parquet(KEYS.aggregate(name)) for name in AGGREGATES},
        )

    def _states(self) -> dict[str, list[str]]:
        states: dict[str, list[str]] = {}
        for task, state in self._query(
            "select task_id, state from task_instance where run_id = "
            "(select run_id from dag_run order by id desc limit 1) order by task_id, map_index"
        ):
            states.setdefault(task, []).append(state)
        return states

    def _events(self) -> list[dict[str, Any]]:
        question = "select partition_key, extra from asset_event order by id"
        return [{"year": key, **json.loads(extra)} for key, extra in self._query(question)]

    def _query(self, question: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(question).fetchall()

    def _etags(self) -> dict[str, str]:
        pages = self.lake.s3.get_paginator("list_objects_v2").paginate(Bucket=self.lake.bucket)
        return {found["Key"]: found["ETag"] for page in pages for found in page["Contents"]}


@pytest.fixture(scope="module")
def checkout(
    tmp_path_factory: pytest.TempPathFactory,
    s3_url: str,
    s3: BaseClient,
    _local_apis: tuple[str, Control],
) -> Checkout:
    url, control = _local_apis
    s3.create_bucket(Bucket="test-end-to-end")
    lake = Lake.connect(
        "test-end-to-end",
        endpoint_url=s3_url,
        region="us-east-1",
        access_key="test",
        secret_key="test",
    )
    return Checkout(tmp_path_factory.mktemp("checkout"), s3_url, url, control, lake)


@pytest.fixture(scope="module")
def first(checkout: Checkout) -> Run:
    return checkout.run(FLAGSHIP, after=None)


@pytest.fixture(scope="module")
def again(checkout: Checkout, first: Run) -> Run:
    return checkout.run(FLAGSHIP, after=first)


@pytest.fixture(scope="module")
def of_2005(checkout: Checkout, again: Run) -> Run:
    return checkout.run(BY_YEAR, {"years": [2005]}, after=again, day=2)


@pytest.fixture(scope="module")
def of_no_year(checkout: Checkout, of_2005: Run) -> Run:
    return checkout.run(BY_YEAR, after=of_2005, day=2)


@pytest.fixture(scope="module")
def larger(checkout: Checkout, of_no_year: Run) -> Run:
    columns = ("defect_summary", "consequence_summary", "corrective_action", "completion_rate")
    accept = {f"nulls of {column}": "it is forty times as large" for column in columns}
    return checkout.run(FLAGSHIP, {"accept": accept}, after=of_no_year, rows=TWO_BATCHES, day=2)


def test_first_run_publishes_what_the_api_has(
    first: Run, replica: Control, recalls_url: str
) -> None:
    """The year files of a first run hold the API's rows: every value of every column, sorted."""
    assert first.code == 0, first.told
    expected = source_rows(recalls_url)
    assert {year: rows.to_pylist() for year, rows in first.year_files.items()} == expected
    assert sum(map(len, expected.values())) == replica.rows
    assert all(rows.column_names == CONTRACT.schema.names for rows in first.year_files.values())


def test_first_run_aggregates_every_row(first: Run) -> None:
    """Each aggregation counts every published row once."""
    for name, table in first.aggregates.items():
        assert table.column_names == [*AGGREGATES[name], "recalls"]
        assert pc.sum(table["recalls"]).as_py() == FEW


def test_first_run_shows_the_report_that_lies_in_the_lake(first: Run, checkout: Checkout) -> None:
    """The screen of a run that committed is, byte for byte, the report beside the data."""
    assert first.screen.startswith("# Vehicle recalls: version 1, ")
    assert "MADE UP" in first.screen
    assert checkout.lake.get(KEYS.report(1)).decode() == first.screen


def test_one_batch_takes_few_task_instances(first: Run) -> None:
    """Today's size is one batch: each task runs once, at most nine in all, and asks four times."""
    assert all(states == ["success"] for states in first.states.values()), first.states
    assert len(first.states) <= MOST_TASK_INSTANCES
    assert first.asked == {"census": 1, "count": 2, "page": 1}


def test_first_run_tells_of_each_year(first: Run) -> None:
    """The asset gets one event for each changed year, with the receipt's summary."""
    assert sorted(event["year"] for event in first.events) == sorted(first.receipt["changed"])
    summary = {name: first.receipt[name] for name in ("token", "source", "observed_at", "counts")}
    for event in first.events:
        assert event == {"year": event["year"], "version": 1, **summary}


def test_second_run_is_unchanged(again: Run, first: Run) -> None:
    """Over unchanged data nothing is committed or announced, and the screen says so."""
    assert again.code == 0, again.told
    assert again.version == first.version
    assert again.screen.startswith(f"# Vehicle recalls: unchanged, {FEW:,} rows")
    assert again.events == []
    assert again.states.pop("announce") == ["skipped"]
    assert all(states == ["success"] for states in again.states.values()), again.states


def test_second_run_writes_nothing_but_raw(again: Run, first: Run) -> None:
    """Over unchanged data every object stays as it was, and only `raw/` gets new ones."""
    assert {key: again.etags.get(key) for key in first.etags} == first.etags
    new = again.etags.keys() - first.etags.keys()
    assert new
    assert all(key.startswith(KEYS.raw_folder) for key in new), sorted(new)


def test_by_year_publishes_its_year(
    of_2005: Run, again: Run, replica: Control, recalls_url: str
) -> None:
    """A run of one year brings that year to what the API has now, and leaves the others alone.

    On day 2 the date of a recall of 2006 is corrected to 2005: it moves, in the same commit.
    """
    assert of_2005.code == 0, of_2005.told
    assert of_2005.version == again.version + 1
    replica.day = 2
    assert of_2005.year_files[2005].to_pylist() == source_rows(recalls_url)[2005]
    moved = keys_of(of_2005, 2005) - keys_of(again, 2005)
    assert len(moved) == 1
    assert keys_of(of_2005, 2006) == keys_of(again, 2006) - moved
    for year in again.year_files.keys() - {2005, 2006}:
        assert of_2005.year_files[year].equals(again.year_files[year]), year


def test_by_year_tells_of_what_changed(of_2005: Run) -> None:
    """A run of one year announces it, and the year that it took a row out of; it asks little."""
    assert sorted(event["year"] for event in of_2005.events) == ["2005", "2006"]
    assert of_2005.screen.startswith("# Vehicle recalls of 2005: version 2, 2 years changed")
    assert of_2005.asked == {"census": 1, "count": 2, "page": 1}


def test_by_year_without_a_year_fails_with_a_clear_line(of_no_year: Run, of_2005: Run) -> None:
    """Without a year the by-year DAG fails before it asks the API, and says how to start it."""
    assert of_no_year.code == 1
    assert of_no_year.told == [
        "census failed: vehicle_recalls_by_year reads one report year, not all: start it from "
        'the backfill form, or with {"years": [2019]}'
    ]
    assert not of_no_year.asked
    assert of_no_year.etags == of_2005.etags
    assert of_no_year.states.pop("census") == ["failed"]
    assert all(states == ["upstream_failed"] for states in of_no_year.states.values())


def test_two_batches_become_one_commit(
    larger: Run, of_2005: Run, replica: Control, recalls_url: str
) -> None:
    """More than one batch holds is read by two chains of tasks and published by one commit."""
    assert larger.code == 0, larger.told
    for task in ("batch.extract", "batch.partition", "batch.write_parquet"):
        assert larger.states[task] == ["success", "success"]
    for task in ("census", "publish", "aggregate", "ledger", "report", "announce"):
        assert larger.states[task] == ["success"]
    accepted = [check for check in larger.receipt["checks"] if check["outcome"] == "accepted"]
    assert {check["reason"] for check in accepted} == {"it is forty times as large"}
    assert larger.version == of_2005.version + 1
    replica.rows, replica.day = TWO_BATCHES, 2
    rows = soda_rows(recalls_url, select="nhtsa_id, report_received_date")
    in_source = Counter((row["nhtsa_id"], int(row["report_received_date"][:4])) for row in rows)
    published = Counter((key, year) for year in larger.year_files for key in keys_of(larger, year))
    assert published == in_source
    for table in larger.aggregates.values():
        assert pc.sum(table["recalls"]).as_py() == len(rows) > BATCH_ROWS


def keys_of(run: Run, year: int) -> set[str]:
    return set(run.year_files[year]["nhtsa_id"].to_pylist())


def soda_rows(recalls_url: str, select: str) -> list[dict[str, Any]]:
    answer = requests.get(
        f"{recalls_url}/resource/{DATASET}.json",
        params={"$select": select, "$limit": "200000"},
        timeout=60,
    )
    answer.raise_for_status()
    rows: list[dict[str, Any]] = answer.json()
    return rows


def source_rows(recalls_url: str) -> dict[int, list[dict[str, Any]]]:
    """What the API has now, by year, sorted, and typed here without the pipeline's code."""
    rows = [typed(row) for row in soda_rows(recalls_url, select=":*,*")]
    rows.sort(key=lambda row: (row["report_received_date"], row["nhtsa_id"]))
    years: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        years.setdefault(row["report_received_date"].year, []).append(row)
    return years


def typed(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the API as it should be published."""

    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text).astimezone(UTC)

    def flag(text: str | None) -> bool | None:
        return None if text is None else text == "Yes"

    affected, rate = row.get("potentially_affected"), row.get("completion_rate")
    same = ("nhtsa_id", "manufacturer", "subject", "component", "mfr_campaign_number")
    return {
        "Id": row[":id"],
        "created_at": moment(row[":created_at"]),
        "updated_at": moment(row[":updated_at"]),
        "report_received_date": date.fromisoformat(row["report_received_date"][:10]),
        "recall_link": row["recall_link"]["url"] if "recall_link" in row else None,
        **{name: row.get(name) for name in same},
        "recall_type": row.get("recall_type"),
        "potentially_affected": None if affected is None else int(affected),
        "defect_summary": row.get("defect_summary"),
        "consequence_summary": row.get("consequence_summary"),
        "corrective_action": row.get("corrective_action"),
        "fire_risk_when_parked": flag(row.get("fire_risk_when_parked")),
        "do_not_drive": flag(row.get("do_not_drive")),
        "completion_rate": None if rate is None else float(rate),
    }
