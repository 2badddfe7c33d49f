"""News in words: Markdown that reads well as plain text, and never longer than a screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from include.vehicle_recalls.news import DO_NOT_DRIVE, PARK_OUTSIDE, Campaign, Move, News
from include.vehicle_recalls.screen import fitted, printable

# Lines of a section, its count of those left out with them. Together they leave a screen of 60
# lines room for the facts of the run.
LINES = {
    "Do not drive": 6,
    "Park outside": 4,
    "Warnings lifted": 2,
    "New recalls": 5,
    "Returned": 2,
    "Retracted": 3,
}
SUBJECT_LENGTH = 70


def headline(news: News) -> str:
    """The news in one line, the loudest first."""
    edited = sum(news.edits.values())
    parts = [
        (len(news.warned.get(DO_NOT_DRIVE, ())), "now do not drive"),
        (len(news.warned.get(PARK_OUTSIDE, ())), "now park outside"),
        (len(news.lifted), f"warning{_s(len(news.lifted))} lifted"),
        (len(news.published), "new"),
        (len(news.republished), "returned"),
        (len(news.retracted), "retracted"),
        (news.rates.moved, f"completion rate{_s(news.rates.moved)} moved"),
        (edited, f"other edit{_s(edited)}"),
    ]
    return ", ".join(f"{number:,} {what}" for number, what in parts if number)


def bulletin(news: News) -> list[str]:
    """The lines of the news; of a version without news one that says so, and why."""
    if news.silence or news.is_empty:
        return [news.silence or "No news: nothing that the source says of a recall has changed."]
    sections = {
        "Do not drive": news.warned[DO_NOT_DRIVE],
        "Park outside": news.warned[PARK_OUTSIDE],
        "Warnings lifted": news.lifted,
        "New recalls": news.published,
        "Returned": news.republished,
        "Retracted": news.retracted,
    }
    lines = [headline(news)]
    for title, campaigns in sections.items():
        if campaigns:
            lines += ["", f"## {title}: {len(campaigns):,}", *_shortest(campaigns, LINES[title])]
    lines += _rates(news)
    if news.edits:
        fields = ", ".join(f"{field} ({number:,})" for field, number in news.edits.items())
        lines += ["", f"Also edited: {fields}"]
    return lines


def _shortest(campaigns: list[Campaign], most: int) -> Iterator[str]:
    """At most so many lines, the last of which counts what has none."""
    ordered = _by_manufacturer(campaigns)
    told = ordered if len(ordered) <= most else ordered[: most - 1]
    yield from (_line(campaign) for campaign in told)
    if left := ordered[len(told) :]:
        makers = len({campaign.manufacturer for campaign in left})
        yield f"- and {len(left):,} more of {makers:,} manufacturer{_s(makers)}"


def _by_manufacturer(campaigns: Iterable[Campaign]) -> list[Campaign]:
    """Those of a manufacturer together; first who has the most vehicles affected by all of them."""
    affected: Counter[str] = Counter()
    for campaign in campaigns:
        affected[campaign.manufacturer or ""] += campaign.affected or 0
    return sorted(
        campaigns,
        key=lambda campaign: (
            -affected[campaign.manufacturer or ""],
            campaign.manufacturer or "",
            -(campaign.affected or 0),
            campaign.nhtsa_id,
        ),
    )


def _line(campaign: Campaign) -> str:
    known = campaign.affected is not None
    affected = f"{campaign.affected:,} affected" if known else "nobody says how many are affected"
    return f"{_name(campaign)}; {affected}" + (f"; {campaign.note}" if campaign.note else "")


def _name(campaign: Campaign) -> str:
    subject = fitted(printable(campaign.subject), SUBJECT_LENGTH)
    return f"- {printable(campaign.manufacturer)}: {printable(campaign.nhtsa_id)} {subject}"


def _rates(news: News) -> list[str]:
    rates = news.rates
    if not rates.moved:
        return []
    ways = {
        "up": rates.up,
        "down": rates.down,
        "told for the first time": rates.first,
        "no longer told": rates.gone,
    }
    counts = ", ".join(f"{number:,} {way}" for way, number in ways.items() if number)
    return ["", f"## Completion rates: {counts}", *map(_move, rates.biggest)]


def _move(move: Move) -> str:
    return f"{_name(move.campaign)}; from {move.old:g} to {move.new:g} %"


def _s(number: int) -> str:
    return "" if number == 1 else "s"
