"""The Atom and JSON feeds, read by independent parsers."""

import re
from typing import Any

import feedparser
import jsonschema
import pytest

from include.lake.table import read_receipt
from include.site import code, feeds
from include.site.snapshot import Change
from tests.pipelines.vehicle_recalls.recalls import KEYS
from tests.site.conftest import Site
from tests.site.json_feed import SCHEMA

ALL = ("changes", "warnings", "manufacturers/ford-motor-company", "manufacturers/tesla-inc")


def entries(site: Site, name: str) -> list[Any]:
    feed = feedparser.parse(site.body(f"feeds/{name}.atom"))
    assert not feed.bozo, feed.get("bozo_exception")
    assert feed.version == "atom10"
    assert feed.feed.title.startswith("MADE UP: Vehicle recalls")
    return list(feed.entries)


@pytest.mark.parametrize("name", ALL)
def test_feed_is_valid_and_atom_matches_json(site: Site, name: str) -> None:
    atom, feed = entries(site, name), site.json(f"feeds/{name}.json")
    jsonschema.Draft202012Validator(SCHEMA).validate(feed)
    assert [entry.id for entry in atom] == [item["id"] for item in feed["items"]]
    assert [entry.updated for entry in atom] == [i["date_published"] for i in feed["items"]]
    assert atom


def test_changes_feed_has_one_entry_per_recall_and_version(site: Site) -> None:
    """Ids are stable: they name the read and the recall."""
    read_ids = {n: read_receipt(site.store, KEYS.table, n)["read_id"] for n in (2, 3)}
    shard = site.shard("changes", "2026-06")
    wanted = [
        f"urn:headwaters:vehicle_recalls:{read_ids[version]}:{recall}"
        for version, recall, *_ in shard["events"]
    ]
    assert sorted(entry.id for entry in entries(site, "changes")) == sorted(wanted)
    assert len(wanted) == len(set(wanted)) == 5


def test_entries_and_feeds_have_the_time_of_the_read(site: Site) -> None:
    feed = feedparser.parse(site.body("feeds/changes.atom"))
    second, third = "2026-06-02T11:30:43Z", "2026-06-03T11:30:43Z"
    assert [entry.updated for entry in feed.entries] == [third] * 2 + [second] * 3
    assert feed.feed.updated == third


def test_titles_describe_the_change(site: Site) -> None:
    titles = [entry.title for entry in entries(site, "changes")]
    assert titles[0] == (
        "Retracted, was: park outside: Ford Motor Company: Brake hose may crack (19V000003)"
    )
    assert titles[1].startswith("Completion rate from 50% to 60%: Ford Motor Company: ")
    assert titles[2].startswith("Now do not drive, edited: Subject: Ford Motor Company: <script>")
    assert titles[3].startswith("New recall: Tesla Inc: ")
    assert titles[4].startswith("No longer: do not drive: TESLA, INC.: ")


def test_entries_of_a_version_are_sorted_by_importance() -> None:
    warning = [("do_not_drive", "false", "true")]
    changes = [
        Change(version, "2026-06-03T00:00:00Z", event, "2019", event, "Ford", "S", fields)
        for version in (2, 3)
        for event, fields in (
            ("edited", []),
            ("republished", []),
            ("retracted", [("do_not_drive", "true", None)]),
            ("published", []),
        )
    ]
    warned = changes[0]._replace(recall="warned", fields=warning)
    found = [(c.version, c.recall) for c in feeds.in_order([*changes, warned])]
    rest = ["published", "retracted", "republished", "edited"]
    assert found == [(3, name) for name in rest] + [(2, name) for name in ["warned", *rest]]


def test_field_names_match_the_pages(site: Site) -> None:
    script = (code.STATIC / "js" / "format.js").read_text(encoding="utf-8")
    names = dict(re.findall(r'^  (\w+): "(.+)",$', script.partition("};")[0], re.MULTILINE))
    assert len(names) > 10
    assert {name: feeds.field_name(name) for name in names} == names
    texts = [entry.summary for entry in entries(site, "changes")]
    assert "Park outside: true" in texts[0]
    assert "Remedy: Dealers replace the hose." in texts[0]


def test_warnings_feed_has_only_warning_changes(site: Site) -> None:
    found = [entry.id.rpartition(":")[2] for entry in entries(site, "warnings")]
    assert found == ["19V000003", "19V000001", "19V000002"]


def test_spellings_of_a_manufacturer_share_a_feed(site: Site) -> None:
    of_names = site.manifest["feeds"]["manufacturers"]
    assert of_names == {
        "Ford Motor Company": "feeds/manufacturers/ford-motor-company.atom",
        "TESLA, INC.": "feeds/manufacturers/tesla-inc.atom",
        "Tesla Inc": "feeds/manufacturers/tesla-inc.atom",
    }
    assert {entry.id[-9:] for entry in entries(site, "manufacturers/tesla-inc")} == {
        "19V000002",
        "19V000004",
    }


def test_feed_links_to_the_pages(site: Site) -> None:
    feed = site.json("feeds/changes.json")
    assert feed["home_page_url"] == "../#/changes"
    assert feed["items"][0]["url"] == "../#/recall/19V000003"
    of_maker = site.json("feeds/manufacturers/tesla-inc.json")
    assert of_maker["home_page_url"].startswith("../../#/manufacturer/Tesla%20Inc")


def change(name: str, observed_at: str = "2026-06-03T00:00:00Z") -> Change:
    return Change(2, observed_at, "19V000001", "2019", "edited", name, "Subject", [])


def test_manufacturer_without_changes_in_90_days_has_no_feed() -> None:
    changes = [change("New", "2026-03-05T00:00:00Z"), change("Old", "2026-03-04T23:59:59Z")]
    assert list(feeds.by_manufacturer(changes, "2026-06-03T00:00:00Z")) == ["New"]


def test_feed_has_the_newest_500_entries() -> None:
    changes = [*[change("Ford")] * 500, change("Ford", "2026-06-01T00:00:00Z")]
    many = feeds.Feed("feeds/x", "X", "/", changes)
    atom, _ = feeds.render_feed(many, {2: "read"}, base="", made_up=True)
    assert atom.count(b"<entry>") == 500
    assert b"2026-06-01" not in atom


@pytest.mark.parametrize(
    ("name", "other", "is_one"),
    [
        ("TESLA, INC.", "Tesla Inc", True),
        ("ŠKODA", "Škoda.", True),
        ("Škoda", "Koda", False),
        ("比亚迪 AUTO", "吉利 AUTO", False),
        (f"{'N' * 300} A", f"{'N' * 300} B", False),
        ("..", "--", False),
    ],
)
def test_names_with_different_letters_have_separate_feeds(
    name: str, other: str, *, is_one: bool
) -> None:
    found = feeds.by_manufacturer([change(name), change(other)], "2026-06-03T00:00:00Z")
    paths = {feed.path for feed in found.values()}
    assert len(paths) == (1 if is_one else 2)
    assert all(re.fullmatch(r"feeds/manufacturers/[a-z0-9-]{1,90}", path) for path in paths)
