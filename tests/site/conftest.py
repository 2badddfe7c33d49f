"""Lakes of a few published days with their sites, built once per module."""

import gzip
import json
from typing import Any

import pytest
from botocore.client import BaseClient

from include.lake.store import Store
from include.site.build import build_site
from include.vehicle_recalls import pipeline
from tests.conftest import new_store
from tests.pipelines.vehicle_recalls.recalls import Row, land, publish, recall

HOSTILE = '<script>alert(1)</script>"><img onerror=x>\u202e\x0b'


class Site:
    """The files of a site, read from the bucket."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def body(self, path: str) -> bytes:
        return self.store.get(f"site/{path}")

    def json(self, path: str) -> Any:
        body = self.body(path)
        return json.loads(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)

    @property
    def manifest(self) -> Any:
        return self.json("site.json")

    def shard(self, *names: str) -> Any:
        found = self.manifest["shards"]
        for name in names:
            found = found[name]
        return self.json(found)

    def files(self) -> dict[str, str]:
        """The ETag of each file by path."""
        return {key.removeprefix("site/"): o.etag for key, o in self.store.list("site").items()}


def publish_with_site(store: Store, *rows: Row, **options: Any) -> dict[str, Any]:
    receipt = publish(store, *rows, **options)
    build_site(store)
    return receipt


def publish_only(store: Store, *rows: Row, day: int) -> dict[str, Any]:
    """Publish a version without its ledger, plain files and site."""
    plan, raw = land(store, list(rows), day=day)
    return pipeline.publish(store, [plan], [pipeline.transform(store, raw)])


def publish_three_days(store: Store) -> None:
    """Publish the baseline and two days of changes."""
    tesla = {"manufacturer": "TESLA, INC.", "do_not_drive": "Yes"}
    publish(store, recall(1), recall(2, **tesla), recall(3, fire_risk_when_parked="Yes"), day=1)
    in_2020 = {"report_received_date": "2020-05-01T00:00:00.000", "manufacturer": "Tesla Inc"}
    second = [
        recall(1, do_not_drive="Yes", subject=HOSTILE),
        recall(2, manufacturer="TESLA, INC."),
        recall(3, fire_risk_when_parked="Yes"),
        recall(4, **in_2020),
    ]
    publish(store, *second, day=2)
    third = [recall(1, do_not_drive="Yes", subject=HOSTILE, completion_rate="60"), *second[1:]]
    publish(store, *(row for row in third if row["nhtsa_id"] != "19V000003"), day=3)


@pytest.fixture(scope="module")
def site(s3: BaseClient, s3_url: str) -> Site:
    """A site of three days, read only."""
    store = new_store(s3, s3_url)
    publish_three_days(store)
    pipeline.refresh(store)
    return Site(store)


@pytest.fixture(scope="module")
def _two_days(s3: BaseClient, s3_url: str) -> tuple[Site, dict[str, str]]:
    store = new_store(s3, s3_url)
    publish(store, recall(1, subject="Old"), day=1)
    publish_with_site(store, recall(1), day=2)
    return Site(store), Site(store).files()


@pytest.fixture
def small_site(_two_days: tuple[Site, dict[str, str]]) -> Site:
    """A site of one recall, which a test may change or damage; the table is read only."""
    site, files = _two_days
    if site.files() != files:  # an earlier test changed it
        site.store.delete(site.store.list("site"))
        build_site(site.store)
    return site
