"""The pipelines on one lake, a day at a time; and what the commits of a lake name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import include.site_outages.run as site_outages
import include.vehicle_recalls.run as vehicle_recalls
import include.vin_snapshots.run as vin_snapshots
from fakes.app import create_app
from fakes.control import Control
from fakes.made_up_books import BIG
from fakes.serve import serving
from include.first.keys import Keys, OutageKeys, SubjectKeys, Turn
from include.first.lake import Lake
from include.site_outages.krakenflex import Krakenflex
from include.subject_books.client import OpenLibrary
from include.subject_books.pipeline import run as run_books
from include.vehicle_recalls.source import RecallsApi
from include.vin_snapshots.vin_api import VinApi
from tests.conftest import open_store
from tests.vehicle_recalls.days import ROWS, SEED, turn_to
from tests.vin_snapshots.stub import Stub, stub_service, vehicle


class World:
    """The sources, which stand at a day, and a run of each pipeline on them."""

    def __init__(self, url: str, control: Control, stub: Stub) -> None:
        self.url = url
        self.control = control
        self.stub = stub
        self.runs: dict[str, Callable[[Lake], Any]] = {
            "vehicle_recalls": lambda lake: vehicle_recalls.run(RecallsApi(url), lake),
            "vin_snapshots": lambda lake: vin_snapshots.run(VinApi(stub.url), lake),
            "site_outages": lambda lake: site_outages.run(Krakenflex(url, "local-key"), lake),
            "subject_books": self._books,
        }

    def turn_to(self, day: int) -> None:
        turn_to(self.control, day)
        self.stub.has([vehicle(number) for number in range(1, 4 + day)])

    def day(self, lake: Lake, day: int) -> dict[str, int | None]:
        """Run all; what version each committed."""
        self.turn_to(day)
        return {name: run(lake)["version"] for name, run in self.runs.items()}

    def _books(self, lake: Lake) -> Any:
        api = OpenLibrary(self.url, wait_turn=lambda: None)
        store = open_store(lake.s3.meta.endpoint_url, lake.bucket)
        return run_books(api, store, None, BIG, 100)[0]


@contextmanager
def world() -> Iterator[World]:
    app = create_app(rows=ROWS, seed=SEED)
    with serving(app) as url, stub_service() as stub:
        yield World(url, app.state.control, stub)


def references(lake: Lake) -> dict[str, set[str]]:
    """By each commit, and each sign of files that belong together, the objects that it names."""
    turns = {Turn.SIGNS, Turn.COMMITS, Turn.LEDGER_COMMITS}
    signs = [key for key in lake.keys("") if Turn.of(key) in turns and key.endswith(".json")]
    return dict(zip(signs, lake.at_once(lambda key: set(_named(lake, key)), signs), strict=True))


def _named(lake: Lake, key: str) -> Iterator[str]:
    pipeline, folder = key.split("/", maxsplit=1)[0], key.rpartition("/")[0]
    body = lake.get(key)
    if key.endswith("-accepted.json"):
        yield key.replace("accepted", "pending")
    elif key.endswith("landed.json"):
        yield from (page["key"] for page in json.loads(body)["pages"])
    elif folder.endswith("versions"):
        receipt = json.loads(body)
        for file in receipt["files"]:
            yield SubjectKeys(pipeline).file_of(receipt["folder"], file["name"], file["kind"])
    else:
        yield from _named_by_entry(pipeline, folder.removesuffix("/_delta_log"), body)


def _named_by_entry(pipeline: str, table: str, body: bytes) -> Iterator[str]:
    for action in map(json.loads, body.splitlines()):
        if "add" in action:
            yield f"{table}/{action['add']['path']}"
        receipt = json.loads(action.get("commitInfo", {}).get("receipt", "{}"))
        if table == Keys(pipeline).ledger and receipt:
            yield f"{Keys(pipeline).table}/_delta_log/{receipt['version']:020}.json"
        if "delivery" in receipt:
            yield OutageKeys(pipeline).delivery(receipt["site_id"], receipt["delivery"], "accepted")
        for landing in receipt.get("landings", []):
            yield Keys(pipeline).landed(receipt.get("replay_of") or receipt["token"], landing)
