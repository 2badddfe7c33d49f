"""Publishes a site with hostile recalls and opens its pages in Chromium."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Playwright, Route

from include.lake.store import Store
from include.site.build import build_site
from tests.pipelines.vehicle_recalls.recalls import publish, recall

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SCRIPT = "<script>window.hacked = 1</script>"
IMAGE = '"><img src=x onerror="window.hacked = 2">'
TURNED = "\u202eTURNED\u2066"  # unclosed direction marks
MAKER = f"O'Neil & {SCRIPT}"
LONG = (
    "The hose between the pump and the steering gear may chafe against the frame, "
    "which can lead to a leak of fluid."
)
LONG_NOW = (
    "The hose between the pump and the left steering gear may rub against the frame, "
    "which can lead to a sudden loss of fluid."
)
SPARE = [
    recall(number, report_received_date=f"{2015 + number % 9}-05-01T00:00:00.000", subject=subject)
    for number, subject in ((number, f"Spare part {number:03}") for number in range(100, 180))
]


def publish_hostile_days(store: Store) -> None:
    """Publish three days: edits, warnings, a retraction and rows with hostile text."""
    hostile = {
        "subject": f"{SCRIPT}{IMAGE}",
        "manufacturer": MAKER,
        "corrective_action": f"{TURNED}{IMAGE}",
        "recall_link": {"url": "javascript:window.hacked=3"},
        "do_not_drive": "Yes",
    }
    elsewhere = {"url": "https://nhtsa.gov.example.com/recalls"}
    first = [
        recall(1, **hostile),
        recall(2, subject=f"=1+1 {TURNED}", recall_link=elsewhere, component=None),
        recall(3, defect_summary=LONG, completion_rate="20", fire_risk_when_parked="Yes"),
        recall(4, subject="Gone soon", recall_link={"url": "https://evilnhtsa.gov/recalls"}),
        recall(5, manufacturer="FORD MOTOR COMPANY", subject='Say "when", please'),
        *SPARE,
    ]
    publish(store, *first, day=1)
    second = [
        *(row for row in first if row["nhtsa_id"] not in {"19V000003", "19V000004"}),
        recall(3, defect_summary=LONG_NOW, completion_rate="35", do_not_drive="Yes"),
        recall(6, subject=f"New {IMAGE}"),
    ]
    publish(store, *second, day=2)
    third = [
        *(row for row in second if row["nhtsa_id"] != "19V000003"),
        recall(3, defect_summary=LONG_NOW, completion_rate="55.25", do_not_drive="Yes"),
    ]
    publish(store, *third, day=40)


def write_site(store: Store, folder: Path) -> None:
    publish_hostile_days(store)
    build_site(store)
    for key in store.list("site"):
        path = folder / key.removeprefix("site/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.get(key))


def start_browser(playwright: Playwright) -> Browser:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    return playwright.chromium.launch(executable_path=path, args=QUIET)


@contextmanager
def open_page(
    browser: Browser,
    url: str,
    size: dict[str, int] = WIDE,
    scheme: str = "light",
    answers: dict[str, dict[str, object]] | None = None,
    *,
    bypass_csp: bool = False,
) -> Iterator[Page]:
    """Open a page; fail on requests to other hosts, injected code and unexpected errors."""
    context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=bypass_csp)
    problems: list[str] = []

    def watch(route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.hostname != "127.0.0.1" and address.scheme != "blob":
            problems.append(f"request to {route.request.url}")
            route.abort()
        elif name := next((n for n in answers or {} if n in address.path), None):
            route.fulfill(**answers[name])
        else:
            route.continue_()

    context.route("**/*", watch)
    page = context.new_page()
    if not answers:
        page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
    page.goto(url)
    wait_until_shown(page)
    yield page
    assert page.evaluate("window.hacked") is None
    context.close()
    assert problems == [], problems


def wait_until_shown(page: Page) -> None:
    page.locator("main:not([aria-busy]):not(:has([aria-busy])) h1").wait_for()
