"""Debian's Chromium, headless, and what it asked for and complained of while a test used it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 812}
NARROWEST = {"width": 360, "height": 740}


@dataclass
class Watched:
    """A page, with the hosts it wanted to reach and the errors of its console."""

    page: Page
    hosts: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = f"none of {', '.join(NAMES)} is installed"
        print(f"the page was not tried in a browser: {reason}")
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*QUIET])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, size: dict[str, int], scheme: str = "light") -> Iterator[Watched]:
    """A page of its own; what it wants from other hosts is noted, and not let out."""
    context = browser.new_context(
        viewport=size,
        color_scheme=scheme,
        has_touch=size["width"] < 600,
        is_mobile=size["width"] < 600,
    )
    watched = Watched(context.new_page())

    def note(route: Route) -> None:
        host = urlsplit(route.request.url).hostname or ""
        watched.hosts.add(host)
        if host == "127.0.0.1":
            route.continue_()
        else:
            route.abort()

    context.route("**/*", note)
    watched.page.on(
        "console", lambda said: watched.errors.append(said.text) if said.type == "error" else None
    )
    watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
    try:
        yield watched
    finally:
        context.close()
