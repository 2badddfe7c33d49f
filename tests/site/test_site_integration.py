"""The site with other runs, copies, prune, notifications and a failed task."""

from typing import Any

import pytest
from botocore.client import BaseClient

from include.cli.copy import copy_in_order, listing
from include.cli.create import create_bucket
from include.cli.prune import prune
from include.errors import PermanentError
from include.lake.store import Store
from include.site.build import build_site
from include.vehicle_recalls import pipeline
from include.vehicle_recalls.contract import RECALLS
from include.vehicle_recalls.report import notice
from local.mirror import load, save
from tests.faulty_s3 import FaultyS3
from tests.pipelines.dag_runs import connect_lake, load_dag
from tests.pipelines.vehicle_recalls.recalls import publish, recall, rows_of_table
from tests.site.conftest import Site, publish_only, publish_with_site

ADDRESS = "https://recalls.example.org/"


def types_of(s3: BaseClient, store: Store) -> dict[str, str]:
    return {
        key: s3.head_object(Bucket=store.bucket, Key=key)["ContentType"]
        for key in store.list("site")
    }


def test_copy_keeps_files_and_content_types_of_the_site(
    s3: BaseClient, small_site: Site, tmp_path: Any
) -> None:
    store = small_site.store
    copy, loaded = (
        store.other_bucket(f"{store.bucket}-copy"),
        store.other_bucket(f"{store.bucket}-2"),
    )
    for other in (copy, loaded):
        create_bucket(other)
    copy_in_order(store, copy, listing(store))
    save(store, tmp_path)
    load(loaded, tmp_path)
    wanted = types_of(s3, store)
    assert wanted["site/index.html"] == "text/html; charset=utf-8"
    for other in (copy, loaded):
        assert types_of(s3, other) == wanted
        assert Site(other).files() == Site(store).files()


def test_prune_keeps_the_site(small_site: Site) -> None:
    before = small_site.files()
    prune(small_site.store, RECALLS, 400, dry_run=False)
    assert small_site.files() == before


def publish_two_days(store: Store) -> dict[str, Any]:
    """The site has the first day only."""
    publish_with_site(store, recall(1), day=1)
    receipt = publish_only(store, recall(1, subject="New"), day=2)
    pipeline.ledger(store)
    return receipt


def test_build_during_another_publish_has_the_newer_version(
    proxy: FaultyS3, shaky_store: Store, bucket: str
) -> None:
    receipt = publish_two_days(shaky_store)

    def other_run() -> None:
        publish_only(shaky_store, recall(1, subject="Newer"), day=3)
        pipeline.ledger(shaky_store)

    proxy.before(other_run, "PUT /" + bucket + "/site/index.html")
    build_site(shaky_store, receipt)
    assert Site(shaky_store).manifest["version"] == 3
    texts = Site(shaky_store).shard("texts")
    assert texts["subject"] == ["Newer"]


def test_build_skips_a_version_without_a_ledger(
    proxy: FaultyS3, shaky_store: Store, bucket: str
) -> None:
    receipt = publish_two_days(shaky_store)
    proxy.before(
        lambda: publish_only(shaky_store, recall(1, subject="Newer"), day=3),
        "PUT /" + bucket + "/site/index.html",
    )
    build_site(shaky_store, receipt)
    assert Site(shaky_store).manifest["version"] == 2
    assert Site(shaky_store).json("status.json")["version"] == 2
    pipeline.refresh(shaky_store)
    assert Site(shaky_store).manifest["version"] == 3


def test_outdated_build_writes_no_page(
    proxy: FaultyS3, shaky_store: Store, store: Store, bucket: str
) -> None:
    """The newer build deletes files that the outdated page would need."""
    publish_with_site(store, recall(1), day=1)
    publish_only(store, recall(1, subject="New"), day=2)
    pipeline.ledger(store)

    def other_run() -> None:
        publish_only(store, recall(1, subject="Newer"), day=3)
        pipeline.ledger(store)
        build_site(store)

    proxy.before(other_run, f"PUT /{bucket}/site/datapackage.json")
    build_site(shaky_store)
    assert f"/{bucket}/site/index.html" not in [call.path for call in proxy.changes]
    assert Site(store).manifest["version"] == 3
    assert Site(store).shard("texts")["subject"] == ["Newer"]
    assert build_site(store) == []


def test_notification_links_to_a_valid_site_url(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, recall(1), day=1)
    receipt = publish(store, recall(1, do_not_drive="Yes"), day=2)
    for address in (ADDRESS, "", "no address"):
        monkeypatch.setenv("SITE_URL", address)
        news = notice(store, receipt)
        assert news
        assert news.headline == "Vehicle recalls (made-up data): 1 now do not drive"
        has_link = address == ADDRESS
        assert ("The recalls as pages: " in news.text) == has_link
        assert (f"{ADDRESS}#/changes" in news.text.splitlines()[-1]) == has_link


def test_failed_site_task_does_not_affect_data_and_announce(
    store: Store, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_with_site(store, recall(1), day=1)
    before = Site(store).files()
    receipt = publish_only(store, recall(1, subject="New"), day=2)
    pipeline.ledger(store)
    dag = load_dag("vehicle_recalls")
    connect_lake(monkeypatch, store, s3_url)
    monkeypatch.setenv("SITE_URL", "no address")
    task = dag.get_task("site")
    context: Any = {"params": {"dry_run": False}}
    monkeypatch.setitem(task.python_callable.__globals__, "get_current_context", lambda: context)
    with pytest.raises(PermanentError, match=r"^SITE_URL is 'no address', which is not") as failed:
        task.python_callable(receipt)
    assert "\n" not in str(failed.value)
    assert rows_of_table(store)[0]["subject"] == "New"
    assert Site(store).files() == before
    assert "site" not in dag.get_task("announce").get_flat_relative_ids(upstream=True)
