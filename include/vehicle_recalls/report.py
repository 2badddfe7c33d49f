"""The report of a run and what is sent of it: the news first, then the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import pyarrow.compute as pc

from include.data.formatting import count, printable
from include.data.tables import from_parquet
from include.lake.keys import Keys
from include.lake.ledger import receipt_at
from include.lake.publish import DRY_RUN, PUBLISHED, Receipt
from include.lake.report import TEMPLATES, Preview, headline, is_made_up, render, where
from include.lake.store import Store
from include.lake.table import load_version
from include.vehicle_recalls.aggregates import AGGREGATIONS, file_name
from include.vehicle_recalls.batches import years_text
from include.vehicle_recalls.contract import RECALLS
from include.vehicle_recalls.news import DO_NOT_DRIVE, PARK_OUTSIDE, News, Recall, news_of

KEYS = Keys(RECALLS.name)
# Lines of a section on a screen, which has 60 for everything.
MAX_LINES = {
    "Do not drive": 4,
    "Park outside": 3,
    "Warnings lifted": 2,
    "New recalls": 3,
    "Returned": 2,
    "Retracted": 2,
}
MAX_WARNING_LINES = 50  # where it is not a screen; the rest are named in the last line
MAX_SUBJECT = 70
MAX_HEADLINE = 99  # Amazon SNS takes no longer subject, and only ASCII
PREVIEW_ROWS = 3
PREVIEW = ["nhtsa_id", "report_received_date", "manufacturer", "component"]


class Notice(NamedTuple):
    """What is sent of a run."""

    headline: str
    text: str  # Markdown


class Section(NamedTuple):
    title: str
    recalls: list[Recall]
    shown: list[Recall]
    left: list[Recall]
    names_all: bool


def report(store: Store, receipt: Receipt, *, is_screen: bool = True) -> str:
    """The report of one run; one that is not a screen names every recall with a warning."""
    changed = [int(year) for year in receipt["changed"]]
    facts = [f"years changed: {years_text(changed) or 'none'}"]
    for name, column in (("outdated", "known from a later read"), ("replay_of", "replay of read")):
        if value := receipt[name]:
            told = value if name == "replay_of" else years_text([int(year) for year in value])
            facts.append(f"{column}: {told}")
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
        news=_news_text(store, receipt, is_screen=is_screen),
        facts=facts,
        files=files,
        previews=previews,
    )


def write_reports(store: Store) -> list[str]:
    """Write the reports that are missing beside the data, up to the current version's."""
    current = load_version(store, KEYS.table)
    stored = store.list(KEYS.plain("reports"), recursive=False)
    written = []
    for number in range(current.receipt_number, 0, -1):
        key = KEYS.report(number)
        if key in stored:
            break
        receipt = dict(receipt_at(store, current, number))
        if receipt:
            receipt |= {"version": number, "outcome": PUBLISHED}
            store.replace(key, report(store, receipt, is_screen=False).encode())
            written.append(key)
    return written


def notice(store: Store, receipt: Receipt) -> Notice | None:
    """What to send of this run: nothing unless it committed a version that has news."""
    if receipt["outcome"] != PUBLISHED:
        return None
    news = news_of(store, receipt)
    if news.silence or news.is_empty:
        return None
    subject = "Vehicle recalls" + (" (made-up data)" if is_made_up(receipt) else "")
    lines = [
        f"# Vehicle recalls: {headline(receipt, 'row')}",
        *(["", "**This data is MADE UP.**"] if is_made_up(receipt) else []),
        "",
        _news_markdown(news, is_screen=False).strip(),
        "",
        f"The complete report: {where(store, KEYS.report(receipt['version']))}",
        "",
    ]
    return Notice(_shortened(f"{subject}: {news_headline(news)}"), "\n".join(lines))


def news_headline(news: News) -> str:
    """The news in one line, the most urgent first."""
    parts = [
        (len(news.warned.get(DO_NOT_DRIVE, ())), "now do not drive", ""),
        (len(news.warned.get(PARK_OUTSIDE, ())), "now park outside", ""),
        (len(news.lifted), "warning", " lifted"),
        (len(news.published), "new", ""),
        (len(news.republished), "returned", ""),
        (len(news.retracted), "retracted", ""),
        (news.rates.changed, "completion rate", " changed"),
        (sum(news.edits.values()), "other edit", " "),
    ]
    return ", ".join(
        (count(number, what) + rest).strip() if rest else f"{number:,} {what}"
        for number, what, rest in parts
        if number
    )


def _shortened(line: str) -> str:
    more = ", more"
    if len(line) <= MAX_HEADLINE:
        return line
    while len(line) + len(more) > MAX_HEADLINE:
        line = line.rpartition(", ")[0]
    return line + more


def _news_text(store: Store, receipt: Receipt, *, is_screen: bool) -> str:
    if receipt["outcome"] == PUBLISHED:
        news = news_of(store, receipt)
        return news.silence or _news_markdown(news, is_screen=is_screen)
    if receipt["outcome"] == DRY_RUN:
        return "A dry run: the next lines say what a run would change."
    return "No news: the table is as it was."


def _news_markdown(news: News, *, is_screen: bool) -> str:
    if news.is_empty:
        return "No news: nothing that the source says of a recall has changed."
    recalls = {
        "Do not drive": news.warned[DO_NOT_DRIVE],
        "Park outside": news.warned[PARK_OUTSIDE],
        "Warnings lifted": news.lifted,
        "New recalls": news.published,
        "Returned": news.republished,
        "Retracted": news.retracted,
    }
    rates = news.rates
    ways = {
        "up": rates.up,
        "down": rates.down,
        "reported for the first time": rates.first,
        "no longer reported": rates.removed,
    }
    environment = TEMPLATES.overlay()
    environment.filters |= {"printable": printable, "shorten": _shorten}
    return environment.get_template("vehicle_recalls/news.md.j2").render(
        headline=news_headline(news),
        sections=[_section(title, found, is_screen=is_screen) for title, found in recalls.items()],
        news=news,
        rates=", ".join(f"{number:,} {way}" for way, number in ways.items() if number),
    )


def _section(title: str, recalls: list[Recall], *, is_screen: bool) -> Section:
    names_all = not is_screen and title in {"Do not drive", "Park outside"}
    limit = MAX_WARNING_LINES if names_all else MAX_LINES[title]
    ordered = _by_manufacturer(recalls)
    shown = ordered if len(ordered) <= limit else ordered[: limit - 1]
    return Section(title, recalls, shown, ordered[len(shown) :], names_all)


def _by_manufacturer(recalls: Iterable[Recall]) -> list[Recall]:
    """A manufacturer's recalls together; the one with the most affected vehicles first."""
    affected: Counter[str] = Counter()
    for recall in recalls:
        affected[recall.manufacturer or ""] += recall.affected or 0
    return sorted(
        recalls,
        key=lambda recall: (
            -affected[recall.manufacturer or ""],
            recall.manufacturer or "",
            -(recall.affected or 0),
            recall.nhtsa_id,
        ),
    )


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_SUBJECT else f"{text[: MAX_SUBJECT - 3]}..."


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
