"""The page at `/`: VINs in, cars and their recalls out, as plain HTML without a script."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined

from include.vin_service.answers import NOTE
from include.vin_service.decoding import Vehicle

MOST_VINS = 50
OFFICIAL = "https://www.nhtsa.gov/recalls"


class Card(NamedTuple):
    """What came of one line that was asked: a vehicle, or why there is none.

    `recalls` are rows as in the answer of `/recalls`; None means that nobody could be asked, and
    `recalls_detail` says why.
    """

    asked: str
    status: int  # 200, 404 or 503
    detail: str = ""
    vehicle: Vehicle | None = None
    state: str = "miss"  # hit, miss or stale
    recalls: Sequence[Mapping[str, Any]] | None = None
    recalls_detail: str = ""
    lake: str | None = None


def lines_of(text: str) -> list[str]:
    """What was asked for, a line each and each once; what is beyond a page is told by it."""
    return _all_lines(text)[:MOST_VINS]


def render(asked: str, cards: Sequence[Card], vehicles: int | None, made_up: str | None) -> str:
    """The whole page; `vehicles` are those in the cache, `made_up` says from which seed."""
    return PAGE.render(
        asked=asked,
        cards=[card._replace(recalls=_by_weight(card.recalls)) for card in cards],
        left_out=max(0, len(_all_lines(asked)) - MOST_VINS),
        vehicles=vehicles,
        made_up=made_up,
        most=MOST_VINS,
        note=NOTE,
        official=OFFICIAL,
    )


def park_it(recall: Mapping[str, Any]) -> bool:
    """What NHTSA says today, or said in the data that the lake has: the louder one counts."""
    return bool(recall.get("park_it") or (recall.get("lake") or {}).get("do_not_drive"))


def loud(recall: Mapping[str, Any]) -> bool:
    return park_it(recall) or bool(recall.get("park_outside"))


def day(text: object) -> str:
    """`2025-11-14T08:00:00Z` as people write it; what is no date stays as it is."""
    try:
        found = date.fromisoformat(str(text)[:10])
    except ValueError:
        return str(text)
    return f"{found.day} {found:%B %Y}"


def sentence(text: str) -> str:
    """An error's line as people write one; names such as vPIC keep their small letter."""
    first, _, rest = text.partition(" ")
    begun = (first.capitalize() if first.islower() else first) + (f" {rest}" if rest else "")
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."


def _by_weight(recalls: Sequence[Mapping[str, Any]] | None) -> list[Mapping[str, Any]] | None:
    """What forbids to drive or to park first, then the newest."""
    if recalls is None:
        return None
    return sorted(
        recalls, key=lambda r: (park_it(r), loud(r), r["report_received_date"] or ""), reverse=True
    )


def _all_lines(text: str) -> list[str]:
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def _page() -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"day": day, "sentence": sentence}
    environment.tests |= {"loud": loud, "park_it": park_it}
    return environment


def _allowed(html: str) -> str:
    """A policy under which nothing runs and nothing is fetched; its one style is known by hash."""
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in styles]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; style-src {allowed}; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


TEXT = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
PAGE = _page().from_string(TEXT)
HEADERS = {
    "Content-Security-Policy": _allowed(TEXT),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
