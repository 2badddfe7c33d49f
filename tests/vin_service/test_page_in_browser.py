"""The page in Chromium: layout on desktop and phone, and keyboard use."""

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
def visit(browser: Browser, size: dict[str, int] = WIDE, scheme: str = "light") -> Iterator[Page]:
    """Open a page; fail on requests to other hosts and on errors."""
    context = browser.new_context(viewport=size, color_scheme=scheme)
    problems: list[str] = []

    def watch(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            problems.append(f"request to {route.request.url}")
            route.abort()

    context.route("**/*", watch)
    shown = context.new_page()
    shown.on("console", lambda message: message.type == "error" and problems.append(message.text))
    shown.on("pageerror", lambda error: problems.append(str(error)))
    yield shown
    context.close()
    assert problems == []


@pytest.fixture(scope="module")
def every_kind() -> Iterator[str]:
    """The URL of a page with every kind of card, some with the word in `vins`."""
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
def test_page_never_scrolls_sideways(
    browser: Browser, every_kind: str, size: dict[str, int], scheme: str, paper: str
) -> None:
    """Even with a word of 1,000 letters."""
    with visit(browser, size, scheme) as shown:
        shown.goto(f"{every_kind}/?vins={'W' * 1000}")
        assert shown.evaluate("document.documentElement.scrollWidth") == size["width"]
        assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == paper


def test_lookup_works_by_keyboard(browser: Browser, service: Service, car: str) -> None:
    with visit(browser) as shown:
        shown.goto(service.url)
        shown.locator("textarea:focus").wait_for()  # focus is set on the first paint
        shown.keyboard.type(f"{car.lower()}\ntoo short")
        shown.keyboard.press("Tab")
        with shown.expect_navigation():
            shown.keyboard.press("Enter")
        names = shown.locator("article h2").all_inner_texts()
        assert names[1:] == ["too short"]
        assert car in shown.locator("article").first.inner_text()
        shown.goto(shown.url)
        assert shown.locator("article h2").all_inner_texts() == names


def test_tab_reaches_every_control_and_outlines_it(browser: Browser, every_kind: str) -> None:
    controls = "[...document.querySelectorAll('a[href], textarea, button, summary')]"
    focused = (
        f"[{controls}.indexOf(document.activeElement), "
        "getComputedStyle(document.activeElement).outlineStyle]"
    )
    with visit(browser) as shown:
        shown.goto(every_kind)
        shown.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        for index in range(shown.evaluate(f"{controls}.length")):
            shown.keyboard.press("Tab")
            assert shown.evaluate(focused) == [index, "solid"]
