/* The site: a frame around one page at a time, inside a shadow root of any element. */
import { el, plain } from "./dom.js";
import { count, moment } from "./format.js";
import { loadCode, openSite } from "./load.js";
import { alertOf, Problem } from "./problem.js";
import { currentRoute, hrefTo } from "./route.js";

// Each is a module with a function of its name.
const PAGES = ["overview", "warnings", "changes", "search", "recall", "manufacturer", "data", "about"];
const MENU = [
  ["", "Overview"],
  ["warnings", "Do not drive"],
  ["changes", "What changed"],
  ["search", "Search"],
  ["data", "Data"],
  ["about", "About"],
];

/** Shows the site in `element`; `base` is the path of its files and ends with a slash. */
export async function mountRecalls(element, base) {
  const first = nameOf(currentRoute());
  if (PAGES.includes(first)) import(`./${first}.js`).catch(() => {}); // while the style sheet comes
  const opening = openSite(base);
  opening.catch(() => {}); // said below
  const root = await styledRoot(element);
  const main = el("main", { class: "page", tabindex: -1 }, el("p", { class: "soft" }, "Loading…"));
  const menu = el("ul", {});
  const skip = el("a", { class: "skip", href: location.href, onclick: (event) => (event.preventDefault(), main.focus()) }, "Skip to content");
  const frame = el(
    "div", { class: "site" },
    el("header", {}, skip, el("a", { class: "brand", href: hrefTo("") }, "≈ Headwaters"), el("nav", { "aria-label": "Pages" }, menu)),
    main,
  );
  let site;
  let shown; // the address of the page that is seen
  let turns = 0;
  const show = async () => {
    const turn = ++turns;
    const route = currentRoute();
    menu.replaceChildren(...MENU.map(([page, name]) => el("li", {}, el("a", { href: hrefTo(page), "aria-current": page === route.page && "page" }, name))));
    main.setAttribute("aria-busy", "true");
    const content = await contentOf(site, route);
    if (turn !== turns) return; // a later click is on its way
    main.replaceChildren(...content.flat(Infinity).filter(Boolean));
    main.removeAttribute("aria-busy");
    const heading = main.querySelector("h1");
    if (document.getElementById("site")) document.title = `${plain(heading.textContent)} · Headwaters`;
    const address = `${route.page}/${route.subject}`;
    const target = [...main.querySelectorAll("h2")].find(({ id }) => id === `at-${route.subject}`);
    if (target && shown !== address) {
      target.scrollIntoView();
      target.focus({ preventScroll: true });
    } else if (shown && shown !== address) {
      scrollTo(0, 0);
      heading.focus({ preventScroll: true });
    }
    shown = address;
  };
  try {
    site = await opening;
  } catch (problem) {
    main.replaceChildren(...sorry(problem));
    root.append(frame);
    return;
  }
  if (site.manifest.made_up) frame.prepend(madeUp(site.manifest));
  frame.append(footer(site));
  root.append(frame);
  addEventListener("hashchange", () => element.isConnected && show());
  addEventListener("beforeprint", (event) => main.querySelectorAll(".frame").forEach((frame) => frame.dispatchEvent(new Event(event.type))));
  await show();
}

const nameOf = ({ page }) => page || "overview";

async function contentOf(site, route) {
  const name = nameOf(route);
  try {
    if (!PAGES.includes(name)) throw new Problem("There is no such page; choose one from the menu.");
    const { [name]: page } = await loadCode(site, name);
    return await page(site, route);
  } catch (problem) {
    return sorry(problem);
  }
}

const sorry = (problem) => [el("h1", { tabindex: -1 }, "This cannot be shown"), alertOf(problem)].flat();

const madeUp = ({ publisher }) =>
  el("aside", { class: "made-up", "aria-label": "Made-up data" }, el("strong", {}, "Made-up data"), ` (${publisher}): these recalls do not exist.`);

function footer({ base, manifest, status }) {
  const feed = (path, name) => path && [" · ", el("a", { href: base + path }, name)];
  const { feeds } = manifest;
  return el(
    "footer", {},
    el("p", {}, `Version ${manifest.version} · last read ${moment(status.observed_at)}`, feed(feeds.changes, "Feed of changes"), feed(feeds.warnings, "Feed of warnings")),
    el("p", {}, `${manifest.made_up ? "Made-up recalls" : "Recalls from NHTSA"}. Days are those of UTC.`),
  );
}

/** A small card: the last read, the version, the checks, and the warnings of today. */
export async function mountCard(element, base) {
  const root = await styledRoot(element);
  let content;
  try {
    const { manifest, status } = await openSite(base);
    const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
    content = [
      manifest.made_up && madeUp(manifest),
      el(
        "dl", {},
        fact("Last read", moment(status.observed_at)),
        fact("Version", String(manifest.version)),
        fact("Checks passed", `${status.checks.passed} of ${status.checks.of}`),
        fact("Do not drive now", count(manifest.totals.do_not_drive)),
      ),
    ];
  } catch (problem) {
    content = alertOf(problem);
  }
  root.append(el("div", { class: "site small-card" }, content));
}

/** A shadow root with the style sheet in it, loaded before anything is seen. */
async function styledRoot(element) {
  const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  const link = el("link", { rel: "stylesheet", href: new URL("style.css", import.meta.url).href });
  const loaded = new Promise((resolve) => ["load", "error"].forEach((event) => link.addEventListener(event, resolve)));
  root.replaceChildren(link);
  await loaded;
  return root;
}

const home = document.getElementById("recalls-site");
if (home) mountRecalls(home, new URL(".", location.href).pathname);
