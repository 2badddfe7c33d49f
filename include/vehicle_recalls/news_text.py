"""The news of a version as people read it: a headline, and Markdown."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from include.data.formatting import count, printable
from include.data.templates import TEMPLATES
from include.vehicle_recalls.news import DO_NOT_DRIVE, PARK_OUTSIDE, News, Recall

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


class Section(NamedTuple):
    title: str
    recalls: list[Recall]
    shown: list[Recall]
    left: list[Recall]
    names_all: bool


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


def news_markdown(news: News, *, is_screen: bool) -> str:
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
