"""The report of a run and what is sent of it: the news first, then the run."""

from collections.abc import Mapping
from itertools import takewhile
from typing import Any, NamedTuple

import pyarrow.compute as pc

from include.data.formatting import printable
from include.data.tables import from_parquet
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.ledger import receipt_at
from include.lake.publish import DRY_RUN, PUBLISHED, Receipt
from include.lake.report import Preview, headline, is_made_up, render, where
from include.lake.store import Store
from include.lake.table import load_version
from include.site.files import site_url
from include.vehicle_recalls.aggregates import AGGREGATIONS, file_name
from include.vehicle_recalls.batches import years_text
from include.vehicle_recalls.contract import RECALLS
from include.vehicle_recalls.news import News, news_of
from include.vehicle_recalls.news_text import news_headline, news_markdown

KEYS = Keys(RECALLS.name)
MAX_HEADLINE = 99  # Amazon SNS takes no longer subject, and only ASCII
PREVIEW_ROWS = 3
PREVIEW = ["nhtsa_id", "report_received_date", "manufacturer", "component"]


class Notice(NamedTuple):
    """What is sent of a run."""

    headline: str
    text: str  # Markdown


class Reported(NamedTuple):
    screen: str
    notice: Notice | None


def report_run(store: Store, receipt: Receipt, *, dry_run: bool = False) -> Reported:
    """The screen of a run and what is sent of it; writes the reports that are missing."""
    news = news_of(store, receipt) if receipt["outcome"] == PUBLISHED else None
    screen = report(store, receipt, news=news)
    if not dry_run:
        write_reports(store, {receipt["version"]: news} if news else {})
    return Reported(screen, notice(store, receipt, news))


def report(
    store: Store, receipt: Receipt, *, news: News | None = None, is_screen: bool = True
) -> str:
    """The report of one run; one that is not a screen names every recall with a warning.

    `news` saves reading the version's events again.
    """
    changed = [int(year) for year in receipt["changed"]]
    facts = [f"years changed: {years_text(changed) or 'none'}"]
    for name, column in (("outdated", "known from a later read"), ("replay_of", "replay of read")):
        if value := receipt[name]:
            shown = value if name == "replay_of" else years_text([int(year) for year in value])
            facts.append(f"{column}: {shown}")
    new_columns = {c for f in receipt["facts"].values() for c in f.get("new_columns", [])}
    if new_columns:
        facts.append(f"new columns at the source, in raw only: {', '.join(sorted(new_columns))}")
    files = [f"{changed[-1]}.parquet"] if changed and receipt["outcome"] == PUBLISHED else []
    previews = []
    if is_screen:
        facts += _aggregation_facts(store)
        previews = _preview(store, files)
    if receipt["outcome"] == PUBLISHED:
        files.append(f"reports/{receipt['version']}.md")
    return render(
        store,
        RECALLS,
        receipt,
        noun="row",
        news=_news_text(store, receipt, news, is_screen=is_screen),
        facts=facts,
        files=files,
        previews=previews,
    )


def write_reports(store: Store, known: Mapping[int, News] | None = None) -> list[str]:
    """Write the reports that are missing beside the data, up to the current version's.

    `known` is the news of some versions.
    """
    current = load_version(store, KEYS.table)
    stored = store.list(KEYS.plain("reports"), recursive=False)
    numbers = range(current.receipt_number, 0, -1)
    missing = list(takewhile(lambda number: KEYS.report(number) not in stored, numbers))
    written = []
    # The oldest first: a run that is killed here leaves no gap below a report that exists.
    for number in reversed(missing):
        if receipt := dict(receipt_at(store, current, number)):
            receipt |= {"version": number, "outcome": PUBLISHED}
            text = report(store, receipt, news=(known or {}).get(number), is_screen=False)
            store.replace(KEYS.report(number), text.encode())
            written.append(KEYS.report(number))
    return written


def notice(store: Store, receipt: Receipt, news: News | None = None) -> Notice | None:
    """What to send of this run: nothing unless it committed a version that has news."""
    if receipt["outcome"] != PUBLISHED:
        return None
    news = news or news_of(store, receipt)
    if news.silence or news.is_empty:
        return None
    subject = "Vehicle recalls" + (" (made-up data)" if is_made_up(receipt) else "")
    lines = [
        f"# Vehicle recalls: {headline(receipt, 'row')}",
        *(["", "**This data is MADE UP.**"] if is_made_up(receipt) else []),
        "",
        news_markdown(news, is_screen=False).strip(),
        "",
        f"The complete report: {where(store, KEYS.report(receipt['version']))}",
        *([f"The recalls as pages: {address}#/changes"] if (address := _site()) else []),
        "",
    ]
    return Notice(_shortened(f"{subject}: {news_headline(news)}"), "\n".join(lines))


def _site() -> str:
    """A wrong address fails the task that makes the site, not the news."""
    try:
        return site_url()
    except PermanentError:
        return ""


def _shortened(line: str) -> str:
    more = ", more"
    if len(line) <= MAX_HEADLINE:
        return line
    while len(line) + len(more) > MAX_HEADLINE:
        line = line.rpartition(", ")[0]
    return line + more


def _news_text(store: Store, receipt: Receipt, news: News | None, *, is_screen: bool) -> str:
    if receipt["outcome"] == PUBLISHED:
        news = news or news_of(store, receipt)
        return news.silence or news_markdown(news, is_screen=is_screen)
    if receipt["outcome"] == DRY_RUN:
        return "A dry run: the next lines say what a run would change."
    return "No news: the table is as it was."


def _aggregation_facts(store: Store) -> list[str]:
    """Each aggregation's size and its largest row."""
    facts = []
    for name, by in AGGREGATIONS.items():
        body = store.get_if_exists(KEYS.plain(file_name(name)))
        if body is None:
            continue
        table = from_parquet(body)
        fact = f"{name}: {table.num_rows:,} rows, {pc.sum(table['recalls']).as_py() or 0:,} recalls"
        order: list[Any] = [("recalls", "descending"), *((column, "ascending") for column in by)]
        for row in table.sort_by(order).slice(0, 1).to_pylist():
            values = ", ".join(printable(row[column]) for column in by)
            fact += f"; largest: {row['recalls']:,} {values}"
        facts.append(fact)
    return facts


def _preview(store: Store, files: list[str]) -> list[Preview]:
    bodies = {name: store.get_if_exists(KEYS.plain(name)) for name in files}
    return [
        Preview(f"The first rows of {name}", from_parquet(body, PREVIEW).slice(0, PREVIEW_ROWS))
        for name, body in bodies.items()
        if body
    ]
