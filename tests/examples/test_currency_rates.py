"""The example of CONTRIBUTING.md: a declared dataset gets checks, a ledger and every command.

Python merges the folders of `examples/currency_rates` with those of the project.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes.control import Control
from include.data.catalog import datasets
from include.data.tables import from_parquet
from include.http.errors import UnexpectedBody
from include.lake.store import Store
from tests.clock import wait_for_a_later_moment
from tests.http.raw_server import Api, message
from tests.pipelines.dag_runs import connect, connect_lake, load_dag, run_dag

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "currency_rates"
HEADER = b"CURRENCY,TIME_PERIOD,OBS_VALUE\r\n"
Run = Callable[..., str]


@pytest.fixture(autouse=True)
def _on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))


@pytest.fixture
def run(
    store: Store, s3_url: str, recalls_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Runs every task of the DAG against the fake ECB; returns the report."""
    connect_lake(monkeypatch, store, s3_url)
    connect(monkeypatch, "ecb_api", host=recalls_url)
    dag = load_dag("currency_rates", EXAMPLE / "dags")
    return lambda **conf: run_dag(dag, conf, tmp_path / "screen.txt")


def command(store: Store, *arguments: str) -> str:
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "LAKE_"))}
    environment |= {
        "PYTHONPATH": str(EXAMPLE),
        "LAKE_BUCKET": store.bucket,
        "LAKE_ENDPOINT_URL": store.options["AWS_ENDPOINT_URL"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "include.cli", *arguments, "--dataset", "currency_rates"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def published_rates(store: Store) -> dict[str, tuple[date, Decimal]]:
    rows = from_parquet(store.get("currency_rates/rates.parquet")).to_pylist()
    return {row["currency"]: (row["date"], row["rate"]) for row in rows}


def transform(*rows: str) -> tuple[pa.Table, pa.Table]:
    from include.currency_rates.transform import rates

    return rates(HEADER + "".join(f"{row}\r\n" for row in rows).encode())


def test_pipeline_needs_six_files_of_at_most_250_lines() -> None:
    files = [path.read_text(encoding="utf-8") for path in EXAMPLE.rglob("*.py")]
    assert len(files) == 6
    assert sum(text.count("\n") for text in files) <= 250


def test_catalog_finds_the_dataset_on_the_path() -> None:
    assert datasets()["currency_rates"].key == "currency"


def test_two_days_give_two_versions_and_every_command_works(
    run: Run, store: Store, replica: Control, tmp_path: Path
) -> None:
    today = datetime.now(UTC).date()
    replica.ecb.unpublished = {today - timedelta(days=days) for days in range(7)}
    screen = run()
    assert screen.startswith("# ECB rates: version 1, ")
    assert "**This data is MADE UP.**" in screen
    first = published_rates(store)
    assert {"USD", "JPY", "HRK"} <= first.keys()
    replica.ecb.unpublished = set()
    read_at = wait_for_a_later_moment(store, datasets()["currency_rates"])
    assert "# ECB rates: version 2, " in run()
    second = published_rates(store)
    assert second["USD"][0] > first["USD"][0]
    assert second["HRK"] == first["HRK"]  # the euro replaced the kuna
    assert "USD  edited       rate: " in command(store, "changes", "--version", "2")
    assert "edited" in command(store, "history", "USD")
    command(store, "as-of", read_at, "--out", str(tmp_path / "then"))
    (file,) = (tmp_path / "then").rglob("*.parquet")
    assert f"{first['USD'][1]}" in str(pq.read_table(file).to_pylist())
    assert "\nvalid: " in command(store, "verify")


def test_dry_run_and_unchanged_rates_commit_nothing(run: Run, store: Store) -> None:
    assert "dry run" in run(dry_run=True)
    assert store.get_if_exists("currency_rates/rates.parquet") is None
    run()
    assert "unchanged" in run()


def test_invalid_rate_is_quarantined_with_its_row() -> None:
    valid, bad = transform("USD,2026-11-20,1.08", "GBP,2026-11-20,", "SEK,yesterday,-1")
    assert valid.to_pylist() == [
        {"currency": "USD", "date": date(2026, 11, 20), "rate": Decimal("1.080000")}
    ]
    assert bad["key"].to_pylist() == ["GBP", "SEK"]
    assert bad["reasons"][0].as_py() == "rate: is missing"
    assert '"yesterday"' in bad["raw"][1].as_py()


def test_duplicate_currency_is_quarantined_twice() -> None:
    valid, bad = transform("USD,2026-11-20,1.08", "USD,2026-11-20,1.09")
    assert valid.num_rows == 0
    assert bad["reasons"].to_pylist() == ["currency: USD comes 2 times"] * 2


@pytest.mark.parametrize("body", ["{}", "CURRENCY,OBS_VALUE\nUSD,1", ""])
def test_body_without_rates_is_refused(body: str) -> None:
    from include.currency_rates.client import CurrencyRates

    now = format_datetime(datetime.now(UTC), usegmt=True)
    with (
        Api(message(body.encode(), Date=now)) as server,
        pytest.raises(UnexpectedBody, match="no exchange rates; check the host"),
    ):
        CurrencyRates(server.url, attempts=1).last_rates()


def test_hook_tests_the_connection(recalls_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from plugins.hooks.currency_rates_hook import CurrencyRatesHook

    connect(monkeypatch, "ecb_api", host=recalls_url)
    assert CurrencyRatesHook().test_connection() == (True, "the API answers with exchange rates")
    connect(monkeypatch, "ecb_api", host="")
    assert CurrencyRatesHook().test_connection() == (
        False,
        "the connection `ecb_api` has no host; set it to data-api.ecb.europa.eu",
    )
