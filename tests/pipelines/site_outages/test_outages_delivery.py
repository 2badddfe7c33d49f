"""At-least-once delivery: its records, and when a post is repeated or skipped."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from fakes.made_up_outages import USUAL
from include.http.errors import SourceUnavailable
from include.lake.landing import RawPages
from include.lake.reads import SourceMismatch
from include.lake.staging import StagedBatch
from include.lake.store import Store
from include.lake.table import load_version
from include.site_outages.client import KrakenFlex
from include.site_outages.deliver import deliver
from include.site_outages.pipeline import extract, transform
from tests.pipelines.site_outages.conftest import SINCE, run

FIRST = ["00000001-accepted.json", "00000001-pending.json"]
Read = tuple[RawPages, StagedBatch]


@pytest.fixture
def read(api: KrakenFlex, store: Store) -> Callable[..., Read]:
    """Reads a site; the result is ready to post."""

    def read(site_id: str = "kingfisher", since: str = SINCE) -> Read:
        raw = extract(api, store, site_id, since, "run 1")
        return raw, transform(store, raw)

    return read


@pytest.fixture
def post(api: KrakenFlex, store: Store) -> Callable[..., tuple[int, str]]:
    """Delivers a read; returns the delivery number and outcome."""

    def post(read: Read, *, via: Any = None, **options: bool) -> tuple[int, str]:
        delivery = deliver(via or api, store, *read, **options)["facts"]["delivery"]
        return delivery["number"], delivery["outcome"]

    return post


class CrashingApi:
    """Posts, then simulates a crash of the worker."""

    def __init__(self, api: KrakenFlex) -> None:
        self.api = api

    def post_outages(self, site_id: str, payload: bytes) -> str:
        self.api.post_outages(site_id, payload)
        raise KeyboardInterrupt


class NoApi:
    """An API that must not be called."""


def test_post_is_recorded_before_and_after(read, store: Store, records) -> None:
    """The first record exists during the post."""
    made = read()
    seen = []

    class RecordingApi:
        def post_outages(self, site_id: str, payload: bytes) -> str:
            seen.extend([records(site_id), json.loads(payload)[0]["name"]])
            return "2026-11-21T10:00:00Z"

    deliver(RecordingApi(), store, *made)
    assert seen == [["00000001-pending.json"], "Battery 1"]
    assert records("kingfisher") == FIRST
    accepted, pending = (
        json.loads(store.get(f"site_outages/deliveries/kingfisher/{name}")) for name in FIRST
    )
    assert pending == {
        "sha256": made[1]["facts"]["payload_sha256"],
        "read_id": made[0]["read"]["read_id"],
        "source": {"dataset": "krakenflex", "publisher": "made-up:7"},
    }
    assert accepted == pending | {"answered_at": "2026-11-21T10:00:00Z"}


def test_same_payload_is_not_posted_again(read, post, accepted, records) -> None:
    assert post(read()) == (1, "posted")
    assert post(read(), via=NoApi()) == (1, "posted before")
    assert len(accepted("kingfisher")) == 1
    assert records("kingfisher") == FIRST


def test_force_posts_the_same_payload_again(read, post, accepted) -> None:
    """A retry of the task does not post again."""
    post(read())
    made = read()
    assert post(made, force=True) == (2, "posted")
    assert post(made, force=True, via=NoApi()) == (2, "posted")
    assert len(accepted("kingfisher")) == 2


def test_crash_between_post_and_record_repeats_the_post(
    read, post, api, accepted, records, caplog
) -> None:
    with pytest.raises(KeyboardInterrupt):
        post(read(), via=CrashingApi(api))
    assert records("kingfisher") == ["00000001-pending.json"]
    assert post(read()) == (2, "posted")
    first, second = accepted("kingfisher")
    assert first == second
    assert re.search(r"delivery 1 of the read \S+ was not recorded as accepted", caplog.text)
    assert post(read(), via=NoApi()) == (2, "posted before")


def test_retried_task_reuses_its_delivery_number(read, post, api, records) -> None:
    made = read()
    with pytest.raises(KeyboardInterrupt):
        post(made, via=CrashingApi(api))
    assert post(made) == (1, "posted")
    assert records("kingfisher") == FIRST


def test_list_accepted_before_a_crashed_post_is_posted_again(
    read, post, api, replica, accepted
) -> None:
    """The crashed post may have arrived, so KrakenFlex may have either list."""
    post(read(USUAL))
    replica.day = 2
    with pytest.raises(KeyboardInterrupt):
        post(read(USUAL), via=CrashingApi(api))
    replica.day = 1
    assert post(read(USUAL)) == (3, "posted")
    assert accepted(USUAL)[0] == accepted(USUAL)[2]


def test_failed_post_publishes_nothing_and_the_next_run_succeeds(
    api, store: Store, replica, records
) -> None:
    replica.fault("500", times=None, only="/site-outages/")
    with pytest.raises(SourceUnavailable):
        run(api, store, "kingfisher")
    assert records("kingfisher") == ["00000001-pending.json"]
    assert load_version(store, "site_outages/table").number == -1
    replica.faults.clear()
    receipt = run(api, store, "kingfisher")
    assert receipt["facts"]["all"]["delivery"] == {"number": 2, "outcome": "posted"}


@pytest.mark.parametrize("force", [False, True])
def test_dry_run_posts_and_records_nothing(read, post, accepted, records, force) -> None:
    options = {"dry_run": True, "force": force, "via": NoApi()}
    assert post(read(), **options) == (0, "would post")
    assert (accepted("kingfisher"), records("kingfisher")) == ([], [])
    post(read())
    assert post(read(), **options) == (1, "would post" if force else "posted before")


def test_records_of_another_source_are_refused(read, post, replica) -> None:
    """Even before the first publication."""
    post(read())
    replica.seed += 1
    with pytest.raises(SourceMismatch, match=r"made-up:7.+made-up:8.+Use another bucket"):
        post(read(), via=NoApi())
