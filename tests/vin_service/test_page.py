"""The page as text: each kind of answer in its own words."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from include.vin_service.page import MAX_VINS, day, render, sentence
from include.vin_service.recalls import NOTE
from include.vin_service.settings import Settings
from tests.vin_service.conftest import Service, Start, changed
from tests.vin_service.example_cards import (
    CAR,
    CHANGE,
    EVERY_KIND,
    LOUD,
    RETRY,
    UNKNOWN,
    card,
    lake,
    recall,
    refusal,
)

NO_RECALLS = "lists none"
COULD_NOT_ASK = "We could not ask"


def text_of(html: str) -> str:
    """What a person reads, without tags and with single spaces."""
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", html.split("<body>")[1]).split()))


def shown(*cards: dict[str, Any], **more: Any) -> str:
    return text_of(render("", cards, **more))


def test_page_asks_each_line_once_and_says_what_it_left_out(service: Service) -> None:
    lines = [" A ", "", "\tB", "A", *map(str, range(MAX_VINS))]
    text = text_of(service.get("/", params={"vins": "\r\n".join(lines)}).text)
    assert "2 more were left out" in text
    assert text.count("No vehicle found.") == MAX_VINS
    assert not service.calls()


def test_page_has_a_vehicle_and_its_recalls(service: Service, examples: dict[str, str]) -> None:
    """Recalls are folded, and the worst come first, then the newest."""
    answer = service.get("/", params={"vins": examples["eight recalls"]})
    assert answer.headers["X-Made-Up"] == f"seed={service.replica.seed}"
    assert answer.text.count("<details>") == 8
    assert "<details open" not in answer.text
    facts = service.get(f"/recalls/{examples['eight recalls']}").json()["recalls"]
    wanted = sorted(
        facts,
        key=lambda row: (
            bool(row["park_it"]),
            bool(row["park_outside"]),
            row["report_received_date"],
        ),
        reverse=True,
    )
    campaigns = re.findall(r"· campaign (\w+)", text_of(answer.text))
    assert campaigns == [row["nhtsa_id"] for row in wanted]


def test_page_without_nhtsa_still_has_the_vehicle(service: Service, car: str) -> None:
    service.replica.fault("503", times=None, only="recallsByVehicle")
    text = text_of(service.get("/", params={"vins": car}).text)
    assert COULD_NOT_ASK in text
    assert "NHTSA could not be asked: " in text
    assert car in text


def test_empty_page_offers_samples_unless_the_source_is_official(
    start: Start, settings: Settings, car: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = start(changed(settings, vin_samples=f"{car}, SECOND"))
    empty = service.get("/").text
    for vin in (car, "SECOND"):
        assert f'href="/?vins={vin}"' in empty
    assert "Try one" not in service.get(f"/?vins={car}").text
    monkeypatch.setattr(service.app.state.lookups, "source", "official")
    assert "Try one" not in service.get("/").text


def test_style_is_a_file_of_its_own_that_the_policy_allows(service: Service) -> None:
    """Nothing runs, and nothing comes from another host."""
    page = service.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    (path,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    style = service.get(path)
    assert style.status_code == 200
    assert style.headers["Content-Type"].startswith("text/css")
    assert "style=" not in render("", EVERY_KIND)


def test_vehicle_shows_its_five_facts() -> None:
    text = shown(card())
    for fact in [*list(CAR.values())[:5], "from the cache"]:
        assert fact in text


def test_no_recalls_and_could_not_ask_are_never_confused() -> None:
    none, unasked = shown(card()), shown(card(recalls=None, recalls_detail="NHTSA is down"))
    assert NO_RECALLS in none
    assert COULD_NOT_ASK not in none
    assert COULD_NOT_ASK in unasked
    assert "NHTSA is down" in unasked
    assert NO_RECALLS not in unasked


def test_not_known_and_could_not_ask_are_never_confused() -> None:
    unknown, unavailable = shown(refusal(404, UNKNOWN)), shown(refusal(503, RETRY))
    assert "No vehicle found" in unknown
    assert UNKNOWN in unknown
    assert COULD_NOT_ASK not in unknown
    assert COULD_NOT_ASK in unavailable
    assert RETRY in unavailable
    assert "No vehicle found" not in unavailable


@pytest.mark.parametrize("recalls", [[], [recall()]], ids=["none", "one"])
def test_recalls_are_said_to_be_of_the_model(recalls: list[dict[str, object]]) -> None:
    text = shown(card(recalls=recalls))
    assert "Model level: this is not your car's repair status." in text
    assert NOTE in text


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
    ids=["quiet", "not given", "park it", "lake says so", "park outside", "both"],
)
def test_danger_stands_before_the_folded_recalls(
    changed: dict[str, object], warnings: list[str]
) -> None:
    text = shown(card(recalls=[recall(**changed)]))
    assert [w for w in ("Do not drive:", "Park outside:") if w in text] == warnings


def test_recall_is_told_whole_with_us_dates() -> None:
    text = shown(card(recalls=[LOUD]))
    for said in (
        *("November 14, 2025", "First seen on March 2, 2026", "May 20, 2026", "25V788000"),
        *(LOUD["component"], LOUD["summary"], LOUD["consequence"], LOUD["remedy"]),
        *("73.4% of the affected vehicles", CHANGE["old"], CHANGE["new"]),
    ):
        assert said in text, said


def test_recall_of_the_baseline_is_not_called_new() -> None:
    text = shown(card(recalls=[recall(lake=lake(at_baseline=True))]))
    assert "It was there when Headwaters first looked" in text
    assert "First seen" not in text


def test_lake_that_adds_nothing_says_why() -> None:
    why = "the lake could not be read"
    assert why in shown(card(recalls=[recall()], lake=why))
    assert "adds nothing" not in shown(card(recalls=[recall()], lake="version 3"))


def test_wrong_check_digit_and_old_answer_are_said() -> None:
    bad = shown(card(cache="stale", check_digit_wrong=True))
    assert "The check digit is wrong" in bad
    assert "vPIC could not be asked just now" in bad
    good = shown(card())
    assert "check digit" not in good
    assert "just now" not in good


def test_made_up_data_has_a_banner() -> None:
    assert shown(made_up="seed=1").startswith("Made-up data")
    assert "ade-up" not in shown(*EVERY_KIND)


def test_markup_of_others_is_text() -> None:
    """In a line, in an error, in vPIC's and in NHTSA's words."""
    evil = "</textarea><script>x</script>\"'><img src=x onerror=x>"
    vehicle = CAR | {"make": evil, "body_class": evil}
    change = CHANGE | {"old": evil, "new": evil, "field": evil}
    row = recall(**dict.fromkeys(("component", "summary", "nhtsa_id", "remedy"), evil))
    row |= {"report_received_date": evil, "lake": lake(first_seen=evil, changes=[change])}
    cards = [refusal(404, evil, evil), card(vehicle=vehicle, recalls=[row], lake=evil)]
    html = render(evil, cards, samples=[evil], made_up=evil)
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("</textarea>") == 1
    assert not re.search(r'="[^"]*"\s*\'>', html)


def test_days_and_sentences_read_well() -> None:
    assert day("2026-03-02T08:15:00Z") == "March 2, 2026"
    assert day("soon") == "soon"
    assert sentence("a VIN has 17 characters") == "A VIN has 17 characters."
    assert sentence("vPIC is down.") == "vPIC is down."
