"""Feeds of what changed: one entry for each recall and version, as Atom and as JSON Feed."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pyarrow as pa
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.data.diff import EDITED, PUBLISHED, REPUBLISHED, RETRACTED
from include.data.formatting import printable
from include.lake.report import is_made_up
from include.lake.store import parallel_map
from include.site.code import generator
from include.site.files import StoredSite, inputs_hash
from include.site.shards import named, names_of
from include.site.snapshot import Change, Snapshot
from include.vehicle_recalls.contract import RECALLS
from include.vehicle_recalls.news import RATE, WARNINGS

MAX_ENTRIES = 500
DAYS = 90  # a manufacturer without a change since has no feed
EVENTS = {PUBLISHED: "new recall", REPUBLISHED: "returned", RETRACTED: "retracted"}
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Item(NamedTuple):
    """A change, and how its recall is named."""

    change: Change
    manufacturer: str | None
    subject: str | None


class Feed(NamedTuple):
    path: str  # without the ending
    title: str
    page: str  # of the site, behind its `#`
    items: list[Item]  # the newest first


def write_feeds(site: StoredSite, snapshot: Snapshot, rows: pa.Table, base: str) -> dict[str, Any]:
    """Write every feed; returns what the manifest says of them."""
    names = names_of(snapshot, rows)
    newest_first = sorted(snapshot.changes, key=lambda c: (-c.version, c.recall))
    items = [Item(change, *named(change, names)) for change in newest_first]
    warned = [item for item in items if _is_warning(item.change)]
    general = {
        "changes": Feed("feeds/changes", "Vehicle recalls: what changed", "/changes", items),
        "warnings": Feed(
            "feeds/warnings", "Vehicle recalls: do not drive, park outside", "/warnings", warned
        ),
    }
    of_makers = _by_manufacturer(items, snapshot.version.receipt["observed_at"])
    feeds = [*general.values(), *{feed.path: feed for feed in of_makers.values()}.values()]
    parallel_map(lambda feed: _write(site, snapshot, feed, base), feeds)
    return {
        **{name: f"{feed.path}.atom" for name, feed in general.items()},
        "manufacturers": {name: f"{feed.path}.atom" for name, feed in of_makers.items()},
    }


def _is_warning(change: Change) -> bool:
    return any(name in WARNINGS and "true" in (old, new) for name, old, new in change.fields)


def _by_manufacturer(items: Iterable[Item], now: str) -> dict[str, Feed]:
    """By name; spellings that differ in letters and signs alone share a feed."""
    by_slug: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.manufacturer:
            by_slug[_slug(item.manufacturer)].append(item)
    since = (datetime.fromisoformat(now) - timedelta(days=DAYS)).isoformat()
    feeds: dict[str, Feed] = {}
    for slug, found in sorted(by_slug.items()):
        if found[0].change.observed_at < since:
            continue
        newest = str(found[0].manufacturer)
        page = f"/manufacturer/{quote(newest, safe='')}"
        title = f"Vehicle recalls of {printable(newest)}"
        feed = Feed(f"feeds/manufacturers/{slug}", title, page, found)
        feeds |= {str(item.manufacturer): feed for item in found}
    return feeds


def _slug(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")
    return slug or hashlib.sha256(name.encode()).hexdigest()[:8]


def _write(site: StoredSite, snapshot: Snapshot, feed: Feed, base: str) -> None:
    feed = feed._replace(items=feed.items[:MAX_ENTRIES])
    made_up = is_made_up(snapshot.version.receipt)
    inputs = inputs_hash([generator(), base, made_up, feed])
    known = {f"{feed.path}.{ending}": f"{inputs}-{ending}" for ending in ("atom", "json")}
    if all(site.made_from(made_from) == path for path, made_from in known.items()):
        for path in known:
            site.keep(path)
        return
    home = base or "../" * feed.path.count("/")
    shown = {
        "id": f"urn:headwaters:{feed.path.replace('/', ':')}",
        "title": f"{'MADE UP: ' if made_up else ''}{feed.title}",
        "home": f"{home}#{feed.page}",
        "updated": feed.items[0].change.observed_at if feed.items else snapshot.first_observed_at,
        "entries": [_entry(item, snapshot.read_ids, home) for item in feed.items],
    }
    atom = f"{feed.path}.atom"
    own = f"{base}{feed.path}" if base else feed.path.rpartition("/")[2]
    body = TEMPLATES.get_template("feed.atom.j2").render(**shown, own=f"{own}.atom")
    site.write(atom, body.encode(), known[atom])
    path = f"{feed.path}.json"
    site.write(path, _json_feed(shown, f"{own}.json"), known[path])


def _entry(item: Item, read_ids: Mapping[int, str], home: str) -> dict[str, str]:
    change = item.change
    what = f"{printable(item.manufacturer)}: {printable(item.subject)} ({change.recall})"
    return {
        "id": f"urn:headwaters:{RECALLS.name}:{read_ids[change.version]}:{change.recall}",
        "title": f"{_capital(what_happened(change))}: {what}",
        "link": f"{home}#/recall/{quote(change.recall, safe='')}",
        "at": change.observed_at,
        "text": "\n".join(_line(change.event, *field) for field in change.fields),
    }


def what_happened(change: Change) -> str:
    """A change in a few words, warnings first, in the words of the news."""
    values = {name: (old, new) for name, old, new in change.fields}
    given = [f"now {w}" for f, w in WARNINGS.items() if values.get(f, ("", ""))[1] == "true"]
    taken = [words for flag, words in WARNINGS.items() if values.get(flag, ("",))[0] == "true"]
    if change.event != EDITED:
        return ", ".join([*given, EVENTS[change.event], *(f"was: {words}" for words in taken)])
    parts = [*given, *(f"no longer: {words}" for words in taken)]
    if RATE in values:
        old, new = (printable(value) for value in values[RATE])
        parts.append(f"completion rate from {old} to {new} %")
    others = [name.replace("_", " ") for name in values if name not in {*WARNINGS, RATE}]
    edited = [name for name in WARNINGS if "true" not in values.get(name, ("true",))]
    others += [name.replace("_", " ") for name in edited]
    return ", ".join([*parts, *([f"edited: {', '.join(others)}"] if others else [])])


def _line(event: str, name: str, old: str | None, new: str | None) -> str:
    value = f"{printable(old)} → {printable(new)}"
    if event != EDITED:
        value = printable(old if new is None else new)
    return f"{name.replace('_', ' ')}: {value}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _json_feed(shown: Mapping[str, Any], own: str) -> bytes:
    entries: Sequence[Mapping[str, str]] = shown["entries"]
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": shown["title"],
        "home_page_url": shown["home"],
        "feed_url": own,
        "language": "en-US",
        "authors": [{"name": "Headwaters"}],
        "items": [
            {
                "id": entry["id"],
                "url": entry["link"],
                "title": entry["title"],
                "content_text": entry["text"],
                "date_published": entry["at"],
            }
            for entry in entries
        ],
    }
    return json.dumps(feed, ensure_ascii=False).encode()
