"""Feeds of what changed: one entry for each recall and version, as Atom and as JSON Feed."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from include.data.diff import EDITED, PUBLISHED, REPUBLISHED, RETRACTED
from include.data.formatting import printable
from include.lake.report import is_made_up
from include.lake.store import parallel_map
from include.site.code import generator
from include.site.files import StoredSite, inputs_hash
from include.site.snapshot import Change, Snapshot
from include.site.templates import render
from include.vehicle_recalls.contract import DATE, RECALLS
from include.vehicle_recalls.news import PARK_OUTSIDE, RATE, WARNINGS

MAX_ENTRIES = 500
NEVER = "1970-01-01T00:00:00Z"  # Atom wants a time of a feed that has nothing
DAYS = 90  # a manufacturer without a change since has no feed
MAX_SLUG = 80  # a laptop's folders take names of 255 bytes
EVENTS = {PUBLISHED: "new recall", RETRACTED: "retracted", REPUBLISHED: "returned"}
ORDER = [*EVENTS, EDITED]  # within a version, after the warnings
FIELDS = {  # as the pages name them; other names are written as they are
    DATE: "Report received",
    RECALLS.key: "Campaign number",
    "recall_link": "Page at NHTSA",
    "mfr_campaign_number": "Manufacturer's number",
    "recall_type": "Type",
    "defect_summary": "What is wrong",
    "consequence_summary": "What can happen",
    "corrective_action": "Remedy",
    PARK_OUTSIDE: "Park outside",
}


class Feed(NamedTuple):
    path: str  # without the ending
    title: str
    page: str  # of the site, behind its `#`
    changes: list[Change]  # the newest first


def write_feeds(site: StoredSite, snapshot: Snapshot) -> dict[str, Any]:
    """Write every feed; returns what the manifest says of them."""
    receipt = snapshot.version.receipt
    changes = in_order(snapshot.changes)
    warned = [c for c in changes if any(f in WARNINGS and "true" in v for f, *v in c.fields)]
    by_name = by_manufacturer(changes, receipt["observed_at"])
    feeds = [
        Feed("feeds/changes", "Vehicle recalls: what changed", "/changes", changes),
        Feed("feeds/warnings", "Vehicle recalls: do not drive, park outside", "/warnings", warned),
        *{feed.path: feed for feed in by_name.values()}.values(),
    ]
    made_up = is_made_up(receipt)

    def write(feed: Feed) -> None:
        made_from = inputs_hash(generator(), site.base, made_up, feed)
        if site.keep(f"{made_from}-atom") and site.keep(f"{made_from}-json"):
            return
        atom, json_feed = render_feed(feed, snapshot.read_ids, site.base, made_up=made_up)
        site.write(f"{feed.path}.atom", atom, f"{made_from}-atom")
        site.write(f"{feed.path}.json", json_feed, f"{made_from}-json")

    parallel_map(write, feeds)
    return {
        "changes": "feeds/changes.atom",
        "warnings": "feeds/warnings.atom",
        "manufacturers": {name: f"{feed.path}.atom" for name, feed in by_name.items()},
    }


def in_order(changes: Iterable[Change]) -> list[Change]:
    """The newest version first; in it what matters most."""

    def order(c: Change) -> tuple[int, bool, int, str]:
        is_warned = any(name in WARNINGS and new == "true" for name, _, new in c.fields)
        return -c.version, not is_warned, ORDER.index(c.event), c.recall

    return sorted(changes, key=order)


def field_name(name: str) -> str:
    return FIELDS.get(name) or name.replace("_", " ").capitalize()


def by_manufacturer(changes: Iterable[Change], now: str) -> dict[str, Feed]:
    """By name; spellings that differ only in case or punctuation share a feed."""
    by_slug: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        if name := change.manufacturer:
            by_slug[_slug(name)].append(change)
    since = (datetime.fromisoformat(now) - timedelta(days=DAYS)).isoformat()
    feeds: dict[str, Feed] = {}
    for slug, found in sorted(by_slug.items()):
        if found[0].observed_at >= since:
            name = str(found[0].manufacturer)
            title = f"Vehicle recalls of {printable(name)}"
            page = f"/manufacturer/{quote(name, safe='')}"
            feed = Feed(f"feeds/manufacturers/{slug}", title, page, found)
            feeds |= {str(change.manufacturer): feed for change in found}
    return feeds


def _slug(name: str) -> str:
    """A file name for the manufacturer; with a hash for non-ASCII letters, or if it is too long."""
    words = re.sub(r"[\W_]+", "-", name.casefold()).strip("-")
    slug = re.sub(r"[^a-z0-9]+", "-", words)[:MAX_SLUG].strip("-")
    if slug and slug == words:
        return slug
    return f"{slug}-{hashlib.sha256((words or name).encode()).hexdigest()[:8]}".strip("-")


def render_feed(
    feed: Feed, read_ids: Mapping[int, str], base: str, *, made_up: bool
) -> tuple[bytes, bytes]:
    """The feed as Atom and as JSON Feed."""
    home = base or "../" * feed.path.count("/")
    own = f"{base}{feed.path}" if base else feed.path.rpartition("/")[2]
    title = f"{'MADE UP: ' if made_up else ''}{feed.title}"
    entries = [_entry(change, read_ids, home) for change in feed.changes[:MAX_ENTRIES]]
    atom = render(
        "feed.atom.j2",
        id=f"urn:headwaters:{feed.path.replace('/', ':')}",
        title=title,
        home=f"{home}#{feed.page}",
        own=f"{own}.atom",
        updated=entries[0]["date_published"] if entries else NEVER,
        entries=entries,
    )
    json_feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": title,
        "home_page_url": f"{home}#{feed.page}",
        "feed_url": f"{own}.json",
        "language": "en-US",
        "authors": [{"name": "Headwaters"}],
        "items": entries,
    }
    return atom.encode(), json.dumps(json_feed, ensure_ascii=False).encode()


def _entry(change: Change, read_ids: Mapping[int, str], home: str) -> dict[str, str]:
    what = ", ".join(what_happened(change))
    recall = f"{printable(change.manufacturer)}: {printable(change.subject)} ({change.recall})"
    return {
        "id": f"urn:headwaters:{RECALLS.name}:{read_ids[change.version]}:{change.recall}",
        "url": f"{home}#/recall/{quote(change.recall, safe='')}",
        "title": f"{what[:1].upper()}{what[1:]}: {recall}",
        "content_text": "\n".join(_line(change.event, *field) for field in change.fields),
        "date_published": change.observed_at,
    }


def what_happened(change: Change) -> Iterator[str]:
    """A change in a few words, warnings first, in the words of the news."""
    values = {name: (old, new) for name, old, new in change.fields}
    warned = {name: values.pop(name) for name in WARNINGS if "true" in values.get(name, ())}
    yield from (f"now {WARNINGS[name]}" for name, (_, new) in warned.items() if new == "true")
    lifted = [WARNINGS[name] for name, (old, _) in warned.items() if old == "true"]
    if change.event != EDITED:
        yield EVENTS[change.event]
        yield from (f"was: {words}" for words in lifted)
        return
    yield from (f"no longer: {words}" for words in lifted)
    if RATE in values:
        old, new = map(printable, values.pop(RATE))
        yield f"completion rate from {old}% to {new}%"
    if values:
        yield f"edited: {', '.join(map(field_name, values))}"


def _line(event: str, name: str, old: str | None, new: str | None) -> str:
    both = f"{printable(old)} → {printable(new)}"
    value = both if event == EDITED else printable(old if new is None else new)
    return f"{field_name(name)}: {value}"
