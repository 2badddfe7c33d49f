"""The page as text: each kind of answer is told in its own words."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape

import pytest

from include.vin_service.answers import NOTE
from include.vin_service.page import HEADERS, MOST_VINS, Card, day, lines_of, render, sentence
from tests.vin_service.example_cards import (
    ACCORD,
    BRONCO,
    CHANGE,
    EVERY_KIND,
    LOUD,
    RETRY,
    UNKNOWN,
    lake,
    recall,
)

NO_RECALLS = "lists none"
COULD_NOT_ASK = "We could not ask"


def shown(
    *cards: Card, asked: str = "", vehicles: int | None = 3, made_up: str | None = None
) -> str:
    """The text that a person reads, without tags and with single spaces."""
    html = render(asked, cards, vehicles, made_up).split("</style>")[1]
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", html).split()))


def accord(**more: object) -> Card:
    return Card(ACCORD.vin, 200, vehicle=ACCORD, **more)


def test_lines_are_what_was_asked() -> None:
    """Spaces around a line, empty lines and repetitions are not asked."""
    assert lines_of(" A \r\n\n\tB\nA\n   \nC D") == ["A", "B", "C D"]


def test_what_is_beyond_a_page_is_said() -> None:
    """Fifty are answered; how many were left out is told, and never silently."""
    full = "\n".join(map(str, range(MOST_VINS)))
    assert len(lines_of(full + "\nmore\nand more")) == MOST_VINS
    assert "2 more were left out" in shown(asked=full + "\nmore\nand more")
    assert "left out" not in shown(asked=full)


def test_a_car_shows_its_five_facts() -> None:
    """VIN, make, model, year and body class are there, and where they came from."""
    text = shown(accord(state="hit", recalls=[]))
    for fact in [*ACCORD[:5], "from the cache"]:
        assert fact in text


def test_no_recalls_and_could_not_ask_are_never_confused() -> None:
    """An empty list is told as none, a missing one as not asked, neither as the other."""
    none, unasked = shown(accord(recalls=[])), shown(accord(recalls_detail="NHTSA is down"))
    assert NO_RECALLS in none
    assert COULD_NOT_ASK not in none
    assert COULD_NOT_ASK in unasked
    assert "NHTSA is down" in unasked
    assert NO_RECALLS not in unasked


def test_not_known_and_could_not_ask_are_never_confused() -> None:
    """A 404 says why there is no car; a 503 says that nothing is said about the VIN."""
    unknown, trouble = shown(Card("1ABC", 404, UNKNOWN)), shown(Card("1ABC", 503, RETRY))
    assert "No car found" in unknown
    assert UNKNOWN[1:] in unknown
    assert COULD_NOT_ASK not in unknown
    assert COULD_NOT_ASK in trouble
    assert RETRY in trouble
    assert "No car found" not in trouble


@pytest.mark.parametrize("recalls", [[], [recall()]], ids=["none", "one"])
def test_recalls_are_of_the_model(recalls: list[dict[str, object]]) -> None:
    """With recalls or without, the page says that this is not this car's repair status."""
    assert NOTE in shown(accord(recalls=recalls))


@pytest.mark.parametrize(
    ("changed", "warnings"),
    [
        ({}, []),
        ({"park_it": None, "park_outside": None}, []),
        ({"park_it": True}, ["Do not drive:"]),
        ({"lake": lake(do_not_drive=True)}, ["Do not drive:"]),
        ({"park_outside": True}, ["Park outside:"]),
        ({"park_it": True, "park_outside": True}, ["Do not drive:", "Park outside:"]),
    ],
    ids=["quiet", "not said", "park it", "lake says so", "park outside", "both"],
)
def test_danger_is_loud(changed: dict[str, object], warnings: list[str]) -> None:
    """What forbids to drive or to park inside stands before the recalls, and only then."""
    text = shown(accord(recalls=[recall(**changed)]))
    assert [w for w in ("Do not drive:", "Park outside:") if w in text] == warnings


def test_the_loudest_recall_is_first_and_then_the_newest() -> None:
    """Neither the order of NHTSA nor a missing date hides what matters."""
    rows = [
        recall(nhtsa_id="UNDATED", report_received_date=None),
        recall(nhtsa_id="OLD", report_received_date="2001-01-01"),
        recall(nhtsa_id="NEW", report_received_date="2026-01-01"),
        recall(nhtsa_id="OUTSIDE", report_received_date="1999-01-01", park_outside=True),
        recall(nhtsa_id="PARKED", report_received_date="1998-01-01", park_it=True),
    ]
    text = shown(accord(recalls=rows))
    assert re.findall(r"campaign (\w+)", text) == ["PARKED", "OUTSIDE", "NEW", "OLD", "UNDATED"]


def test_a_recall_is_told_whole() -> None:
    """Date, campaign, component, texts and what the lake adds are all there."""
    text = shown(accord(recalls=[LOUD]))
    for said in (
        "14 November 2025",
        "25V788000",
        LOUD["component"],
        LOUD["summary"],
        LOUD["consequence"],
        LOUD["remedy"],
        "73.4 %",
        "First seen on 2 March 2026",
        "20 May 2026",
        CHANGE["old"],
        CHANGE["new"],
    ):
        assert said in text, said


def test_what_was_there_from_the_start_is_not_called_new() -> None:
    """A recall of the baseline has no day on which it was first seen by us."""
    text = shown(accord(recalls=[recall(lake=lake(at_baseline=True))]))
    assert "It was there when we first looked" in text
    assert "First seen" not in text


def test_why_the_lake_adds_nothing_is_said() -> None:
    """A lake that could not be read is said, one that was read is not."""
    assert "the lake could not be read" in shown(
        accord(recalls=[recall()], lake="the lake could not be read")
    )
    assert "Without what" not in shown(accord(recalls=[recall()], lake="version 3"))


def test_warnings_of_the_vehicle() -> None:
    """A wrong check digit and an old answer are said; a good new one carries neither."""
    bad = shown(Card(BRONCO.vin, 200, vehicle=BRONCO, state="stale", recalls=[]))
    assert "check digit does not fit" in bad
    assert "vPIC could not be asked just now" in bad
    good = shown(accord(recalls=[]))
    assert "check digit" not in good
    assert "just now." not in good


@pytest.mark.parametrize(
    ("vehicles", "said"),
    [
        (0, "all 0 vehicles"),
        (1, "the one vehicle"),
        (1234, "all 1,234 vehicles"),
        (None, "all vehicles"),
    ],
)
def test_the_download_says_how_many(vehicles: int | None, said: str) -> None:
    """The link to the export has the number of vehicles where it is known."""
    assert said in shown(vehicles=vehicles)


def test_made_up_data_has_a_banner() -> None:
    """Made-up data says so first of all, real data never."""
    assert shown(made_up="seed=1").startswith("Made-up data")
    assert "ade-up" not in shown(*EVERY_KIND)


def test_what_others_write_is_text() -> None:
    """Markup in a line, in an error, in vPIC's or in NHTSA's words is shown and not obeyed."""
    evil = "</textarea><script>x</script>\"'><img src=x onerror=x>"
    car = ACCORD._replace(make=evil, body_class=evil)
    change = CHANGE | {"old": evil, "new": evil, "field": evil}
    row = recall(**dict.fromkeys(("component", "summary", "nhtsa_id", "remedy"), evil))
    row |= {"report_received_date": evil, "lake": lake(first_seen=evil, changes=[change])}
    html = render(
        evil,
        [Card(evil, 404, evil), Card(evil, 200, vehicle=car, recalls=[row], lake=evil)],
        1,
        evil,
    )
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("</textarea>") == 1
    assert not re.search(r'="[^"]*"\s*\'>', html)


def test_nothing_runs_and_nothing_is_fetched() -> None:
    """The policy forbids scripts and other hosts, and knows the one style by its hash."""
    policy = HEADERS["Content-Security-Policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", render("", EVERY_KIND, 1, None), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_days_and_sentences_read_well() -> None:
    """A date is written out, what is none stays; a sentence begins and ends as one."""
    assert day("2026-03-02T08:15:00Z") == "2 March 2026"
    assert day("soon") == "soon"
    assert sentence("a VIN has 17 characters") == "A VIN has 17 characters."
    assert sentence("vPIC is down.") == "vPIC is down."
