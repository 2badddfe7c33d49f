"""Everything that Airflow and an operator do to a lake, once, and what a reader does after it."""

from __future__ import annotations

import io
import time
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

import include.first.lake
from fakes.control import Control
from include.first.lake import Lake
from include.lake.store import Store
from include.shoe_prices.ecb import Ecb
from include.shoe_prices.run import run as run_prices
from include.shoe_prices.shop import Shop
from include.shoe_prices.sign_in import Tokens
from include.site_outages.krakenflex import Krakenflex
from include.site_outages.run import run as run_outages
from include.subject_books.client import OpenLibrary
from include.subject_books.database import BooksDatabase
from include.subject_books.pipeline import run as run_books
from include.vehicle_recalls.__main__ import main as command
from include.vehicle_recalls.commands.prune import prune
from include.vehicle_recalls.project import project_years
from include.vehicle_recalls.run import RAW
from include.vehicle_recalls.run import run as run_recalls
from include.vehicle_recalls.source import RecallsApi
from include.vin_service.lake_facts import LakeFacts
from include.vin_snapshots.run import run as run_vehicles
from include.vin_snapshots.vin_api import VinApi
from tests.conftest import open_store
from tests.every_pipeline import ACCOUNT
from tests.vehicle_recalls.evidence import KEYS
from tests.vehicle_recalls.three_days import finish, in_year, publish_day
from tests.vin_snapshots.stub import stub_service, vehicle

EVENING = datetime(2026, 11, 20, 17, tzinfo=UTC)


class Memory:
    """The shop's tokens, as Airflow's Variable keeps them."""

    tokens: Tokens | None = None

    def load(self) -> Tokens | None:
        return self.tokens

    def save(self, tokens: Tokens) -> None:
        self.tokens = tokens


def run_every_pipeline(lake: Lake, url: str, control: Control, database: BooksDatabase) -> None:
    """Two days of each, so that all is made, changed, found unchanged, set aside and mended."""
    tokens = Memory()
    with stub_service() as vehicles:
        for day in (1, 2):
            control.rows, control.day = 12, day
            control.date = EVENING + timedelta(days=3 * (day - 1))
            accept = dict.fromkeys(("rows per year", "rows in total"), "a small lake")
            published = run_recalls(RecallsApi(url), lake, accept=accept)
            run_outages(Krakenflex(url, "local-key"), lake)
            run_prices(Shop(url, ACCOUNT, tokens), Ecb(url), lake, f"{control.date:%Y-%m-%d}")
            books = OpenLibrary(url, wait_turn=lambda: None)
            store = open_store(lake.s3.meta.endpoint_url, lake.bucket)
            run_books(books, store, database, "curiosities")
            run_vehicles(VinApi(vehicles.url), lake)
            vehicles.has([vehicle(number) for number in range(1, 6)])
            control.shop.dials.price = "missing"  # of one product, which is set aside
    run_recalls(RecallsApi(url), lake, source=f"{RAW}{published['token']}")


def live_long(lake: Lake) -> None:
    """Four versions of 800 to 300 days ago, a file of a year that is gone, and a prune."""
    for number, days in enumerate([800, 700, 600, 300], 1):
        begun = datetime.now(UTC) - timedelta(days=days)
        rows = [in_year(2018, 1), in_year(2019, 2, subject=f"Edit {number}")]
        rows.append(in_year(2019, 3, nhtsa_id=None))
        with pytest.MonkeyPatch.context() as patch:
            then = time.time() - 86_400 * days
            patch.setattr(include.first.lake, "time", SimpleNamespace(time=lambda then=then: then))
            assert publish_day(lake, f"{begun:%Y-%m-%dT%H:%M:%SZ}", rows, begun=begun)
            finish(lake)
    lake.project(KEYS.year(2017), b"of a year that the table no longer has", {"sha256": "?"})
    project_years(lake)
    assert KEYS.year(2017) not in set(lake.keys(KEYS.folder))
    assert all(freed.keys for freed in prune(lake, 400, dry_run=False))


def read_all(lake: Lake, campaign: str, out: Path) -> str:
    """The commands that only look, and the VIN service's look; returns what the commands said."""
    settings = {
        "LAKE_BUCKET": lake.bucket,
        "LAKE_ENDPOINT_URL": lake.s3.meta.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    with io.TextIOWrapper(io.BytesIO()) as said, redirect_stdout(said), redirect_stderr(said):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            for arguments in (
                ["verify"],
                ["changes"],
                ["history", campaign],
                ["completion"],
                ["as-of", today, "--out", str(out)],
            ):
                assert command(arguments) == 0, (arguments, said.seek(0), said.read())
        LakeFacts(Store(lake.bucket, **lake.storage_options)).of([campaign])
        said.seek(0)
        return said.read()
