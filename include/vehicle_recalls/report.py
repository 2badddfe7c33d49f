"""One readable screen: the news first, then what a run read, changed and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import pyarrow as pa
import pyarrow.compute as pc

from include.first.keys import Keys
from include.first.lake import Lake
from include.first.screen import checks_told, printable
from include.vehicle_recalls.bulletin import bulletin, subject
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import ledger_state
from include.vehicle_recalls.news import is_pending, news_of
from include.vehicle_recalls.project import AGGREGATES, aggregated_version
from include.vehicle_recalls.publish import Published
from include.vehicle_recalls.screen import years_told

KEYS = Keys(CONTRACT.name)
YEARS_SHOWN = 6


class Notice(NamedTuple):
    """What is sent of a run."""

    headline: str
    text: str  # Markdown


def render(lake: Lake, run: Published, *, aggregations: bool = True, whole: bool = False) -> str:
    """The screen of one run, in Markdown; `whole` names every recall warned of, however long."""
    facts = [*_source(run), *_replay(run), *_changes(lake, run), *checks_told(run["checks"])]
    if aggregations:
        facts += _aggregations(lake)
    lines = [f"# {_title(run)}", "", *_news(lake, run, whole=whole), "", "## The run", *facts, ""]
    return "\n".join(lines)


def notice(lake: Lake, run: Published) -> Notice | None:
    """What to send of this run: nothing unless it committed a version that has news."""
    if run["version"] is None or run["dry_run"]:
        return None
    news = news_of(lake, run["version"])
    if news.silence or news.is_empty:
        return None
    what = "Vehicle recalls" + ("" if _is_official(run) else " (made-up data)")
    where = f"The whole report: s3://{lake.bucket}/{KEYS.report(run['version'])}"
    told = bulletin(news, run["version"], whole=True)
    text = [f"# {_title(run)}", "", *_marked(run, told), "", where, ""]
    return Notice(subject(what, news), "\n".join(text))


def project_reports(lake: Lake) -> list[str]:
    """Write the head's report, and those before it that were not written, or told less.

    Repeated until nothing has moved: who was slower may have written over what says more.
    """
    written = []
    while True:
        known = *ledger_state(lake), aggregated_version(lake)
        written += _project_reports(lake, *known)
        if known == (*ledger_state(lake), aggregated_version(lake)):
            return written


def _project_reports(
    lake: Lake, known: int | None, newest: int, aggregated: int | None
) -> list[str]:
    """The oldest is written first: where one is right, those before it are."""
    wrong = []
    for version in range(newest, 0, -1):
        receipt = lake.receipt(KEYS.table, version)
        if not receipt:
            continue
        made_from = {
            "version": str(version),
            "token": receipt["token"],
            "news": "pending" if is_pending(receipt, version, known) else "told",
        }
        if version == newest:  # only the head's report can show the aggregations
            made_from["aggregations"] = "told" if aggregated == version else "pending"
        if made_from.items() <= (lake.made_from(KEYS.report(version)) or {}).items():
            break
        wrong.append((version, receipt, made_from))
    for version, receipt, made_from in reversed(wrong):
        facts = {name: receipt[name] for name in Published.__annotations__ if name in receipt}
        run = cast("Published", {**facts, "version": version, "dry_run": False})
        text = render(lake, run, aggregations=version == newest == aggregated, whole=True)
        lake.project(KEYS.report(version), text.encode(), made_from)
    return [KEYS.report(version) for version, _, _ in wrong]


def _title(run: Published) -> str:
    what = "Vehicle recalls"
    if run["years_read"]:
        what += f" of {years_told(run['years_read'])}"
    rows = f"{run['counts']['rows']:,} rows"
    if run["counts"]["quarantined"]:
        rows += f", {run['counts']['quarantined']:,} in quarantine"
    if run["dry_run"]:
        would = f"would change {_count(run['changed'], 'year')}" if run["changed"] else "unchanged"
        return f"{what}: dry run, {would}; nothing was committed"
    if run["version"] is None and run.get("held_back"):
        return f"{what}: a replay, compared and not published; nothing was committed"
    if run["version"] is None and run["counts"]["not_newer"]:
        return f"{what}: the table has a later read, {rows}; nothing was committed"
    if run["version"] is None:
        return f"{what}: unchanged, {rows}; nothing was committed"
    return f"{what}: version {run['version']}, {_count(run['changed'], 'year')} changed, {rows}"


def _news(lake: Lake, run: Published, *, whole: bool) -> list[str]:
    if run["version"] is not None:
        news = news_of(lake, run["version"])
        return _marked(run, bulletin(news, run["version"], whole=whole))
    told = {name: run["counts"].get(name, 0) for name in ("published", "edited", "retracted")}
    changes = ", ".join(f"{number:,} {name}" for name, number in told.items() if number)
    if not changes:
        return ["No news: the table is as it was."]
    return _marked(run, [f"What it would do to the table: {changes}."])


def _marked(run: Published, lines: Sequence[str]) -> list[str]:
    """Nobody is to take a rehearsal for a warning."""
    return [*lines] if _is_official(run) else [f"Made-up data. {lines[0]}", *lines[1:]]


def _is_official(run: Published) -> bool:
    return run["source"]["publisher"] == "official"


def _source(run: Published) -> list[str]:
    source, counts = run["source"], run["counts"]
    lines = [
        f"- token: {run['token']}",
        f"- source: {source['dataset']}, {source['publisher']}"
        + ("" if _is_official(run) else " (this data is MADE UP)")
        + f", last changed {run['source_last_modified']}, read {run['observed_at']}",
        f"- read: {counts['landed']:,} rows = {counts['accepted']:,} accepted"
        f" + {counts['quarantined']:,} in quarantine; {counts['kept']:,} kept from before"
        + (f", {counts['not_newer']:,} left alone" if counts["not_newer"] else ""),
    ]
    if "unchanged" in counts:
        lines.append(
            f"- table: {counts['rows']:,} rows = {counts['published']:,} published"
            f" + {counts['edited']:,} edited + {counts['unchanged']:,} unchanged"
            f" + {counts['kept']:,} kept; {counts['retracted']:,} retracted"
        )
    if run["new_columns"]:
        lines.append(f"- new columns at the source, in raw only: {', '.join(run['new_columns'])}")
    if run["left_alone"]:
        lines.append(f"- left alone, known from a later read: {years_told(run['left_alone'])}")
    if run["overtaken"]:
        lines.append(
            "- changed by an older read meanwhile, which the next run mends: "
            + years_told(run["overtaken"])
        )
    return lines


def _replay(run: Published) -> list[str]:
    if not run.get("replay_of"):
        return []
    lines = [f"- replay: of read {run['replay_of']}, from the bytes that it landed"]
    if rebuilt := run.get("rebuilt"):
        new = {int(year) for year, rows in run["changed"].items() if not rows["before"]}
        said = [_count(range(rebuilt["years"]), "year")]
        if rebuilt["same_bytes"] or not new:
            said[0] += f", {rebuilt['same_bytes']:,} of them the same to the byte"
        if differ := set(rebuilt["differ"]) - new:
            said.append(f"the content differs in {years_told(differ)}")
        if new:
            said.append(f"the table had nothing of {years_told(new)} to compare with")
        if others := rebuilt["years"] - rebuilt["same_bytes"] - len(differ | new):
            why = "empty, or last written by another read or another pyarrow"
            said.append(f"the content is the same in the other {others:,} too ({why})")
        lines.append(f"- made again: {'; '.join(said)}")
    if run["held_back"]:
        lines.append(f"- held back: {run['held_back']}")
    return lines


def _changes(lake: Lake, run: Published) -> list[str]:
    where = f"s3://{lake.bucket}/"
    quarantine = (
        [f"- quarantine: {where}{KEYS.quarantine(run['token'])}"]
        if run["counts"]["quarantined"]
        else []
    )
    if not run["changed"]:
        return [f"- written: nothing; {where}{KEYS.folder} is as it was", *quarantine]
    verb = "written" if run["version"] is not None else "would change"
    lines = [f"- {verb}: {years_told(map(int, run['changed']))} in {where}{KEYS.year('{year}')}"]
    grown = {int(y): r for y, r in run["changed"].items() if r["before"] not in {0, r["after"]}}
    if grown:
        newest = sorted(grown, reverse=True)[:YEARS_SHOWN]
        told = [f"{y}: {grown[y]['before']:,} -> {grown[y]['after']:,}" for y in newest]
        if len(grown) > len(newest):
            told.append(f"and {_count(range(len(grown) - len(newest)), 'year')} before these")
        lines.append(f"- rows before and now: {', '.join(told)}")
    if run["version"] is not None:
        lines.append(f"- report: {where}{KEYS.report(run['version'])}")
    return [*lines, *quarantine]


def _aggregations(lake: Lake) -> list[str]:
    """Of each one its size and its largest row."""
    lines = []
    for name, by in AGGREGATES.items():
        if lake.made_from(KEYS.aggregate(name)) is None:
            continue
        table = lake.read_parquet(KEYS.aggregate(name))
        total = pc.sum(table["recalls"]).as_py() or 0
        lines.append(
            f"- {name}: {table.num_rows:,} rows, which sum to {total:,} recalls{_top(table, by)}"
        )
    return lines


def _top(table: pa.Table, by: Sequence[str]) -> str:
    order = [("recalls", "descending"), *((column, "ascending") for column in by)]
    for row in table.sort_by(order).slice(0, 1).to_pylist():
        return f"; most: {row['recalls']:,} " + ", ".join(printable(row[column]) for column in by)
    return ""


def _count(things: Mapping[Any, Any] | Sequence[Any], name: str) -> str:
    return f"{len(things):,} {name}{'' if len(things) == 1 else 's'}"
