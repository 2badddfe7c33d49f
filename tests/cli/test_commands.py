"""Output and exit codes of the commands on a small lake of recalls."""

import csv
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.client import BaseClient

from include.cli.__main__ import main
from include.lake.store import Store
from include.vehicle_recalls import pipeline
from tests.conftest import new_store
from tests.pipelines.vehicle_recalls.recalls import KEYS, publish, publish_days_ago, recall

ROOT = Path(__file__).resolve().parents[2]


class Result(NamedTuple):
    code: int
    out: str
    errors: str
    body: bytes


@pytest.fixture(scope="module")
def lake(s3: BaseClient, s3_url: str) -> Store:
    """Three versions: a baseline, edits with a retraction, and a republication."""
    store = new_store(s3, s3_url)
    publish(store, recall(1), recall(2, manufacturer="DAF"), recall(3), day=1)
    publish(store, recall(1, subject="Hose\x1b may burst"), recall(3, completion_rate="60"), day=2)
    publish(store, recall(1), recall(2, manufacturer="DAF"), recall(3), day=3)
    pipeline.refresh(store)
    return store


def environment_of(store: Store, **settings: str) -> dict[str, str]:
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "LAKE_"))}
    return environment | {
        "LAKE_BUCKET": store.bucket,
        "LAKE_ENDPOINT_URL": store.options["AWS_ENDPOINT_URL"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        **settings,
    }


def run(store: Store, *arguments: str, **settings: str) -> Result:
    out = io.TextIOWrapper(raw := io.BytesIO(), write_through=True, newline="")
    errors = io.StringIO()
    with (
        patch.dict(os.environ, environment_of(store, **settings), clear=True),
        redirect_stdout(out),
        redirect_stderr(errors),
    ):
        try:
            code = main(arguments)
        except SystemExit as misuse:
            code = int(misuse.code or 0)
    # Parquet is binary, so the bytes are kept too.
    return Result(code, raw.getvalue().decode(errors="replace"), errors.getvalue(), raw.getvalue())


def start_process(store: Store, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "include.cli", *arguments],
        cwd=ROOT,
        env=environment_of(store),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_changes_lists_every_event_by_version(lake: Store) -> None:
    done = run(lake, "changes")
    assert done.code == 0
    assert "19V000001  edited       subject: " in done.out
    assert "19V000002  retracted" in done.out
    assert "19V000002  republished" in done.out
    assert "\x1b" not in done.out
    assert done.out.splitlines()[-1] == "4 edited, 1 retracted, 1 republished; 2 versions"


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["--version", "2"], {"19V000001", "19V000002", "19V000003"}),
        (["--key", "19v000001"], {"19V000001"}),
        (["--match", "manufacturer=daf"], {"19V000002"}),
        (["--match", "subject=burst", "--since", "2026-06-03"], {"19V000001"}),
        (["--field", "completion_rate", "--event", "edited"], {"19V000003"}),
        (["--event", "republished", "--until", "2026-06-02"], set()),
        (["--since", "2030-01-01"], set()),
    ],
)
def test_changes_filters_rows(lake: Store, arguments: list[str], keys: set[str]) -> None:
    done = run(lake, "changes", "--format", "json", *arguments)
    assert {row["nhtsa_id"] for row in json.loads(done.out)} == keys


def test_changes_has_the_same_rows_in_every_format(lake: Store) -> None:
    rows = json.loads(run(lake, "changes", "--format", "json").out)
    texts = list(csv.DictReader(io.StringIO(run(lake, "changes", "--format", "csv").out)))
    assert [row["new"] or None for row in texts] == [row["new"] for row in rows]
    parquet = pq.read_table(pa.BufferReader(run(lake, "changes", "--format", "parquet").body))
    assert parquet["nhtsa_id"].to_pylist() == [row["nhtsa_id"] for row in rows]
    assert rows[0]["observed_at"].endswith("Z")


def test_changes_reports_rows_beyond_the_limit(lake: Store) -> None:
    done = run(lake, "changes", "--format", "csv", "--limit", "2")
    assert len(done.out.splitlines()) == 3
    assert "more rows not shown; raise --limit" in done.errors


def test_changes_of_one_version_names_the_baseline(s3: BaseClient, s3_url: str) -> None:
    store = new_store(s3, s3_url)
    publish(store, recall(1), day=1)
    assert "no changes yet: version 1 is the baseline" in run(store, "changes").out


def test_history_shows_one_row(lake: Store) -> None:
    done = run(lake, "history", "19v000002")
    assert "version 1, read 2026-06-01 11:30 UTC: in the baseline" in done.out
    assert "retracted" in done.out
    assert "republished" in done.out
    assert "  manufacturer           DAF\n" in done.out


def test_completion_shows_rates_and_reports_rows_beyond_the_limit(lake: Store) -> None:
    done = run(lake, "completion", "--days", "0", "--limit", "1")
    assert "Completion rates" in done.out
    assert "2 more rows not shown" in done.errors


def test_completion_counts_rate_changes_by_version(lake: Store) -> None:
    trend = json.loads(run(lake, "completion", "--format", "json").out)
    names = ("version", "rated", "mean_rate", "up", "down")
    assert [tuple(row[name] for name in names) for row in trend] == [
        (3, 3, 50, 0, 1),
        (2, 2, 55, 1, 0),
        (1, 3, 50, 0, 0),
    ]


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["--days", "0"], ["19V000001", "19V000002", "19V000003"]),
        (["--days", "1"], ["19V000001"]),
        (["--days", "0", "--under", "50"], []),
    ],
)
def test_completion_finds_stalled_recalls(
    lake: Store, arguments: list[str], keys: list[str]
) -> None:
    done = run(lake, "completion", "--stalled", "--format", "csv", *arguments)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["nhtsa_id"] for row in rows] == keys
    assert {row["open"] for row in rows} <= {"50"}


def test_verify_passes_on_a_valid_lake(lake: Store) -> None:
    done = run(lake, "verify")
    assert (done.code, done.out.splitlines()[-1][:7]) == (0, "valid: ")
    assert "rows come out the same from the raw pages: 1 partition of 1" in done.out


def test_verify_finds_each_damaged_file(s3: BaseClient, s3_url: str) -> None:
    store = new_store(s3, s3_url)
    publish(store, recall(1), recall(2), day=1)
    publish(store, recall(1, subject="New"), recall(2), day=2)
    older, newest = sorted(k for k in store.list(KEYS.table) if k.endswith(".parquet"))
    event = max(k for k in store.list(KEYS.ledger) if k.endswith(".parquet"))
    log = max(k for k in store.list(KEYS.table) if k.endswith(".json"))
    for key in (newest, older, event, log, KEYS.plain("2019.parquet")):
        body = store.get(key)
        store.replace(key, body[:-20])
        done = run(store, "verify")
        assert done.code == 1, done.out
        assert "DAMAGED" in done.out
        assert key.rpartition("/")[2] in done.out
        store.replace(key, body)
    assert run(store, "verify").code == 0


def test_verify_names_a_damaged_manifest_of_plain_files(s3: BaseClient, s3_url: str) -> None:
    store = new_store(s3, s3_url)
    publish(store, recall(1), day=1)
    for body in (b"", b"[]", b"null", b'{"2019.parquet": 1}'):
        store.replace(KEYS.plain("_plain_files.json"), body)
        done = run(store, "verify")
        assert done.code == 1
        assert "DAMAGED  _plain_files.json: it is damaged" in done.out
    assert run(store, "refresh").code == 0
    assert run(store, "verify").code == 0


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("LAKE_BUCKET", "no-such-bucket-here", "create the bucket"),
        ("LAKE_BUCKET", "", "LAKE_BUCKET is not set"),
        ("LAKE_BUCKET", "Not A Bucket", "'Not A Bucket' is not a valid bucket name"),
        ("LAKE_ENDPOINT_URL", "127.0.0.1:4566", "'127.0.0.1:4566' is not an endpoint"),
        ("LAKE_ENDPOINT_URL", "http://a b", "is not an endpoint"),
    ],
)
def test_verify_without_access_exits_with_code_2(
    lake: Store, setting: str, value: str, words: str
) -> None:
    done = run(lake, "verify", **{setting: value})
    assert (done.code, len(done.errors.splitlines())) == (2, 1)
    assert done.errors.startswith("nothing was verified: ")
    assert words in done.errors


def test_as_of_writes_the_files_of_a_date(lake: Store, tmp_path: Path) -> None:
    out = tmp_path / "files"
    done = run(lake, "as-of", "2026-06-02", "--out", str(out))
    assert done.code == 0, done.errors
    note = json.loads((out / "as-of.json").read_text())
    assert (note["version"], note["files"]["2019.parquet"]["rows"]) == (2, 2)
    assert pq.read_table(out / "2019.parquet")["nhtsa_id"].to_pylist() == ["19V000001", "19V000003"]
    again = run(lake, "as-of", "2026-06-02", "--out", str(out))
    assert (again.code, again.errors) == (
        1,
        f"error: {out} is not empty; name a folder that is new or empty\n",
    )


@pytest.mark.parametrize(
    ("moment", "version"),
    [("2026-06-01", 1), ("2026-06-02T11:30:42Z", 1), ("2026-06-02T11:30:43", 2), ("9999-12-31", 3)],
)
def test_as_of_selects_the_version_known_at_that_time(
    lake: Store, tmp_path: Path, moment: str, version: int
) -> None:
    done = run(lake, "as-of", moment, "--out", str(tmp_path))
    assert done.out.startswith(f"version {version}, "), done.errors


def test_as_of_a_pruned_version_writes_nothing(s3: BaseClient, s3_url: str, tmp_path: Path) -> None:
    store = new_store(s3, s3_url)
    receipts = [publish(store, recall(1, subject=f"{day}"), day=day) for day in (1, 2, 3)]
    store.delete([KEYS.table_file(receipts[1]["parts"]["2019"]["path"])])
    done = run(store, "as-of", "2026-06-02", "--out", str(tmp_path))
    assert (done.code, "version 2 is incomplete: " in done.errors) == (1, True)
    assert not list(tmp_path.iterdir())
    verified = run(store, "verify")
    assert (verified.code, "pruned from earlier versions: 1 file" in verified.out) == (0, True)


def test_refresh_of_current_files_changes_nothing(lake: Store) -> None:
    assert run(lake, "refresh").out == "vehicle_recalls is up to date with version 3\n"


def test_replay_reproduces_the_rows(lake: Store) -> None:
    read_id = min(key.split("/")[2] for key in lake.list(KEYS.plain("raw")))
    done = run(lake, "replay", read_id)
    assert (done.code, "every partition comes out the same" in done.out) == (0, True)


def test_prune_deletes_unneeded_versions(s3: BaseClient, s3_url: str) -> None:
    """It keeps the baseline, the version current 400 days ago, and all newer versions."""
    store = new_store(s3, s3_url)
    reads = [
        publish_days_ago(store, recall(1, subject=f"{days}"), days=days)["read_id"]
        for days in (800, 700, 600, 300, 200)
    ]
    before = set(store.list(""))
    assert "would free" in run(store, "prune", "--dry-run").out
    assert set(store.list("")) == before
    assert run(store, "prune").code == 0
    deleted = {tuple(key.split("/")[1:3]) for key in before - set(store.list(""))}
    assert deleted == {
        *(("table", reads[1]), ("raw", reads[1]), ("staging", reads[1])),
        *(("raw", reads[0]), ("staging", reads[0])),
    }
    assert run(store, "verify").code == 0
    assert run(store, "prune").out.endswith("nothing is old enough\n")


def test_copy_creates_a_valid_lake(lake: Store) -> None:
    bucket = f"{lake.bucket}-copy"
    missing = run(lake, "copy", bucket)
    assert (missing.code, "--create" in missing.errors) == (1, True)
    assert run(lake, "copy", bucket, "--create").code == 0
    assert ", 0 bytes, " in run(lake, "copy", bucket).out
    assert run(lake, "verify", LAKE_BUCKET=bucket).code == 0
    assert run(lake, "create", LAKE_BUCKET=bucket).out == f"found the bucket {bucket}\n"


def test_copy_onto_other_data_is_refused(s3: BaseClient, s3_url: str, lake: Store) -> None:
    other = new_store(s3, s3_url)
    assert "nothing committed" in run(lake, "copy", lake.bucket, LAKE_BUCKET=other.bucket).errors
    other.put("holiday.txt", b"photographs")
    assert "holiday.txt is not in" in run(lake, "copy", other.bucket).errors
    other.delete(["holiday.txt"])
    publish(other, recall(1), day=1)
    assert "the lakes have diverged" in run(lake, "copy", other.bucket).errors
    assert "is the lake itself" in run(lake, "copy", lake.bucket).errors


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["changes", "--since", "yesterday"], 2, "'yesterday' is not a date"),
        (["changes", "--limit", "-1"], 2, "'-1' is not a whole number"),
        (["changes", "--match", "Ford"], 2, "'Ford' is not COLUMN=TEXT"),
        (["changes", "--event", "gone"], 2, "invalid choice: 'gone'"),
        (["changes", "--fild", "x"], 2, "unrecognized arguments"),
        (["change"], 2, "invalid choice: 'change'"),
        (["changes", "--field", "nope"], 1, "'nope' is not a column"),
        (["changes", "--dataset", "nope"], 1, "'nope' is not a dataset; choose one of"),
        (["changes", "--dataset", "shoe_prices"], 1, "has no version yet"),
        (["history", "19V999999"], 1, "never was"),
        (["replay", "20200101T000000-00000000"], 1, "was published from the read"),
        (["prune", "--keep-days", "10"], 1, "choose 400 to"),
        (["as-of", "2020-01-01", "--out", "never"], 1, "nothing was known by 2020-01-01"),
    ],
)
def test_invalid_arguments_give_a_one_line_error(
    lake: Store, arguments: list[str], code: int, words: str
) -> None:
    done = run(lake, *arguments)
    assert (done.code, len(done.errors.splitlines())) == (code, 1)
    assert words in done.errors


def test_unknown_profile_gives_a_one_line_error(lake: Store) -> None:
    done = run(lake, "changes", AWS_ACCESS_KEY_ID="", AWS_PROFILE="nope")
    assert (done.code, len(done.errors.splitlines())) == (1, 1)
    assert done.errors.startswith("error: AWS_PROFILE is 'nope': ")


def test_help_lists_every_command_with_an_example(lake: Store) -> None:
    listed = run(lake, "--help").out
    for path in (ROOT / "include/cli").glob("*.py"):
        name = path.stem.replace("_", "-")
        if "def run(" in path.read_text():
            assert f"\n    {name}" in listed
            assert f"python -m include.cli {name}" in run(lake, name, "--help").out


def test_command_with_closed_output_exits_silently(lake: Store) -> None:
    with start_process(lake, "changes", "--format", "json") as running:
        assert running.stdout
        running.stdout.close()
        assert (running.wait(), running.stderr and running.stderr.read()) == (0, "")
