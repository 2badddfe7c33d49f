"""The page as a person meets it: in Chromium, on a desk and on a phone, by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from playwright.sync_api import Browser

from fakes.serve import serving
from include.vin_service import page
from tests.vin_service.browser import NARROWEST, PHONE, WIDE, chromium, opened
from tests.vin_service.conftest import Service
from tests.vin_service.example_cards import CAR, EVERY_KIND, card, recall, refusal

EVIL = "<script>document.title='mine'</script><img src=http://192.0.2.7/x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def every_kind() -> Iterator[str]:
    """The address of a page that has a card of every kind."""
    app = FastAPI()

    @app.get("/")
    def root(vins: str = "") -> HTMLResponse:
        wordy = CAR | {"model": vins, "body_class": vins}
        row = recall(component=vins, summary=vins, nhtsa_id=vins)
        more = [refusal(404, vins, vins), card(vehicle=wordy, recalls=[row])]
        html = page.render(vins, [*EVERY_KIND, *more], 12, made_up="seed=1")
        return HTMLResponse(html, headers=page.HEADERS)

    app.mount("/static", StaticFiles(directory=Path(page.__file__).with_name("static")))
    with serving(app) as url:
        yield url


@pytest.mark.parametrize("size", [WIDE, PHONE, NARROWEST], ids=["wide", "phone", "narrowest"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(
    browser: Browser, every_kind: str, size: dict[str, int], scheme: str
) -> None:
    """No width scrolls sideways, even with a word of a thousand letters; the style is applied."""
    with opened(browser, size, scheme) as watched:
        watched.page.goto(f"{every_kind}/?vins={'W' * 1000}")
        assert watched.page.evaluate("document.documentElement.scrollWidth") == size["width"]
        paper = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(243, 246, 247)", "dark": "rgb(13, 22, 26)"}[scheme]
        assert watched.errors == []
        assert watched.hosts == {"127.0.0.1"}


def test_a_lookup_by_keyboard_alone(browser: Browser, service: Service, car: str) -> None:
    """Type two lines, Tab, Enter: both cards are there, and the address gives them again."""
    with opened(browser, WIDE) as watched:
        watched.page.goto(service.url)
        watched.page.locator("textarea:focus").wait_for()  # the focus comes with the first picture
        watched.page.keyboard.type(car.lower())
        watched.page.keyboard.press("Enter")
        watched.page.keyboard.type("too short")
        watched.page.keyboard.press("Tab")
        with watched.page.expect_navigation():
            watched.page.keyboard.press("Enter")
        names = watched.page.locator("article h2").all_inner_texts()
        assert len(names) == 2
        assert names[1] == "too short"
        assert car in watched.page.locator("article").first.inner_text()
        watched.page.goto(watched.page.url)
        assert watched.page.locator("article h2").all_inner_texts() == names
        assert watched.errors == []
        assert watched.hosts == {"127.0.0.1"}


def test_every_control_is_reached_by_tab_and_seen(browser: Browser, every_kind: str) -> None:
    """Tab visits all links, fields, buttons and folds in their order, each with an outline."""
    with opened(browser, WIDE) as watched:
        watched.page.goto(every_kind)
        watched.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        wanted = "a[href], textarea, button, summary"
        count = watched.page.locator(wanted).count()
        visited = []
        for _ in range(count):
            watched.page.keyboard.press("Tab")
            visited.append(
                watched.page.evaluate(
                    "wanted => [[...document.querySelectorAll(wanted)]"
                    ".indexOf(document.activeElement),"
                    " getComputedStyle(document.activeElement).outlineStyle]",
                    wanted,
                )
            )
        assert visited == [[index, "solid"] for index in range(count)]


def test_markup_that_is_asked_for_is_shown_as_text(browser: Browser, service: Service) -> None:
    """A script in the question is read by the person and run by nobody."""
    with opened(browser, WIDE) as watched:
        watched.page.goto(service.url)
        watched.page.get_by_label("Vehicle identification numbers").fill(EVIL)
        watched.page.get_by_role("button", name="Look up").click()
        watched.page.locator("article h2").wait_for()
        assert watched.page.locator("article h2").inner_text().startswith("<script>")
        assert watched.page.locator("textarea").input_value() == EVIL
        assert watched.page.title() != "mine"
        assert watched.page.locator("script, img").count() == 0
        assert watched.errors == []
        assert watched.hosts == {"127.0.0.1"}
