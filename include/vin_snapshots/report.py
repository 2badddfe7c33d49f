"""One readable screen: how many vehicles there are, and what changed since the version before."""

from __future__ import annotations

from include.first.keys import VinKeys
from include.first.lake import Lake
from include.first.screen import checks_told
from include.vin_snapshots.contract import CONTRACT
from include.vin_snapshots.publish import CHANGED, UNCHANGED, Published

KEYS = VinKeys(CONTRACT.name)


def render(lake: Lake, run: Published) -> str:
    """The screen of one run, in Markdown."""
    source, counts = run["source"], run["counts"]
    is_made_up = source["publisher"].startswith("made-up")
    lines = [
        f"# {_title(run)}",
        "",
        f"- token: {run['token']}",
        f"- source: {source['dataset']}, {source['publisher'] or 'without vehicles'}"
        + (" (this data is MADE UP)" if is_made_up else "")
        + f", exported {run['observed_at']}",
        f"- since the version before, which had {_count(counts['before'])}:"
        f" {counts['added']:,} added, {counts['removed']:,} removed, {counts['edited']:,} changed",
        f"- file: s3://{lake.bucket}/{KEYS.vehicles}",
        *checks_told(run["checks"]),
        "",
    ]
    return "\n".join(lines)


def _title(run: Published) -> str:
    what, exported = "VIN snapshots", f"{_count(run['rows'])}"
    if run["version"] is not None:
        return f"{what}: version {run['version']}, {exported}"
    if run["state"] == UNCHANGED:
        return f"{what}: unchanged, {exported}; nothing was committed"
    if run["state"] == CHANGED:
        return f"{what}: dry run, {exported}; nothing was committed"
    return f"{what}: the table has a later export; nothing was committed"


def _count(vehicles: int) -> str:
    return f"{vehicles:,} vehicle{'' if vehicles == 1 else 's'}"
