"""Full runs: the table, plain files, ledger and report."""

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from fakes.made_up_outages import ODD, USUAL
from include.data.tables import from_parquet
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.store import Store
from include.lake.table import load_version
from include.site_outages.client import KrakenFlex
from include.site_outages.contract import SITE_OUTAGES
from include.site_outages.report import report
from tests.pipelines.site_outages.conftest import run

KEYS = Keys("site_outages")
POSTED = ["id", "name", "begin", "end"]


def table(store: Store) -> pa.Table:
    found = DeltaTable(store.url(KEYS.table), storage_options=store.options).to_pyarrow_table()
    return pa.table(found).sort_by([("site_id", "ascending"), ("position", "ascending")])


def test_plain_file_has_the_accepted_list_in_order(api, store, accepted, plain) -> None:
    run(api, store)
    rows = plain(USUAL)
    assert rows.schema.equals(SITE_OUTAGES.schema, check_metadata=True)
    assert rows.select(POSTED).to_pylist() == accepted(USUAL)[0]
    assert rows["position"].to_pylist() == list(range(1, rows.num_rows + 1))
    for text, instant in (("begin", "begin_at"), ("end", "end_at")):
        texts = pc.strftime(rows[instant], "%Y-%m-%dT%H:%M:%SZ").to_pylist()
        assert [t[:23] + "Z" for t in texts] == rows[text].to_pylist()


def test_run_replaces_only_its_own_site_in_the_table(api, store, replica, plain, accepted) -> None:
    run(api, store)
    run(api, store, "kingfisher")
    first = load_version(store, KEYS.table)
    replica.day = 2
    assert run(api, store)["version"] == 3
    newest = load_version(store, KEYS.table)
    assert newest.parts["kingfisher"] == first.parts["kingfisher"]
    expected = pa.concat_tables([plain("kingfisher"), plain(USUAL)])
    assert table(store).select(SITE_OUTAGES.names).to_pylist() == expected.to_pylist()
    assert plain(USUAL).select(POSTED).to_pylist() == accepted(USUAL)[1]


def test_extended_outage_is_an_edit_in_the_ledger(api, store, replica) -> None:
    """The key is device and begin, so it does not change."""
    run(api, store)
    replica.day = 2
    receipt = run(api, store)
    assert receipt["counts"] == receipt["counts"] | {"published": 1, "edited": 1, "retracted": 0}
    rows = pa.table(
        DeltaTable(store.url(KEYS.ledger), storage_options=store.options).to_pyarrow_table()
    ).to_pylist()
    edited = {row["field"] for row in rows if row["event"] == "edited"}
    assert edited == {"end", "end_at"}
    assert {row["site_id"] for row in rows} == {USUAL}


def test_site_without_outages_has_an_empty_file(api, store, plain) -> None:
    """Runs of other sites do not change the file."""
    run(api, store, "kingfisher")
    run(api, store, "no-outages")
    assert plain("no-outages").schema.equals(SITE_OUTAGES.schema)
    assert plain("no-outages").num_rows == 0
    run(api, store)
    assert plain("no-outages").num_rows == 0
    assert store.get_if_exists("site_outages/no-devices.parquet") is None


def test_site_that_loses_its_outages_keeps_an_empty_file(api, store, plain, monkeypatch) -> None:
    run(api, store, "kingfisher")
    monkeypatch.setattr(KrakenFlex, "post_outages", lambda *_: "")
    receipt = run(api, store, "kingfisher", "2024-01-01T00:00:00Z")
    assert receipt["counts"]["retracted"] == 3
    assert table(store).num_rows == plain("kingfisher").num_rows == 0


def test_quarantined_outage_is_removed_from_the_table(api, store, plain, monkeypatch) -> None:
    """The table has only what KrakenFlex accepted, so the old row is not carried over."""
    run(api, store, "kingfisher")
    fake = KrakenFlex.site

    def nameless(self: KrakenFlex, site_id: str) -> Any:
        response = fake(self, site_id)
        body = response.content.replace(b'"Battery 2"', b"null")
        return type(response)(200, response.where, response.headers, body, body)

    monkeypatch.setattr(KrakenFlex, "site", nameless)
    posted = []
    monkeypatch.setattr(KrakenFlex, "post_outages", lambda _s, _i, body: posted.append(body) or "")
    receipt = run(api, store, "kingfisher")
    assert receipt["counts"]["quarantined"] == 1
    assert plain("kingfisher")["name"].to_pylist() == ["Battery 1", "Battery 1"]
    quarantine = from_parquet(store.get(KEYS.quarantine(receipt["read_id"])))
    assert "gives this device no name" in quarantine["reasons"][0].as_py()


def test_dry_run_posts_and_commits_nothing(api, store, accepted) -> None:
    receipt = run(api, store, dry_run=True)
    assert (receipt["outcome"], receipt["counts"]["published"]) == ("dry run", 11)
    assert {key.split("/")[1] for key in store.list("")} == {"raw", "staging", "table"}
    assert load_version(store, KEYS.table).number == -1
    assert accepted(USUAL) == []


@pytest.mark.parametrize("site", ODD)
def test_odd_site_is_posted_accepted_and_published(
    api, store, replica, accepted, plain, site
) -> None:
    replica.krakenflex.odd_sites = True
    replica.krakenflex.fails_every = 3
    run(api, store, site)
    assert replica.krakenflex.refused == {}
    posted = [row | {"end": row.get("end")} for row in accepted(site)[0]]
    assert plain(site).select(POSTED).to_pylist() == posted
    assert run(api, store, site)["outcome"] == "unchanged"


def test_report_shows_post_files_and_rows(api, store, monkeypatch) -> None:
    monkeypatch.setenv("HEADWATERS_LOCAL_FOLDER", "s3_bucket")
    screen = report(store, run(api, store, "kingfisher"))
    assert screen.startswith("# Site outages: posted 3 outages of kingfisher\n")
    assert "**This data is MADE UP.**" in screen
    assert "- table of all sites: version 1, 3 outages\n" in screen
    assert "- file: s3_bucket/site_outages/kingfisher.parquet (s3://" in screen
    assert re.search(r"list: \d+ outages = \d+ of other sites \+ 1 that began .+ \+ 3 to", screen)
    assert re.search(r"Battery 1 +2022-05-23T12:21:27\.377Z +2022-11-13T02:16:38\.905Z", screen)


def test_report_explains_why_nothing_was_posted(api, store) -> None:
    dry = report(store, run(api, store, "kingfisher", dry_run=True))
    assert dry.startswith("# Site outages: dry run, would post 3 outages of kingfisher; nothing")
    assert "would be 3 published" in dry
    assert "- file:" not in dry
    run(api, store, "kingfisher")
    screen = report(store, run(api, store, "kingfisher"))
    assert screen.startswith(
        "# Site outages: 3 outages of kingfisher, accepted before as delivery 1; nothing was posted"
    )
    assert "- table of all sites: unchanged, 3 outages; nothing was committed\n" in screen


def test_report_shows_oddities_and_the_quarantine(api, store, replica) -> None:
    replica.krakenflex.odd_sites = True
    screen = report(store, run(api, store, "malformed-timestamps"))
    assert "- quarantine: 3 rows, with the reasons in s3://" in screen
    assert "warning: nothing is odd: malformed-timestamps/" in screen
    assert 'ends "2023-02-30T00:00:00.000Z"; it is posted as it came' in screen


def test_invalid_since_is_refused_before_any_request(api, store, replica) -> None:
    with pytest.raises(PermanentError, match="`since` is '2022-01-01', not a point in time"):
        run(api, store, since="2022-01-01")
    assert replica.requests == []
