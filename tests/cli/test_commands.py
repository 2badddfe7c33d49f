"""The commands on a small lake of recalls: what they print, and how they end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.client import BaseClient

from include.lake.store import Store
from tests.conftest import new_store
from tests.pipelines.vehicle_recalls.recalls import KEYS, publish, recall

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lake(s3: BaseClient, s3_url: str) -> Store:
    """Three versions: the baseline, edits and a retraction, and a return."""
    store = new_store(s3, s3_url)
    publish(store, recall(1), recall(2, manufacturer="DAF"), recall(3), day=1)
    publish(store, recall(1, subject="Hose\x1b may burst"), recall(3, completion_rate="60"), day=2)
    publish(store, recall(1), recall(2, manufacturer="DAF"), recall(3), day=3)
    return store


def run(
    store: Store, *arguments: str, bucket: str | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "LAKE_"))}
    environment |= {
        "LAKE_BUCKET": store.bucket if bucket is None else bucket,
        "LAKE_ENDPOINT_URL": store.options["AWS_ENDPOINT_URL"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        **settings,
    }
    return subprocess.run(
        [sys.executable, "-m", "include.cli", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_changes_lists_every_event_by_version(lake: Store) -> None:
    done = run(lake, "changes")
    assert done.returncode == 0
    assert "19V000001  edited       subject: " in done.stdout
    assert "19V000002  retracted" in done.stdout
    assert "19V000002  republished" in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "4 edited (4 fields), 1 retracted, 1 republished; 2 versions"
    )


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["--version", "2"], {"19V000001", "19V000002", "19V000003"}),
        (["--key", "19v000001"], {"19V000001"}),
        (["--match", "manufacturer=daf"], {"19V000002"}),
        (["--field", "completion_rate", "--event", "edited"], {"19V000003"}),
        (["--since", "2030-01-01"], set()),
    ],
)
def test_changes_answers_a_question(lake: Store, arguments: list[str], keys: set[str]) -> None:
    done = run(lake, "changes", "--format", "json", *arguments)
    assert {row["nhtsa_id"] for row in json.loads(done.stdout)} == keys


def test_changes_says_what_a_limit_left_out(lake: Store) -> None:
    done = run(lake, "changes", "--format", "csv", "--limit", "2")
    assert len(done.stdout.splitlines()) == 3
    assert "more rows not shown; raise --limit" in done.stderr


def test_history_tells_one_row(lake: Store) -> None:
    done = run(lake, "history", "19v000002")
    assert "in the baseline" in done.stdout
    assert "retracted" in done.stdout
    assert "republished" in done.stdout


def test_completion_shows_rates_and_what_a_limit_left_out(lake: Store) -> None:
    done = run(lake, "completion", "--days", "0", "--limit", "1")
    assert "Completion rates" in done.stdout
    assert "2 more rows not shown" in done.stderr


def test_verify_finds_a_valid_lake_valid(lake: Store) -> None:
    done = run(lake, "verify")
    assert (done.returncode, done.stdout.splitlines()[-1][:7]) == (0, "valid: ")
    assert "rows come out the same from the raw pages: 1 partition of 1" in done.stdout


def test_verify_finds_each_damaged_file(s3: BaseClient, s3_url: str) -> None:
    store = new_store(s3, s3_url)
    publish(store, recall(1), recall(2), day=1)
    publish(store, recall(1, subject="New"), recall(2), day=2)
    newest = max(k for k in store.list(KEYS.table) if k.endswith(".parquet"))
    event = max(k for k in store.list(KEYS.ledger) if k.endswith(".parquet"))
    for key in (newest, event, KEYS.plain("2019.parquet")):
        body = store.get(key)
        store.replace(key, body[:-20] + bytes([body[-20] ^ 1]) + body[-19:])
        done = run(store, "verify")
        assert done.returncode == 1, done.stdout
        assert "DAMAGED" in done.stdout
        assert key.rpartition("/")[2] in done.stdout
        store.replace(key, body)
    assert run(store, "verify").returncode in {0, 1}


def test_verify_that_cannot_look_says_so(lake: Store) -> None:
    done = run(lake, "verify", bucket="no-such-bucket-here")
    assert done.returncode == 2
    assert done.stdout.startswith("nothing was verified: ")


def test_as_of_writes_the_files_of_a_day(lake: Store, tmp_path: Path) -> None:
    out = tmp_path / "files"
    done = run(lake, "as-of", "2026-06-02", "--out", str(out))
    assert done.returncode == 0, done.stderr
    note = json.loads((out / "as-of.json").read_text())
    assert (note["version"], note["complete"]) == (2, True)
    assert (out / "2019.parquet").is_file()
    before = run(lake, "as-of", "2020-01-01", "--out", str(out))
    assert (before.returncode, before.stderr[:24]) == (1, "error: nothing was known")


def test_refresh_and_replay_find_nothing_to_do(lake: Store) -> None:
    done = run(lake, "refresh")
    assert done.stdout == "vehicle_recalls is up to date with version 3\n"
    done = run(lake, "replay", "20200101T000000-00000000")
    assert (done.returncode, "was published from the read" in done.stderr) == (1, True)


def test_prune_keeps_what_it_promises(lake: Store) -> None:
    assert "nothing is old enough" in run(lake, "prune", "--dry-run").stdout
    done = run(lake, "prune", "--keep-days", "10")
    assert (done.returncode, "400" in done.stderr) == (1, True)


def test_copy_makes_a_lake_that_is_valid(lake: Store) -> None:
    bucket = f"{lake.bucket}-copy"
    missing = run(lake, "copy", bucket)
    assert (missing.returncode, "--create" in missing.stderr) == (1, True)
    assert run(lake, "copy", bucket, "--create").returncode == 0
    assert ", 0 bytes, " in run(lake, "copy", bucket).stdout
    assert run(lake, "verify", bucket=bucket).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["changes", "--since", "yesterday"], 2, "'yesterday' is not a date"),
        (["changes", "--fild", "x"], 2, "unrecognized arguments"),
        (["changes", "--field", "nope"], 1, "'nope' is not a column"),
        (["changes", "--dataset", "nope"], 1, "'nope' is not a dataset; choose one of"),
        (["changes", "--dataset", "shoe_prices"], 1, "has no version yet"),
        (["history", "19V999999"], 1, "never was"),
    ],
)
def test_wrong_question_is_one_line(
    lake: Store, arguments: list[str], code: int, words: str
) -> None:
    done = run(lake, *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_missing_bucket_name_is_one_line(lake: Store) -> None:
    done = run(lake, "changes", bucket="")
    assert (done.returncode, done.stderr[:30]) == (1, "error: LAKE_BUCKET is not set;")


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("LAKE_BUCKET", "", "LAKE_BUCKET is not set"),
        ("LAKE_BUCKET", "Not A Bucket", "'Not A Bucket' is not a bucket's name"),
        ("LAKE_ENDPOINT_URL", "127.0.0.1:4566", "'127.0.0.1:4566' is not an endpoint"),
        ("LAKE_ENDPOINT_URL", "http://a b", "is not an endpoint"),
    ],
)
def test_verify_that_cannot_look_says_so_with_its_own_exit_code(
    lake: Store, setting: str, value: str, words: str
) -> None:
    done = run(lake, "verify", **{setting: value})
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_unknown_profile_is_one_line(lake: Store) -> None:
    done = run(lake, "changes", AWS_ACCESS_KEY_ID="", AWS_PROFILE="nope")
    assert done.returncode == 1
    assert done.stderr.startswith("error: AWS_PROFILE is 'nope': ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"2019.parquet": 1}'])
def test_verify_names_a_damaged_manifest_of_plain_files(
    s3: BaseClient, s3_url: str, body: bytes
) -> None:
    store = new_store(s3, s3_url)
    publish(store, recall(1), day=1)
    assert run(store, "refresh").returncode == 0
    store.replace(KEYS.plain("_plain_files.json"), body)
    done = run(store, "verify")
    assert done.returncode == 1
    assert "DAMAGED  _plain_files.json: it is damaged" in done.stdout
    assert run(store, "refresh").returncode == 0
    assert run(store, "verify").returncode == 0


def test_last_day_of_the_calendar_is_a_day(lake: Store, tmp_path: Path) -> None:
    done = run(lake, "as-of", "9999-12-31", "--out", str(tmp_path / "last"))
    assert done.returncode == 0, done.stderr


def test_changes_before_the_second_version_name_the_baseline(s3: BaseClient, s3_url: str) -> None:
    store = new_store(s3, s3_url)
    publish(store, recall(1), day=1)
    assert "no changes yet: version 1 is the baseline" in run(store, "changes").stdout
