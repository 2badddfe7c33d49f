"""One readable screen: what was posted, what was left out and why, what is odd."""

from __future__ import annotations

from include.first.keys import OutageKeys
from include.first.lake import Lake
from include.first.screen import checks_told, printable
from include.site_outages.contract import CONTRACT
from include.site_outages.publish import CHANGED, Published

KEYS = OutageKeys(CONTRACT.name)


def render(lake: Lake, run: Published) -> str:
    """The screen of one run, in Markdown."""
    source, counts = run["source"]["publisher"], run["counts"]
    where = f"s3://{lake.bucket}/{KEYS.site(run['site_id'])}"
    lines = [
        f"# {_title(run)}",
        "",
        *([] if source == "official" else ["Made-up data.", ""]),
        f"- token: {run['token']}",
        f"- source: KrakenFlex, {source}, read {run['observed_at']}",
        f"- site: {run['site_id']}, {printable(run['site_name'])}; since {run['since']}",
        f"- outages: {counts['listed']:,} listed = {counts['of_others']:,} of other sites"
        f" + {counts['too_early']:,} that began earlier + {counts['repeated']:,} listed twice"
        f" + {counts['set_aside']:,} set aside + {counts['posted']:,} that count",
        f"- KrakenFlex: {run['why']}; payload {run['payload'][:12]}",
        f"- table: {_table(run)}",
        f"- file: {where}",
        *checks_told(run["checks"]),
        f"- odd: {counts['oddities']:,}" if counts["oddities"] else "- odd: nothing",
        *(f"  - {oddity}" for oddity in run["oddities"]),
        "",
    ]
    return "\n".join(lines)


def _title(run: Published) -> str:
    what = f"Outages of {run['site_id']}"
    outages = f"{run['counts']['posted']:,} outage{'' if run['counts']['posted'] == 1 else 's'}"
    if run["dry_run"]:
        return f"{what}: dry run, {outages}; nothing was posted, nothing was published"
    if run["posted"]:
        return f"{what}: {outages} posted"
    return f"{what}: {outages}, accepted before; nothing was posted"


def _table(run: Published) -> str:
    if run["version"] is not None:
        return f"version {run['version']}"
    if run["state"] == CHANGED:
        return "would change"
    return f"{run['state']}, nothing was committed"
