"""What a person waits for on the site, in headless Chromium over loopback."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from benchmarks.tables import verdict
from fakes.serve import serving
from include.lake.store import Store
from local.site import create_app

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZE = {"width": 1440, "height": 900}
MAX_VIEW_MS, MAX_KEYSTROKE_MS = 1000, 50
WORDS = ("b", "br", "bra", "brake", "brake ho", "brake hose", "ford", "24V", "24V-4", "24V-43")

# Until the charts of the window are drawn, counted from the start of the navigation.
FIRST_VIEW_MS = """async () => {
  const root = document.querySelector("#recalls-site").shadowRoot;
  const frame = () => new Promise(requestAnimationFrame);
  const isSeen = (chart) => chart.getBoundingClientRect().top < innerHeight;
  const isMissing = (chart) => isSeen(chart) && !chart.querySelector("svg");
  while ([...root.querySelectorAll(".frame")].some(isMissing)) await frame();
  return performance.now();
}"""

# From each change of the words to the last change of the page that follows.
KEYSTROKES_MS = """async (words) => {
  const root = document.querySelector("#recalls-site").shadowRoot;
  const box = root.querySelector("input[type=search]");
  const taken = [];
  for (const text of words) {
    const start = performance.now();
    let last = start;
    const watcher = new MutationObserver(() => (last = performance.now()));
    watcher.observe(root, { subtree: true, childList: true, characterData: true });
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((resolve) => setTimeout(resolve, 400));
    watcher.disconnect();
    taken.push(last - start);
  }
  return taken;
}"""


def views(store: Store, runs: int) -> list[str]:
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        return ["first view and search: not measured, Chromium is not installed"]
    with (
        copied(store) as folder,
        serving(create_app(folder)) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        first_ms = [first_view_ms(browser, url) for _ in range(runs)]
        keys_ms = keystrokes_ms(browser, url)
        browser.close()
    return [
        f"first view, ms, median of {runs} ({min(first_ms):.0f} - {max(first_ms):.0f}): "
        + verdict(median(first_ms), MAX_VIEW_MS),
        f"a keystroke in search, ms, median {median(keys_ms):.0f}, "
        f"longest of {len(keys_ms)}: {verdict(max(keys_ms), MAX_KEYSTROKE_MS)}",
    ]


@contextmanager
def copied(store: Store) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        for key in store.list("site"):
            path = Path(folder) / key.removeprefix("site/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(store.get(key))
        yield Path(folder)


def first_view_ms(browser: Browser, url: str) -> float:
    """In a context of its own: nothing is cached."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.goto(url)
    page.locator(".frame").first.wait_for()
    taken = page.evaluate(FIRST_VIEW_MS)
    context.close()
    return float(taken)


def keystrokes_ms(browser: Browser, url: str) -> list[float]:
    page = browser.new_page(viewport=SIZE)
    page.goto(f"{url}/#/search")
    page.locator("main:not([aria-busy]) table").wait_for()
    return [float(taken) for taken in page.evaluate(KEYSTROKES_MS, WORDS)]
