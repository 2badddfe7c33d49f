// The pages of recalls_plugin.py as React components, each under its name in window.
const { createElement: h, useEffect, useRef } = globalThis.React;
const at = (path) => new URL(path, document.baseURI);
const base = at("recalls/").pathname;

class Problem extends Error {}

async function get(path) {
  const answer = await fetch(at(path)).catch(() => {
    throw new Problem("Airflow does not answer; reload the page when it runs again.");
  });
  if (answer.ok) return answer.json();
  const { detail } = await answer.json().catch(() => ({}));
  const sentence = {
    401: "Your login has expired; log in again.",
    403: "Your role may not see this; ask for the right to read the DAG.",
  }[answer.status];
  const problem = new Problem(sentence ?? detail ?? `Airflow answered ${answer.status}.`);
  throw Object.assign(problem, { status: answer.status });
}

function show(error, element) {
  if (!(error instanceof Problem)) console.error(error);
  const login = `api/v2/auth/login?next=${encodeURIComponent(location.href)}`;
  const sentence = error instanceof Problem ? error.message : `This page failed: ${error.message}.`;
  element.replaceChildren(tag("p", sentence, { style: "padding: 0.5rem" }));
  if (error.status === 401) element.append(tag("a", "Log in", { href: at(login), style: "padding: 0.5rem; text-decoration: underline" }));
}

// A component that fills its element once, and says in a sentence why it could not.
const page = (style, fill) => function Page(props) {
  const root = useRef();
  useEffect(() => {
    root.current.textContent = "Loading…";
    fill(root.current, props).catch((error) => show(error, root.current));
  }, [props.dagId, props.runId]);
  return h("div", { ref: root, style });
};

async function showSite(element, mount = "mountRecalls") {
  await get(`${base}site.json`); // which says why there is none
  const site = await import(`${base}code/app.js`);
  await site[mount](element, base);
}

async function showCard(element) {
  const card = tag("div");
  element.replaceChildren(tag("a", "Vehicle recalls", { href: at("plugin/recalls"), style: "color: var(--chakra-colors-fg-info); text-decoration: underline" }), card);
  await showSite(card, "mountCard").catch((error) => show(error, card));
}

async function showReport(element, { dagId, runId }) {
  const run = `api/v2/dags/${dagId}/dagRuns/${encodeURIComponent(runId)}`;
  const { value } = await get(`${run}/taskInstances/report/xcomEntries/return_value`).catch((error) => {
    throw error.status === 404 ? new Problem("This run has no report; its task `report` writes one when it succeeds.") : error;
  });
  element.replaceChildren(...blocks(value));
}

// The report of the last run; for recalls, folded above the site.
async function showResult(element, { dagId }) {
  const report = tag("div");
  const site = tag("div");
  element.replaceChildren(report, site);
  const { dag_runs: [last] } = await get(`api/v2/dags/${dagId}/dagRuns?state=success&order_by=-run_after&limit=1`);
  if (last) await showReport(report, { dagId, runId: last.dag_run_id }).catch((error) => show(error, report));
  else report.textContent = "No run of this DAG has succeeded yet; the report of the last one will be here.";
  if (!dagId.startsWith("vehicle_recalls")) return;
  const [title, ...rest] = report.childNodes;
  const folded = tag("details", "", { style: "margin-bottom: 1em" });
  folded.append(tag("summary", `Last run: ${title.textContent}`), ...rest);
  report.replaceChildren(folded);
  await showSite(site).catch((error) => show(error, site));
}

// Our reports are Markdown with headings, lists, bold and indented tables, and nothing else.
function blocks(markdown) {
  return markdown.trim().split(/\n{2,}|\n(?=#)|(?<=^#.*)\n/m).map((block) => {
    const lines = block.split("\n");
    const heading = /^(#+) (.*)/.exec(block);
    if (heading) return tag(`h${heading[1].length}`, heading[2], { style: "font-weight: 600; font-size: 1.2em; margin-bottom: 0.5em" });
    if (lines.every((line) => line.startsWith("    "))) return tag("pre", block.replace(/^ {4}/gm, ""), { style: "overflow-x: auto; font-size: 0.85em" });
    if (!block.startsWith("- ")) return tag("p", block, { style: "margin-bottom: 1em" });
    const list = tag("ul", "", { style: "list-style: disc; padding-left: 1.5em; margin-bottom: 1em" });
    list.append(...lines.map((line) => tag("li", line.replace(/^- /, ""), { style: "overflow-wrap: anywhere" })));
    return list;
  });
}

function tag(name, text = "", attributes = {}) {
  const element = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  text.split(/\*\*(.+?)\*\*/).forEach((part, i) => element.append(i % 2 ? tag("strong", part) : part));
  return element;
}

globalThis["Recalls"] = page({ width: "100%" }, (element) => showSite(element));
globalThis["Recalls card"] = page({}, showCard);
globalThis["Result"] = page({ padding: "1rem" }, showResult);
globalThis["Run report"] = page({ padding: "1rem" }, showReport);
