"""The files of a site match the table and the ledger."""

import hashlib
import json
import re

import pyarrow as pa
from deltalake import DeltaTable

from include.site.templates import script_json
from tests.pipelines.vehicle_recalls.recalls import KEYS, rows_of_table
from tests.site.conftest import HOSTILE, Site

DAYS = {day: f"2026-06-0{day}T11:30:43Z" for day in (1, 2, 3)}


def test_totals_match_the_table(site: Site) -> None:
    rows = rows_of_table(site.store)
    totals, shard = site.manifest["totals"], site.shard("rows")
    assert totals == {
        "recalls": len(rows),
        "affected": sum(row["potentially_affected"] for row in rows),
        "do_not_drive": sum(bool(row["do_not_drive"]) for row in rows),
        "park_outside": sum(bool(row["fire_risk_when_parked"]) for row in rows),
    }
    assert sum(shard["affected"]) == totals["affected"]
    assert [flag & 1 for flag in shard["flags"]].count(1) == totals["do_not_drive"]


def test_rows_texts_and_rates_have_the_same_order(site: Site) -> None:
    rows = {row["nhtsa_id"]: row for row in rows_of_table(site.store)}
    shard, texts, rates = (site.shard(name) for name in ("rows", "texts", "rates"))
    day = 0
    for index, key in enumerate(texts["id"]):
        day += shard["date"][index]
        row = rows.pop(key)
        assert day == (row["report_received_date"] - pa.scalar(0, pa.date32()).as_py()).days
        assert shard["manufacturers"][shard["manufacturer"][index]] == row["manufacturer"]
        assert texts["subject"][index] == row["subject"]
        assert rates["completion"][index] == row["completion_rate"]
    assert not rows


def test_year_shard_has_full_recalls_and_their_history(site: Site) -> None:
    shard = site.shard("years", "2019")
    rows = [dict(zip(shard["columns"], row, strict=True)) for row in shard["rows"]]
    table = [row for row in rows_of_table(site.store) if row["report_received_date"].year == 2019]
    assert rows == [row | {"report_received_date": "2019-02-03"} for row in table]
    first, second = shard["life"]["19V000001"]
    assert first[:3] == [2, DAYS[2], "edited"]
    assert ["do_not_drive", "false", "true"] in first[3]
    assert second == [3, DAYS[3], "edited", [["completion_rate", "50", "60"]]]
    assert shard["retracted"]["19V000003"]["fire_risk_when_parked"] is True
    assert shard["retracted"]["19V000003"]["potentially_affected"] == 100
    assert shard["life"]["19V000003"][-1][2] == "retracted"


def test_changes_match_the_ledger(site: Site) -> None:
    ledger = DeltaTable(site.store.url(KEYS.ledger), storage_options=site.store.options)
    events = pa.table(ledger.to_pyarrow_table()).to_pylist()
    shard = site.shard("changes", "2026-06")
    shown = [
        (version, key, event, *field)
        for version, key, _, _, event, fields in shard["events"]
        for field in fields
    ]
    names = ("version", "nhtsa_id", "event", "field", "old", "new")
    assert sorted(map(str, shown)) == sorted(str(tuple(e[n] for n in names)) for e in events)
    assert shard["versions"] == [[2, DAYS[2]], [3, DAYS[3]]]
    assert {event[2] for event in shard["events"] if event[1] == "19V000003"} == {
        "Ford Motor Company"
    }


def test_warnings_have_the_dates_of_the_ledger(site: Site) -> None:
    found = {
        (each["id"], each["flag"]): (each["began_at"], each["lifted_at"], each["retracted"])
        for each in site.shard("warnings")
    }
    assert found == {
        ("19V000001", "do_not_drive"): (DAYS[2], None, False),
        ("19V000002", "do_not_drive"): (None, DAYS[2], False),
        ("19V000003", "fire_risk_when_parked"): (None, DAYS[3], True),
    }


def test_spellings_of_a_manufacturer_are_grouped(site: Site) -> None:
    names = site.shard("rows")["manufacturers"]
    (same,) = site.shard("manufacturers")["same_name"]
    assert sorted(names[index] for index in same) == ["TESLA, INC.", "Tesla Inc"]


def test_file_names_contain_the_content_hash(site: Site) -> None:
    hashed = [path for path in site.files() if path.startswith(("shards/", "files/"))]
    assert len(hashed) > 10
    for path in hashed:
        digest = hashlib.sha256(site.body(path)).hexdigest()[:16]
        assert re.search(r"-([0-9a-f]{16})\.", path)[1] == digest, path  # type: ignore[index]


def test_catalog_has_size_and_hash_of_each_file(site: Site) -> None:
    listed = {file["path"]: file for file in site.json("catalog.json")["files"]}
    for path, file in listed.items():
        body = site.body(path)
        assert (file["bytes"], file["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    assert listed.keys() <= site.files().keys()
    assert {"index.html", "datapackage.json", "feeds/changes.atom"} <= listed.keys()


def test_files_have_their_content_types(site: Site, s3: object) -> None:
    for path, kind in {
        "index.html": "text/html; charset=utf-8",
        "site.json": "application/json",
        "feeds/changes.atom": "application/atom+xml",
        "feeds/changes.json": "application/feed+json",
        f"{site.manifest['code']}app.js": "text/javascript; charset=utf-8",
        f"{site.manifest['code']}style.css": "text/css; charset=utf-8",
        site.manifest["shards"]["rows"]: "application/gzip",
    }.items():
        found = s3.head_object(Bucket=site.store.bucket, Key=f"site/{path}")  # type: ignore[attr-defined]
        assert found["ContentType"] == kind, path
        assert "ContentEncoding" not in found, path


def test_page_and_feeds_escape_publisher_text(site: Site) -> None:
    page = site.body("index.html").decode()
    assert "alert(1)" not in page.replace("\\u003cscript", "")
    for path in ("feeds/changes.atom", "feeds/warnings.atom"):
        feed = site.body(path).decode()
        assert "&lt;script&gt;" in feed
        assert "<script" not in feed
        assert not set(HOSTILE) & set(feed) & {"\u202e", "\x0b"}


def test_script_json_cannot_close_its_element() -> None:
    hostile = {"</script><!--": "<script>&amp;\u2028"}
    assert not set("<>&") & set(script_json(hostile))
    assert json.loads(script_json(hostile)) == hostile
