"""The text of the page for each kind of answer."""

import re
from html import unescape
from typing import Any

import pytest

from include.vin_service.page import MAX_VINS, sentence
from include.vin_service.recalls import NOTE
from tests.vin_service.conftest import Service, Start
from tests.vin_service.example_cards import (
    CAR,
    CHANGE,
    EVERY_KIND,
    RETRY,
    SEVERE,
    UNKNOWN,
    card,
    lake,
    recall,
    refusal,
    render,
)

NO_RECALLS, NO_VEHICLE = "lists none", "No vehicle found"
COULD_NOT_ASK = "We could not ask"


def text_of(html: str) -> str:
    """The visible text, with single spaces."""
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", html.split("<body>")[1]).split()))


def text_of_cards(*cards: dict[str, Any], **more: Any) -> str:
    return text_of(render(*cards, **more))


def test_page_looks_up_each_line_once_and_counts_skipped_lines(service: Service) -> None:
    lines = [" A ", "", "\tB", "A", *map(str, range(MAX_VINS))]
    text = text_of(service.get("/", params={"vins": "\r\n".join(lines)}).text)
    assert "2 more were left out" in text
    assert text.count("No vehicle found.") == MAX_VINS


def test_page_sorts_folded_recalls_by_severity_and_date(
    service: Service, examples: dict[str, str]
) -> None:
    answer = service.get("/", params={"vins": examples["eight recalls"]})
    assert answer.headers["X-Made-Up"] == f"seed={service.replica.seed}"
    assert answer.text.count("<details>") == 8
    assert "<details open" not in answer.text
    recalls = service.get(f"/recalls/{examples['eight recalls']}").json()["recalls"]
    recalls.sort(key=lambda row: row["report_received_date"], reverse=True)
    recalls.sort(key=lambda row: (not row["park_it"], not row["park_outside"]))
    campaigns = re.findall(r"· campaign (\w+)", text_of(answer.text))
    assert campaigns == [row["nhtsa_id"] for row in recalls]


def test_page_shows_the_vehicle_while_nhtsa_is_down(service: Service, car: str) -> None:
    service.replica.fault("503", times=None, only="recallsByVehicle")
    text = text_of(service.get("/", params={"vins": car}).text)
    assert COULD_NOT_ASK in text
    assert "NHTSA could not be asked: " in text
    assert car in text


def test_empty_page_offers_samples_unless_the_source_is_official(start: Start, car: str) -> None:
    service = start(vin_samples=f"{car}, SECOND")
    empty = service.get("/").text
    for vin in (car, "SECOND"):
        assert f'href="/?vins={vin}"' in empty
    assert "Try one" not in service.get(f"/?vins={car}").text
    service.app.state.lookups.source = "official"
    assert "Try one" not in service.get("/").text


def test_security_policy_allows_only_our_stylesheet(service: Service) -> None:
    page = service.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; style-src 'self'" in policy
    assert not re.search("unsafe|http", policy)
    (path,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    style = service.get(path)
    assert style.status_code == 200
    assert style.headers["Content-Type"].startswith("text/css")
    assert "style=" not in render(*EVERY_KIND)


def test_card_shows_the_five_vehicle_fields() -> None:
    text = text_of_cards(card())
    for fact in [*list(CAR.values())[:5], "from the cache"]:
        assert fact in text
    assert "check digit" not in text
    assert "just now" not in text


@pytest.mark.parametrize(
    ("example", "present", "absent"),
    [
        (card(), NO_RECALLS, COULD_NOT_ASK),
        (card(recalls=None, recalls_detail="NHTSA is down"), COULD_NOT_ASK, NO_RECALLS),
        (card(recalls=None, recalls_detail="NHTSA is down"), "NHTSA is down", NO_RECALLS),
        (refusal(404, UNKNOWN), NO_VEHICLE, COULD_NOT_ASK),
        (refusal(404, UNKNOWN), UNKNOWN, COULD_NOT_ASK),
        (refusal(503, RETRY), COULD_NOT_ASK, NO_VEHICLE),
        (refusal(503, RETRY), RETRY, NO_VEHICLE),
        (card(check_digit_wrong=True), "The check digit is wrong", "just now"),
        (card(cache="stale"), "vPIC could not be asked just now", "check digit"),
        (card(), "Model level: this is not your car's repair status.", "Made-up"),
        (card(recalls=[recall()]), NOTE, NO_RECALLS),
        (card(recalls=[recall()], lake_note="the lake is down"), "the lake is down", NO_RECALLS),
        (card(recalls=[recall()], lake_note="version 3"), "1 recall of this model", "adds nothing"),
        (
            card(recalls=[recall(lake=lake(at_baseline=True))]),
            "It was there when Headwaters first looked",
            "First seen",
        ),
    ],
)
def test_card_shows_only_the_message_of_its_case(
    example: dict[str, Any], present: str, absent: str
) -> None:
    """No recalls, no vehicle and no answer are distinct."""
    text = text_of_cards(example)
    assert present in text
    assert absent not in text


@pytest.mark.parametrize(
    ("changed", "warnings"),
    [
        ({"park_it": None, "park_outside": None}, []),
        ({"park_it": True}, ["Do not drive:"]),
        ({"lake": lake(do_not_drive=True)}, ["Do not drive:"]),
        ({"park_outside": True}, ["Park outside:"]),
        ({"park_it": True, "park_outside": True}, ["Do not drive:", "Park outside:"]),
    ],
    ids=["not given", "park it", "lake says so", "park outside", "both"],
)
def test_warnings_are_shown_above_folded_recalls(
    changed: dict[str, object], warnings: list[str]
) -> None:
    before, *_ = render(card(recalls=[recall(**changed)])).split("<details>")
    assert [w for w in ("Do not drive:", "Park outside:") if w in before] == warnings


def test_recall_is_shown_in_full_with_us_dates() -> None:
    text = text_of_cards(card(recalls=[SEVERE]))
    for part in (
        *("November 14, 2025", "First seen on March 2, 2026", "May 20, 2026", "25V788000"),
        *(SEVERE["component"], SEVERE["summary"], SEVERE["consequence"], SEVERE["remedy"]),
        *("73.4% of the affected vehicles", CHANGE["old"], CHANGE["new"]),
    ):
        assert part in text, part


def test_made_up_data_has_a_banner() -> None:
    assert text_of_cards(made_up="seed=1").startswith("Made-up data")


def test_markup_in_input_and_answers_is_escaped() -> None:
    evil = "</textarea><script>x</script>\"'><img src=x onerror=x>"
    vehicle = CAR | {"make": evil, "body_class": evil}
    change = CHANGE | {"old": evil, "new": evil, "field": evil}
    row = recall(**dict.fromkeys(("component", "summary", "nhtsa_id", "remedy"), evil))
    row |= {"lake": lake(changes=[change])}
    cards = [refusal(404, evil, evil), card(vehicle=vehicle, recalls=[row], lake=evil)]
    html = render(*cards, asked=evil, samples=[evil], made_up=evil)
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("</textarea>") == 1
    assert not re.search(r'="[^"]*"\s*\'>', html)


def test_error_reads_as_a_sentence() -> None:
    assert sentence("a VIN has 17 characters") == "A VIN has 17 characters."
    assert sentence("vPIC is down.") == "vPIC is down."
