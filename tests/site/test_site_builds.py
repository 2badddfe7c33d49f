"""What a build of the site writes, rewrites and leaves after a failure."""

import json

import pytest

from include.errors import PermanentError
from include.lake.store import Store
from include.lake.table import load_version
from include.site.build import build_site
from include.vehicle_recalls import pipeline
from tests.faulty_s3 import FaultyS3
from tests.pipelines.vehicle_recalls.recalls import KEYS, publish, recall
from tests.site.conftest import Site, publish_only, publish_with_site

IN_2020 = {"report_received_date": "2020-05-01T00:00:00.000"}


def test_empty_lake_is_refused(store: Store) -> None:
    with pytest.raises(PermanentError, match="has no version yet, so there is no site; run the"):
        build_site(store)
    assert store.list("site") == {}


def test_outdated_ledger_is_refused_until_refresh(store: Store) -> None:
    publish_with_site(store, recall(1), day=1)
    before = Site(store).files()
    publish_only(store, recall(1, subject="New"), day=2)
    with pytest.raises(PermanentError, match=r"up to version 0, .* at version 2; run the command"):
        build_site(store)
    assert Site(store).files() == before
    assert "site/site.json" in pipeline.refresh(store)
    assert Site(store).manifest["version"] == 2


def test_unchanged_day_writes_only_the_status(proxy: FaultyS3, shaky_store: Store) -> None:
    publish_with_site(shaky_store, recall(1), day=1)
    receipt = publish_only(shaky_store, recall(1), day=2)
    assert receipt["outcome"] == "unchanged"
    seen = len(proxy.changes)
    assert build_site(shaky_store, receipt) == ["site/status.json"]
    assert [call.path for call in proxy.changes[seen:]] == [
        f"/{shaky_store.bucket}/site/status.json"
    ]
    status = Site(shaky_store).json("status.json")
    assert status["observed_at"] == "2026-06-02T11:30:43Z"
    assert (status["version"], status["outcome"]) == (1, "unchanged")
    assert status["checks"]["of"] == len(receipt["checks"])
    assert Site(shaky_store).manifest["observed_at"] == "2026-06-01T11:30:43Z"


@pytest.mark.parametrize(
    ("name", "value"), [("code_folder", "assets/other/"), ("generator", "other")]
)
def test_new_code_rebuilds_the_site(
    small_site: Site, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    before = small_site.manifest
    monkeypatch.setattr(f"include.site.build.{name}", lambda: value)
    assert "site/index.html" in build_site(small_site.store)
    assert small_site.manifest["made_from"] != before["made_from"]
    assert build_site(small_site.store) == []


def test_older_read_keeps_the_status(small_site: Site) -> None:
    newest = small_site.json("status.json")
    receipt = load_version(small_site.store, KEYS.table).receipt
    older = receipt | {"observed_at": "2026-06-01T00:00:00Z", "read_id": "older"}
    assert build_site(small_site.store, older) == []
    assert small_site.json("status.json") == newest


def test_partial_read_keeps_the_status(store: Store) -> None:
    site = Site(store)
    full = publish_with_site(store, recall(1), recall(2, **IN_2020), day=1)
    for subject, version in ((recall(1)["subject"], 1), ("New", 2)):
        partial = publish_with_site(store, recall(1, subject=subject), day=2, years=[2019])
        build_site(store, partial)
        assert site.manifest["version"] == version
        assert site.json("status.json")["read_id"] == full["read_id"]
        assert site.json("status.json")["observed_at"] == full["observed_at"]


def test_only_changed_shards_are_rewritten(proxy: FaultyS3, shaky_store: Store) -> None:
    store = shaky_store
    publish_with_site(store, recall(1), recall(2, **IN_2020), day=1)
    before = Site(store).manifest["shards"]["years"]
    seen = len(proxy.changes)
    publish_with_site(store, recall(1), recall(2, **IN_2020, subject="New"), day=2)
    written = [call.path for call in proxy.changes[seen:] if "/site/" in call.path]
    assert not [path for path in written if "/2019-" in path or "/assets/" in path]
    after = Site(store).manifest["shards"]["years"]
    assert after["2019"] == before["2019"]
    assert after["2020"] != before["2020"]


def test_recall_republished_in_another_year_leaves_the_old_shard(store: Store) -> None:
    """The old year has another recall (2020) or none (2021)."""
    in_2021, site = {"report_received_date": "2021-05-01T00:00:00.000"}, Site(store)
    other = recall(3, **IN_2020)
    publish(store, recall(1), recall(2, **IN_2020), other, recall(4, **in_2021), day=1)
    publish_with_site(store, recall(1), other, day=2)
    for number, year in ((2, "2020"), (4, "2021")):
        assert f"19V{number:06}" in site.shard("years", year)["retracted"]
    publish_with_site(store, recall(1), recall(2), other, recall(4), day=3)
    assert "2021" not in site.manifest["shards"]["years"]
    assert site.shard("years", "2020")["retracted"] == {}
    assert {"19V000002", "19V000004"} <= site.shard("years", "2019")["life"].keys()


@pytest.mark.parametrize(
    ("path", "damage"),
    [
        ("shards/2019", "missing"),
        ("shards/rows", "truncated"),
        ("files/made-up-vehicle_recalls-", "missing"),
        ("index.html", "truncated"),
    ],
)
def test_missing_or_truncated_file_is_rewritten(small_site: Site, path: str, damage: str) -> None:
    store, before = small_site.store, small_site.files()
    (found,) = [each for each in before if each.startswith(path)]
    if damage == "missing":
        store.delete([f"site/{found}"])
    else:
        store.replace(f"site/{found}", small_site.body(found)[:-1])
    assert f"site/{found}" in build_site(store)
    assert small_site.files() == before
    assert build_site(store) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("site.json", b"{"),
        ("catalog.json", b"{"),
        ("catalog.json", b'{"files": [{"path": "index.html", "bytes": 5}]}'),
        ("status.json", b'{"observed_at": null}'),
    ],
)
def test_damaged_manifest_is_rewritten(small_site: Site, path: str, body: bytes) -> None:
    before = small_site.files()
    small_site.store.replace(f"site/{path}", body)
    assert build_site(small_site.store)
    assert small_site.files() == before


def test_crash_at_any_write_leaves_a_complete_site(proxy: FaultyS3, shaky_store: Store) -> None:
    """index.html and site.json name only files that exist."""
    store = shaky_store
    publish_with_site(store, recall(1), recall(2, **IN_2020), day=1)
    publish_only(store, recall(1, subject="New"), recall(2, **IN_2020), day=2)
    pipeline.ledger(store)
    versions = set()
    for nth in range(1, 60):
        proxy.refuse_from(nth, lambda call: call.changes and "/site/" in call.path)
        try:
            build_site(store)
        except PermanentError:
            versions.add(complete_version(proxy, Site(store)))
        else:
            break
    proxy.clear()
    build_site(store)
    assert versions >= {1}
    assert complete_version(proxy, Site(store)) == 2
    assert nth > 3


def complete_version(proxy: FaultyS3, site: Site) -> int:
    """Check that all files named by the page and the manifest exist; return the version."""
    proxy.clear()
    stored, manifest = site.files(), site.manifest
    page = site.body("index.html").decode()
    inline = json.loads(page.partition('id="site">')[2].partition("</script>")[0])
    for shown in (manifest, inline):
        shards = shown["shards"]
        named = [v for v in shards.values() if isinstance(v, str)]
        named += [*shards["years"].values(), *shards["changes"].values()]
        assert set(named) <= stored.keys()
        assert f"{shown['code']}app.js" in stored
        assert len(site.json(shards["rows"])["date"]) == shown["totals"]["recalls"]
    return int(manifest["version"])


def test_old_files_are_deleted_one_build_later(store: Store) -> None:
    publish_with_site(store, recall(1), day=1)
    old = Site(store).manifest["shards"]["rows"]
    store.replace("site/shards/strange.json.gz", b"left over")
    publish_with_site(store, recall(1, subject="New", potentially_affected="7"), day=2)
    assert old in Site(store).files()  # an open page still uses it
    assert "shards/strange.json.gz" not in Site(store).files()
    publish_with_site(store, recall(1, subject="Newer", potentially_affected="8"), day=3)
    assert old not in Site(store).files()


def test_wrong_site_url_is_refused(small_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    before = small_site.files()
    monkeypatch.setenv("SITE_URL", "recalls.example.org")
    with pytest.raises(PermanentError, match=r"SITE_URL is 'recalls.*, which is not the address"):
        build_site(small_site.store)
    assert small_site.files() == before


def test_site_url_sets_absolute_links(small_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_URL", "https://recalls.example.org/us")
    build_site(small_site.store)
    base = "https://recalls.example.org/us/"
    assert f'href="{base}#/recall/19V000001"' in small_site.body("feeds/changes.atom").decode()
    assert small_site.json("feeds/changes.json")["feed_url"] == f"{base}feeds/changes.json"
    assert all(file["url"].startswith(base) for file in small_site.json("catalog.json")["files"])
    assert small_site.json("datapackage.json")["homepage"] == base
    assert f'"contentUrl":"{base}files/' in small_site.body("index.html").decode()
