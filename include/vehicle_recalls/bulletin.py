"""News in words: Markdown that reads well as plain text, cut to a screen where it is for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from include.first.screen import printable
from include.vehicle_recalls.news import DO_NOT_DRIVE, PARK_OUTSIDE, Campaign, Move, News
from include.vehicle_recalls.screen import fitted

COMMAND = "python -m include.vehicle_recalls changes --version"
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
# Of a warning that is not for a screen; what has no line of its own is named in the last one.
WARNING_LINES = 50
SUBJECT_LENGTH = 70
# Amazon SNS takes no longer subject, and nothing but ASCII in it.
HEADLINE_LENGTH = 99
MORE = ", more"


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


def subject(what: str, news: News) -> str:
    """The headline as a mail's subject; where it is too long its end says so."""
    line = f"{what}: {headline(news)}"
    if len(line) <= HEADLINE_LENGTH:
        return line
    while len(line) + len(MORE) > HEADLINE_LENGTH:
        line = line.rpartition(", ")[0]
    return line + MORE


def bulletin(news: News, version: int, *, whole: bool = False) -> list[str]:
    """The lines of the news; of a version without news one that says so, and why.

    They fit a screen; where they are `whole`, every recall that is warned of is named. A last line
    says how to ask for what was left out.
    """
    if news.silence or news.is_empty:
        return [news.silence or "No news: nothing that the source says of a recall has changed."]
    warnings = {
        "Do not drive": news.warned[DO_NOT_DRIVE],
        "Park outside": news.warned[PARK_OUTSIDE],
    }
    sections = warnings | {
        "Warnings lifted": news.lifted,
        "New recalls": news.published,
        "Returned": news.republished,
        "Retracted": news.retracted,
    }
    lines = [headline(news)]
    is_cut = news.rates.moved > len(news.rates.biggest)
    for title, campaigns in sections.items():
        by_name = whole and title in warnings
        most = WARNING_LINES if by_name else LINES[title]
        is_cut = is_cut or len(campaigns) > most
        if campaigns:
            lines += ["", f"## {title}: {len(campaigns):,}"]
            lines += _shortest(campaigns, most, by_name=by_name)
    lines += _rates(news)
    if news.edits:
        fields = ", ".join(f"{field} ({number:,})" for field, number in news.edits.items())
        lines += ["", f"Also edited: {fields}"]
    if is_cut:
        lines += ["", f"All of it: `{COMMAND} {version}`"]
    return lines


def _shortest(campaigns: list[Campaign], most: int, *, by_name: bool) -> Iterator[str]:
    """At most so many lines, the last of which counts what has none, and may name it too."""
    ordered = _by_manufacturer(campaigns)
    told = ordered if len(ordered) <= most else ordered[: most - 1]
    yield from (_line(campaign) for campaign in told)
    if left := ordered[len(told) :]:
        makers = len({campaign.manufacturer for campaign in left})
        names = ", ".join(printable(campaign.nhtsa_id) for campaign in left)
        yield (
            f"- and {len(left):,} more of {makers:,} manufacturer{_s(makers)}"
            + (f": {names}" if by_name else "")
        )


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
    left = rates.moved - len(rates.biggest)
    more = [f"- and {left:,} more"] if left else []
    return ["", f"## Completion rates: {counts}", *map(_move, rates.biggest), *more]


def _move(move: Move) -> str:
    return f"{_name(move.campaign)}; from {move.old:g} to {move.new:g} %"


def _s(number: int) -> str:
    return "" if number == 1 else "s"
