"""The page in Chromium, on a desk and on a phone, by keyboard alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, Page, Route, sync_playwright

from fakes.serve import serving
from include.vin_service import page
from tests.site.browsing import start_browser
from tests.vin_service.conftest import Service
from tests.vin_service.example_cards import CAR, EVERY_KIND, card, recall, refusal, render

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = start_browser(playwright)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, size: dict[str, int] = WIDE, scheme: str = "light") -> Iterator[Page]:
    """A page that may ask nothing of other hosts and has no errors."""
    context = browser.new_context(viewport=size, color_scheme=scheme)
    problems: list[str] = []

    def watch(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            problems.append(f"it asked for {route.request.url}")
            route.abort()

    context.route("**/*", watch)
    shown = context.new_page()
    shown.on("console", lambda said: said.type == "error" and problems.append(said.text))
    shown.on("pageerror", lambda error: problems.append(str(error)))
    yield shown
    context.close()
    assert problems == []


@pytest.fixture(scope="module")
def every_kind() -> Iterator[str]:
    """The address of a page that has a card of every kind, with long words in some."""
    app = FastAPI()

    @app.get("/")
    def root(vins: str = "") -> HTMLResponse:
        wordy = CAR | {"model": vins, "body_class": vins}
        row = recall(component=vins, summary=vins, nhtsa_id=vins)
        more = [refusal(404, vins, vins), card(vehicle=wordy, recalls=[row])]
        html = render(*EVERY_KIND, *more, asked=vins, left_out=12, made_up="seed=1")
        return HTMLResponse(html, headers=page.HEADERS)

    app.get("/static/style.css")(page.style)
    with serving(app) as url:
        yield url


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize(
    ("scheme", "paper"), [("light", "rgb(243, 246, 247)"), ("dark", "rgb(13, 22, 26)")]
)
def test_no_width_scrolls_sideways(
    browser: Browser, every_kind: str, size: dict[str, int], scheme: str, paper: str
) -> None:
    """Even with a word of a thousand letters; the style is applied."""
    with opened(browser, size, scheme) as shown:
        shown.goto(f"{every_kind}/?vins={'W' * 1000}")
        assert shown.evaluate("document.documentElement.scrollWidth") == size["width"]
        assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == paper


def test_lookup_by_keyboard_alone(browser: Browser, service: Service, car: str) -> None:
    """Type two lines, Tab, Enter: both cards are there, and the address gives them again."""
    with opened(browser) as shown:
        shown.goto(service.url)
        shown.locator("textarea:focus").wait_for()  # the focus comes with the first picture
        shown.keyboard.type(f"{car.lower()}\ntoo short")
        shown.keyboard.press("Tab")
        with shown.expect_navigation():
            shown.keyboard.press("Enter")
        names = shown.locator("article h2").all_inner_texts()
        assert names[1:] == ["too short"]
        assert car in shown.locator("article").first.inner_text()
        shown.goto(shown.url)
        assert shown.locator("article h2").all_inner_texts() == names


def test_every_control_is_reached_by_tab_and_seen(browser: Browser, every_kind: str) -> None:
    """Tab visits all links, fields, buttons and folds in their order, each with an outline."""
    controls = "[...document.querySelectorAll('a[href], textarea, button, summary')]"
    focused = (
        f"[{controls}.indexOf(document.activeElement), "
        "getComputedStyle(document.activeElement).outlineStyle]"
    )
    with opened(browser) as shown:
        shown.goto(every_kind)
        shown.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        for index in range(shown.evaluate(f"{controls}.length")):
            shown.keyboard.press("Tab")
            assert shown.evaluate(focused) == [index, "solid"]
