"""Does everything to a lake that Airflow, an operator and a reader do."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from fakes.control import Control
from include.cli.prune import prune
from include.lake.store import Store
from include.shoe_prices.ecb import Ecb, asked_days
from include.shoe_prices.shop import Shop
from include.site_outages.client import KrakenFlex
from include.subject_books.client import OpenLibrary
from include.subject_books.database import BooksDatabase
from include.vehicle_recalls.client import RecallsApi
from include.vehicle_recalls.contract import RECALLS
from include.vehicle_recalls.pipeline import refresh
from include.vehicle_recalls.pipeline import run as run_recalls
from include.vehicle_recalls.replay import RAW
from include.vehicle_recalls.report import write_reports
from include.vin_service.lake_facts import read_facts
from include.vin_snapshots.client import VinService
from include.vin_snapshots.pipeline import run as run_vehicles
from tests.pipelines.shoe_prices.conftest import ACCOUNT, Memory
from tests.pipelines.shoe_prices.conftest import run as run_prices
from tests.pipelines.site_outages.conftest import run as run_outages
from tests.pipelines.subject_books.conftest import run as run_books
from tests.pipelines.vehicle_recalls import recalls
from tests.pipelines.vin_snapshots.stub import Stub, vehicle

ROOT = Path(__file__).resolve().parents[3]


def run_every_pipeline(store: Store, url: str, control: Control, database: BooksDatabase) -> None:
    """Run two days of each, with published, edited, unchanged and quarantined rows."""
    tokens = Memory()
    with Stub() as vehicles:
        for day in (1, 2):
            control.rows, control.day = 12, day
            control.fault("dirty", which="bad_date", rows=1)
            waive = dict.fromkeys(("rows per year", "rows in total", "quarantine"), "a small lake")
            receipt = run_recalls(lambda: RecallsApi(url), store, waive=waive)
            write_reports(store)
            run_outages(KrakenFlex(url, "local-key"), store)
            days = asked_days(f"{datetime.now(UTC):%Y-%m-%d}")
            run_prices(Shop(url, ACCOUNT, tokens), Ecb(url), store, days)
            books = OpenLibrary(url, wait_turn=lambda: None)
            run_books(books, store, database, "curiosities")
            run_vehicles(VinService(vehicles.url), store)
            vehicles.has([vehicle(number) for number in range(1, 6)])
    run_recalls(lambda: RecallsApi(url), store, source=f"{RAW}{receipt['read_id']}", waive=waive)


def publish_and_prune(store: Store) -> None:
    """Publish versions 800 to 300 days ago, one without a year, and prune."""
    for number, days in enumerate([800, 700, 600, 300], 1):
        rows = [recalls.recall(1), recalls.recall(2, subject=f"Edit {number}")]
        rows.append(recalls.recall(3, nhtsa_id=None))
        if number == 1:
            rows = [recalls.recall(4, report_received_date="2018-05-05T00:00:00.000"), *rows[:2]]
        recalls.publish_days_ago(store, *rows, days=days)
        refresh(store)
    assert any(prune(store, RECALLS, 400, dry_run=False).values())


def run_readers(store: Store, url: str, key: str, out: Path) -> str:
    """Run the read-only commands and the VIN service's read; return the output."""
    environment = os.environ | {
        "LAKE_BUCKET": store.bucket,
        "LAKE_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    printed = ""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for arguments in (
        ["verify"],
        ["changes"],
        ["history", key],
        ["completion"],
        ["as-of", today, "--out", str(out)],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "include.cli", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        printed += done.stdout
    read_facts(store)
    return printed
