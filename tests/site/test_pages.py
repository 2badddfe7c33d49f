"""The site's pages in Chromium, with hostile recalls."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from botocore.client import BaseClient
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from fakes.serve import serving
from include.vehicle_recalls.contract import RECALLS
from tests.conftest import new_store
from tests.site.browsing import (
    IMAGE,
    LONG,
    LONG_NOW,
    MAKER,
    PHONE,
    SCRIPT,
    TURNED,
    WIDE,
    open_page,
    start_browser,
    wait_until_shown,
    write_site,
)

pytestmark = pytest.mark.slow
PAGES = {
    "overview": "",
    "warnings": "warnings",
    "changes": "changes?days=all",
    "search": "search",
    "recall": "recall/19V000001",
    "edited": "recall/19V000003",
    "retracted": "recall/19V000004",
    "manufacturer": f"manufacturer/{quote(MAKER, safe='')}",
    "data": "data",
    "about": "about",
    "unknown": "recall/19V999999",
}
LOOKS = {"wide": (WIDE, "light"), "phone": (PHONE, "dark")}
TABLE = "table.results tbody tr"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = start_browser(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(s3: BaseClient, s3_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_site(new_store(s3, s3_url), folder)
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """A server with the site, and with a page that mounts it under another <base>."""
    code = json.loads((folder / "site.json").read_text())["code"]
    app = FastAPI()

    @app.get("/host/script.js")
    def script() -> HTMLResponse:
        body = (
            f'import {{ mountCard, mountRecalls }} from "/site/{code}app.js";\n'
            'mountCard(document.getElementById("card"), "/site/");\n'
            'mountRecalls(document.getElementById("all"), "/site/");\n'
        )
        return HTMLResponse(body, media_type="text/javascript")

    @app.get("/host/page")
    def host() -> HTMLResponse:
        return HTMLResponse(
            "<!doctype html><html lang=en><title>A host</title><base href='/'>"
            "<link rel=icon href=data:,><script type=module src=/host/script.js></script>"
            "<div id=card></div><div id=all></div>"
        )

    app.mount("/site", StaticFiles(directory=folder, html=True))
    with serving(app) as address:
        yield address


def at(url: str, hash_path: str = "") -> str:
    return f"{url}/site/#/{hash_path}"


def go(page: Page, hash_path: str) -> None:
    page.evaluate("path => { location.hash = path }", f"#/{hash_path}")
    page.wait_for_timeout(50)
    wait_until_shown(page)


def manufacturer_field(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Manufacturer", exact=True)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_page_with_hostile_rows_is_safe_fits_and_passes_axe(
    browser: Browser, url: str, name: str, look: str
) -> None:
    size, scheme = LOOKS[look]
    # axe adds a style to the page
    with open_page(browser, at(url, PAGES[name]), size, scheme, bypass_csp=True) as page:
        unfold(page)
        draw_charts(page)
        assert page.locator("main img, main script, main iframe").count() == 0
        assert page.locator(".made-up").inner_text().startswith("Made-up data (made-up:7)")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        found = Axe().run(page).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []


def unfold(page: Page) -> None:
    page.evaluate(
        "document.querySelector('#recalls-site').shadowRoot"
        ".querySelectorAll('details').forEach(d => d.open = true)"
    )
    page.wait_for_timeout(50)  # a table is built when it opens


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("search?q=script", f"{SCRIPT}{IMAGE}"),
        ("recall/19V000001", f"{SCRIPT}{IMAGE}"),
        ("recall/19V000001", f"{TURNED}{IMAGE}"),
        ("warnings", f"{SCRIPT}{IMAGE}"),
        ("changes?days=all", f"New {IMAGE}"),
        (PAGES["manufacturer"], MAKER),
    ],
)
def test_publisher_text_is_escaped_and_isolated(
    browser: Browser, url: str, where: str, text: str
) -> None:
    with open_page(browser, at(url, where)) as page:
        element = page.locator("bdi", has_text=text).first
        assert element.text_content() == text
        assert element.evaluate("e => getComputedStyle(e).unicodeBidi") == "isolate"


@pytest.mark.parametrize(
    ("number", "link"),
    [
        ("19V000001", None),  # javascript:
        ("19V000002", None),  # a host that only begins like NHTSA's
        ("19V000003", "https://www.nhtsa.gov/recalls?nhtsaId=19V000003"),
        ("19V000004", None),  # a host that only ends like NHTSA's
    ],
)
def test_only_nhtsa_links_are_shown(
    browser: Browser, url: str, folder: Path, number: str, link: str | None
) -> None:
    official = json.loads((folder / "site.json").read_text()) | {"made_up": False}
    answers = {"site.json": {"json": official}}
    with open_page(browser, f"{url}/host/page#/recall/{number}", answers=answers) as page:
        links = page.get_by_role("link", name="This recall at NHTSA")
        assert [a.get_attribute("href") for a in links.all()] == ([link] if link else [])
        assert ("NHTSA gives no link" in page.locator("article").inner_text()) is (link is None)


def test_made_up_recall_has_no_link_to_nhtsa(browser: Browser, url: str) -> None:
    with open_page(browser, at(url, "recall/19V000003")) as page:
        assert page.locator("article a").count() == 0
        assert "NHTSA has no page on a made-up recall." in page.locator("article").inner_text()


def test_overview_filters_are_kept_in_the_url(browser: Browser, url: str) -> None:
    with open_page(browser, at(url)) as page:
        before = page.locator(".found").inner_text()
        page.get_by_label("From year").select_option("2019")
        page.get_by_label("To year").select_option("2020")
        manufacturer_field(page).fill("ford")
        page.get_by_label("Warning").select_option("do-not-drive")
        after = page.locator(".found").inner_text()
        assert after.startswith("1 recall of 100")
        assert before != after
        assert figures(page)[:4] == ["1", "100", "1", "0"]
        address = page.url
        assert "years=2019-2020" in address
        assert "flag=do-not-drive" in address
        page.goto("about:blank")
        page.goto(address)
        wait_until_shown(page)
        assert page.locator(".found").inner_text() == after
        assert page.get_by_label("From year").input_value() == "2019"
        assert manufacturer_field(page).input_value() == "ford"
        assert figures(page)[:4] == ["1", "100", "1", "0"]
        page.emulate_media(media="print")
        assert page.locator(".chosen").inner_text() == (
            "From year: 2019 · To year: 2020 · Manufacturer: ford · Warning: Do not drive"
        )
        assert page.get_by_text("Select a bar").locator("visible=true").count() == 0
        page.emulate_media(media="screen")
        page.get_by_role("button", name="Clear").click()
        assert page.locator(".found").inner_text() == before
        assert figures(page)[:4] == ["85", "8.5K", "2", "0"]
        assert page.url == at(url)


def figures(page: Page) -> list[str]:
    return page.locator(".tiles dd:not(.small)").all_inner_texts()


@pytest.mark.parametrize(
    ("query", "field", "shown_as"),
    [
        ("type=Boat", "Type", "Unknown: Boat"),
        ("flag=loud", "Warning", "Unknown: loud"),
        ("years=2019-soon", "To year", "Unknown: soon"),
    ],
)
def test_unknown_filter_value_is_named_and_matches_nothing(
    browser: Browser, url: str, query: str, field: str, shown_as: str
) -> None:
    with open_page(browser, at(url, f"?{query}")) as page:
        select = page.get_by_label(field)
        assert select.evaluate("select => select.selectedOptions[0].text") == shown_as
        assert page.locator(".found").inner_text() == "No recall matches; clear a filter."


def test_completion_chart_needs_more_than_one_recall(browser: Browser, url: str) -> None:
    """FORD MOTOR COMPANY has one recall; the year 2019 has several."""
    with open_page(browser, at(url, "?manufacturer=FORD+MOTOR+COMPANY")) as page:
        assert figures(page)[0] == "1"
        assert page.locator("figure").count() == 4
        go(page, "?years=2019")
        draw_charts(page)
        assert page.locator("figure", has_text="How far repairs are").locator("svg").count() == 1


def test_card_links_to_the_table_of_its_warning(browser: Browser, url: str) -> None:
    with open_page(browser, at(url)) as page:
        assert page.get_by_role("navigation", name="Pages").count() == 1
        page.locator("dt", has_text="Park outside").locator("xpath=..").get_by_role("link").click()
        page.locator("h2:focus", has_text="Park outside").wait_for()
        go(page, PAGES["manufacturer"])
        table = page.get_by_role("table", name="Warnings that stand")
        assert "Do not drive" in table.locator("tbody").inner_text()


def draw_charts(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('beforeprint'))")


def test_charts_are_drawn_when_visible_or_printed(browser: Browser, url: str) -> None:
    with open_page(browser, at(url), PHONE) as page:
        charts = page.locator("figure")
        assert charts.locator("svg").count() < charts.count() == 5
        charts.nth(2).scroll_into_view_if_needed()
        charts.nth(2).locator("svg").wait_for()
        assert charts.locator("svg").count() < 5
        page.pdf()
        assert charts.locator("svg").count() == 5


COMPARE_WITH_INTL = """async (code) => {
  const ours = await import(new URL(`${code}format.js`, location.href));
  const dates = (style) => new Intl.DateTimeFormat("en-US", { timeZone: "UTC", ...style }).format;
  const number = new Intl.NumberFormat("en-US").format;
  const short = { notation: "compact", maximumFractionDigits: 1 };
  const compact = new Intl.NumberFormat("en-US", short).format;
  const day = dates({ dateStyle: "medium" });
  const time = dates({ dateStyle: "medium", timeStyle: "short" });
  const different = [];
  const same = (given, text, theirs) =>
    text === theirs.replace("\u202f", " ") || different.push([given, text, theirs]);
  const values = [0, 999949, 999950, 999999];
  for (let value = 1; value < 1e12; value = Math.ceil(value * 1.01)) values.push(value);
  for (const value of values) {
    same(value, ours.count(value), number(value));
    same(value, ours.short(value), compact(value));
  }
  for (let at = 0; at < 2e12; at += 4.12345678e8) {
    const iso = new Date(at).toISOString();
    same(iso, ours.day(iso), day(at));
    same(iso, ours.moment(iso), `${time(at)} UTC`);
  }
  return different;
}"""


def test_numbers_and_dates_match_intl(browser: Browser, url: str) -> None:
    with open_page(browser, at(url)) as page:
        assert page.evaluate(COMPARE_WITH_INTL, code_folder_of(page)) == []


def code_folder_of(page: Page) -> str:
    return str(json.loads(page.locator("#site").text_content() or "")["code"])


def test_overview_charts_match_their_tables(browser: Browser, url: str) -> None:
    with open_page(browser, at(url)) as page:
        charts = page.locator("figure")
        draw_charts(page)
        assert charts.locator("svg[role=img][aria-label]").count() == charts.count() == 5
        charts.first.get_by_text("As a table").click()
        charts.first.locator("tbody td").first.wait_for()
        cells = charts.first.locator("tbody td:last-child").all_inner_texts()
        assert sum(map(int, cells)) == 85
        tiles = page.locator(".tiles").inner_text()
        assert re.search(r"Do not drive\s+2\s", tiles)
        assert re.search(r"Recalls\s+85\s", tiles)


def test_clicked_bar_opens_the_manufacturer(browser: Browser, url: str) -> None:
    with open_page(browser, at(url)) as page:
        draw_charts(page)
        chart = page.locator("figure", has_text="Manufacturers with").locator("svg")
        chart.hover(position={"x": 9, "y": 25})
        chart.click(position={"x": 9, "y": 25})
        page.get_by_role("heading", name="Ford Motor Company", level=1, exact=True).wait_for()
        page.get_by_role("link", name="FORD MOTOR COMPANY", exact=True).click()
        page.get_by_role("heading", name="FORD MOTOR COMPANY", level=1, exact=True).wait_for()


def test_search_matches_its_url_and_csv(browser: Browser, url: str) -> None:
    with open_page(browser, at(url, "search")) as page:
        assert page.locator(".found").inner_text() == "85 recalls found"
        page.get_by_label("Words or a recall number").press_sequentially("SPARE 19v ford")
        page.get_by_role("button", name="Number").click()
        page.get_by_role("button", name="Next").click()
        page.get_by_role("button", name="Next").click()
        assert page.locator(".found").inner_text() == "80 recalls found"
        assert page.locator(TABLE).count() == 20
        assert "q=SPARE+19v+ford&sort=id&page=3" in page.url
        page.reload()
        wait_until_shown(page)
        numbers = page.locator(f"{TABLE} td.id").all_inner_texts()
        for _ in range(2):
            page.get_by_role("button", name="Previous").click()
            numbers = page.locator(f"{TABLE} td.id").all_inner_texts() + numbers
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as CSV").click()
        assert download.value.suggested_filename == "made-up-recalls.csv"
        rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
        assert set(rows[0]) < set(RECALLS.names)
        assert [row["nhtsa_id"] for row in rows] == numbers == sorted(numbers)
        assert rows[0]["subject"] == "Spare part 100"
        assert rows[0]["completion_rate"] == "50"


def test_csv_download_keeps_every_text(browser: Browser, url: str) -> None:
    with open_page(browser, at(url, "search?years=2019&sort=id")) as page:
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as CSV").click()
        text = Path(download.value.path()).read_bytes().decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert rows[0]["subject"] == f"{SCRIPT}{IMAGE}"
        assert rows[0]["do_not_drive"] == "true"
        assert rows[1]["component"] == ""
        assert rows[1]["subject"] == f"=1+1 {TURNED}"
        assert rows[3]["subject"] == 'Say "when", please'
        assert text.split("\r\n")[4].startswith('"2019-02-03","19V000005","FORD MOTOR COMPANY"')
        row = ['say "no", \n then\r\n go', None, 1.5]
        text = page.evaluate(
            """async ([code, row]) => {
              const { toCsv } = await import(new URL(`${code}format.js`, location.href));
              return toCsv(["a", "b", "c"], [row]);
            }""",
            [code_folder_of(page), row],
        )
        assert list(csv.reader(io.StringIO(text, newline="")))[1] == [row[0], "", "1.5"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=part+spare", "80 recalls found"),
        ("q=%22spare+part%22+11+ford", "10 recalls found"),
        ("q=%22part+spare%22", "No recall matches; use fewer words, or clear a filter."),
        ("q=%22Spare+part+17", "10 recalls found"),
        ("q=19v-000101", "1 recall found"),
        (
            "years=2020-2019",
            "No recall matches: “From year” is after “To year”; change one of them.",
        ),
    ],
)
def test_search_supports_phrases_dashed_numbers_and_years(
    browser: Browser, url: str, query: str, found: str
) -> None:
    with open_page(browser, at(url, f"search?{query}")) as page:
        assert page.locator(".found").inner_text() == found


@pytest.mark.parametrize(
    ("sort", "first"), [("-completion", "55.3%"), ("completion", "50%"), ("-affected", "50%")]
)
def test_search_sorts_numerically(browser: Browser, url: str, sort: str, first: str) -> None:
    with open_page(browser, at(url, f"search?sort={sort}")) as page:
        assert page.locator(f"{TABLE} td.completion").first.inner_text() == first


def test_recall_page_lists_its_history_in_order(browser: Browser, url: str) -> None:
    with open_page(browser, at(url, "recall/19V000003")) as page:
        steps = page.locator(".life > li")
        heads = steps.locator(".head").all_inner_texts()
        assert [" ".join(head.split()) for head in heads] == [
            "Jun 1, 2026 First read",
            "Jun 2, 2026 Edited",
            "Jul 10, 2026 Edited",
        ]
        assert "35% → 55.3%" in " ".join(steps.nth(2).inner_text().split())
        page.locator("figure svg[role=img]").wait_for()
        page.get_by_text("As a table").click()
        page.locator("figure tbody td").first.wait_for()
        rates = page.locator("figure tbody td:last-child").all_inner_texts()
        assert rates == ["20%", "35%", "55.3%"]
        alarm = page.locator(".says.alarm").inner_text()
        assert "Do not drive" in alarm
        assert "It began on Jun 2, 2026." in alarm


@pytest.mark.parametrize("where", ["changes?days=all&field=defect_summary", "recall/19V000003"])
def test_edits_of_long_texts_are_marked_by_word(browser: Browser, url: str, where: str) -> None:
    with open_page(browser, at(url, where)) as page:
        changed = page.locator(".edits bdi:has(ins)")
        assert changed.locator("del").all_inner_texts() == ["chafe", "leak"]
        both = changed.evaluate(
            "e => ['ins', 'del'].map(tag => { const copy = e.cloneNode(true);"
            "copy.querySelectorAll(tag).forEach(n => n.remove()); return copy.textContent })"
        )
        assert [" ".join(text.split()) for text in both] == [LONG, LONG_NOW]


def test_warnings_show_when_they_began_and_ended(browser: Browser, url: str) -> None:
    with open_page(browser, at(url, "warnings")) as page:
        rows = {
            name: page.get_by_role("table", name=name).locator("tbody tr").all_inner_texts()
            for name in ("Do not drive", "Warnings that were lifted")
        }
        began = [row.split("\t")[0] for row in rows["Do not drive"]]
        assert began == ["Jun 2, 2026", "before our first read"]
        lifted = rows["Warnings that were lifted"][0].split("\t")
        assert lifted[:3] == ["before our first read", "Jun 2, 2026", "Park outside"]
        assert "No recall is under this warning now." in page.locator("main").inner_text()


def test_long_warning_table_expands_on_click(browser: Browser, url: str) -> None:
    with open_page(browser, at(url, "warnings")) as page:
        page.evaluate(
            """async () => {
              const { code } = JSON.parse(document.querySelector("#site").textContent);
              const { warningTable } = await import(new URL(`${code}warnings.js`, location.href));
              const ids = Array.from({ length: 60 }, (_, at) => `19V${at}`);
              const list = ids.map((id) => ({ id, flag: "do_not_drive" }));
              document.body.append(warningTable("Many", list));
            }"""
        )
        shown = page.get_by_role("table", name="Many").locator("tbody tr").locator("visible=true")
        assert shown.count() == 50
        page.get_by_role("button", name="Show all 60").click()
        assert shown.count() == 60


def test_changes_count_days_back_from_the_last_read(browser: Browser, url: str) -> None:
    with open_page(browser, at(url, "changes")) as page:
        assert "1 change of 1 recall in 1 version" in page.locator(".found").inner_text()
        page.get_by_label("Days").select_option("all")
        page.get_by_text("in 2 versions").wait_for()
        page.get_by_label("Event").select_option("retracted")
        page.get_by_text("1 change of 1 recall").wait_for()
        assert page.locator("h3").all_inner_texts() == ["Gone soon"]
        assert "days=all&event=retracted" in page.url
        manufacturer_field(page).fill("no such maker")
        page.get_by_text("No change matches these filters").wait_for()


@pytest.mark.parametrize(
    ("last_read", "versions"),
    [("2026-07-02T00", "in 2 versions"), ("2026-07-03T00", "in 1 version")],
)
def test_last_30_days_are_30_days(
    browser: Browser, url: str, last_read: str, versions: str
) -> None:
    """The second version was read on June 2 at 11:30."""
    status = {"observed_at": f"{last_read}:00:00Z", "checks": {"passed": 1, "of": 1}}
    answers = {"status.json": {"json": status}}
    with open_page(browser, at(url, "changes?days=30"), answers=answers) as page:
        assert f"{versions}, up to" in page.locator(".found").inner_text()


def test_field_filter_shows_only_edits(browser: Browser, url: str) -> None:
    with open_page(browser, at(url, "changes?days=all&field=do_not_drive")) as page:
        badges = page.locator("li .badge").all_inner_texts()
        assert badges
        assert set(badges) == {"Edited"}
        names = page.get_by_label("Field").locator("option").all_inner_texts()
        assert {"Manufacturer", "Subject", "Component"} <= set(names)


def test_version_lists_warnings_first_and_edits_last(browser: Browser, url: str) -> None:
    with open_page(browser, at(url, "changes?days=all")) as page:
        cards = page.locator("ul.cards").last.locator(":scope > li")
        events = cards.locator(".head .badge").all_inner_texts()
        assert "Do not drive" in cards.first.inner_text()
        order = ["New", "Retracted", "Published again", "Edited"]
        assert events[1:] == sorted(events[1:], key=order.index)


def test_retracted_recall_shows_its_last_fields(browser: Browser, url: str) -> None:
    with open_page(browser, at(url, "recall/19v000004")) as page:
        text = page.locator("main").inner_text()
        assert "It was gone from NHTSA's data in our read of Jun 2, 2026" in text
        assert "Gone soon" in text
        assert "Dealers replace the hose." in text
        page.get_by_text(re.compile("^All .* fields$")).click()
        ended = page.locator(".life details dl").inner_text()
        assert "Gone soon" in ended
        assert "nothing" not in ended


def test_data_page_links_to_every_download(browser: Browser, url: str) -> None:
    with open_page(browser, at(url, "data")) as page:
        links = page.locator("article a[download]").evaluate_all("all => all.map(a => a.href)")
        assert links
        assert all(page.request.get(link).ok for link in links)
        page.get_by_text("How to read it").first.click()
        code = page.locator("pre").first
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy the code for").first.click()
        page.get_by_text("Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == code.text_content()


def test_keyboard_navigation_focuses_the_heading(browser: Browser, url: str) -> None:
    with open_page(browser, at(url)) as page:
        for _ in range(4):
            page.keyboard.press("Tab")  # the skip link, the brand, Overview, Do not drive
        page.keyboard.press("Enter")
        page.locator("h1:focus", has_text="Do not drive").wait_for()
        page.go_back()
        page.locator("h1:focus", has_text="Vehicle recalls").wait_for()


MISSING = {"status": 404, "body": ""}
NEWER = {"status": 200, "json": {"format": 1, "made_from": "newer", "code": "", "shards": {}}}


@pytest.mark.parametrize(
    ("where", "answers", "sentence"),
    [
        ("search", {"shards/texts": MISSING}, r"The file shards/texts.* is missing; run the task"),
        ("search", {"shards/texts": MISSING, "site.json": NEWER}, "has a newer version; reload"),
        ("", {"vendor/plot": MISSING, "site.json": NEWER}, "has a newer version; reload"),
        ("data", {"data.js": MISSING}, r"The file assets/.*/data.js is missing"),
        ("data", {"shards/": {"body": "{"}}, r"The file shards/datasets.* is damaged; run"),
        ("data", {"shards/": {"body": b"\x1f\x8bno"}}, r"shards/datasets.* is damaged; run"),
        ("data", {"shards/": {"status": 401, "body": ""}}, "login has expired; log in to Airflow"),
        ("", {"status.json": {"status": 401, "body": ""}}, "login has expired; log in to Airflow"),
        ("data", {"shards/": {"status": 500, "body": ""}}, "server answered 500 for shards/data"),
        ("recall/24V000000", {}, "No recall has the number 24V000000; check it"),
        ("manufacturer/Unknown", {}, "No manufacturer is named “Unknown”; search"),
        ("nothing", {}, "There is no such page; choose one from the menu"),
        ("manufacturer/%E0%A4%A", {}, "No manufacturer is named"),
    ],
)
def test_failure_shows_one_sentence_with_a_hint(
    browser: Browser, url: str, where: str, answers: dict, sentence: str
) -> None:
    with open_page(browser, at(url, where), answers=answers) as page:
        message = page.get_by_role("alert").inner_text()
        assert re.search(sentence, message), message
        assert message.count(". ") == 0


def test_missing_file_is_requested_again(browser: Browser, url: str) -> None:
    answers: dict[str, dict[str, object]] = {"shards/texts": MISSING}
    with open_page(browser, at(url, "search"), answers=answers) as page:
        page.get_by_role("alert").wait_for()
        answers.clear()
        go(page, "about")
        go(page, "search")
        assert page.locator(".found").inner_text() == "85 recalls found"


def test_page_without_status_shows_the_last_version(browser: Browser, url: str) -> None:
    with open_page(browser, at(url), answers={"status.json": MISSING}) as page:
        assert "Jul 10, 2026" in page.locator(".tiles").inner_text()
        assert page.locator("figure").count() == 5


def test_site_mounts_in_a_page_with_another_base_url(browser: Browser, url: str) -> None:
    """Airflow mounts it this way; links keep the path of the page."""
    with open_page(browser, f"{url}/host/page") as page:
        page.locator("#card").get_by_text("Do not drive now").wait_for()
        page.get_by_role("link", name="What changed").click()
        page.get_by_role("heading", name="What changed").wait_for()
        assert page.url == f"{url}/host/page#/changes"
        assert page.title() == "A host"


def test_missing_site_names_the_command_to_run(browser: Browser, url: str) -> None:
    with open_page(browser, f"{url}/host/page", answers={"site.json": MISSING}) as page:
        page.locator("#all").get_by_role("alert").wait_for()
        message = page.locator("#all").get_by_role("alert").inner_text()
        assert message == (
            "There is no site here yet; run the DAG vehicle_recalls (make run), "
            "then reload this page."
        )
