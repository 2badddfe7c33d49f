/* Data: what the lake holds, what its columns mean, and how to read it. */
import { badge, el, pageHead, table } from "./dom.js";
import { count, fileSize, moment } from "./format.js";
import { loadShard } from "./load.js";

export async function data(site) {
  const datasets = await loadShard(site, site.manifest.shards.datasets);
  const { feeds } = site.manifest;
  const file = (path, text) => el("a", { href: site.base + path }, text);
  return [
    pageHead("Data", "Every dataset of this lake, with its columns and a block of code to read it."),
    el(
      "p", {},
      "For programs: ", file("catalog.json", "catalog.json"), " lists every file, ", file("datapackage.json", "datapackage.json"),
      " describes every download.",
      feeds.changes && [" Feeds: ", file(feeds.changes, "all changes"), ", ", file(feeds.warnings, "do not drive and park outside"), "."],
    ),
    el("nav", { "aria-label": "Datasets" }, el("ul", { class: "chips" }, datasets.map((dataset) => el("li", {}, jump(dataset))))),
    datasets.map((dataset) => described(dataset, site)),
  ].flat();
}

/** The hash is the page's, so a jump is a click and not a link. */
function jump(dataset) {
  const go = ({ target }) => {
    const heading = target.getRootNode().getElementById(`dataset-${dataset.name}`);
    heading.scrollIntoView();
    heading.focus({ preventScroll: true });
  };
  return el("button", { type: "button", class: "quiet", onclick: go }, dataset.title);
}

function described(dataset, site) {
  const id = `dataset-${dataset.name}`;
  const facts = [
    ["Rows", count(dataset.rows)],
    ["Version", String(dataset.version)],
    ["Last read", dataset.files.length && moment(site.status.observed_at)], // of the recalls
    ["Last change", moment(dataset.changed_at)],
    ["Publisher", dataset.publisher],
  ];
  const { checks } = dataset;
  return el(
    "article", { class: "card", "aria-labelledby": id },
    el(
      "div", { class: "head" },
      el("h2", { id, tabindex: -1 }, dataset.title),
      checks && badge(checks.passed === checks.of ? "good" : "unsure", `${checks.passed} of ${checks.of} checks passed`),
    ),
    el("p", {}, dataset.grain.replaceAll("`", "")),
    el("dl", {}, facts.filter(([, value]) => value).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    dataset.files.length > 0 && downloads(dataset.files, site.base),
    fold(`Columns (${dataset.columns.length})`, () =>
      table(
        `Columns of ${dataset.title}`,
        ["Column", "Type", "Meaning"],
        dataset.columns.map((column) => [[el("code", {}, column.name), column.key && [" ", badge("plain", "key")]], el("code", {}, column.type), column.sentence]),
      ),
    ),
    dataset.reading.length > 0 && fold("How to read it", () => dataset.reading.map((reading) => block(reading, dataset.title))),
    dataset.folders.length > 0 &&
      fold("Which folder is which", () => el("dl", { class: "stacked" }, dataset.folders.map(({ path, sentence }) => el("div", {}, el("dt", {}, el("code", {}, path)), el("dd", {}, sentence))))),
  );
}

function downloads(files, base) {
  const line = ({ path, bytes, sha256 }) =>
    el("li", {}, el("a", { href: base + path, download: true }, "CSV, compressed with gzip"), ` ${fileSize(bytes)}`, el("span", { class: "hash" }, `sha256 ${sha256}`));
  return [el("h3", {}, "Downloads"), el("ul", { class: "plain-list" }, files.map(line))];
}

const fold = (name, content) => el("details", {}, el("summary", {}, name), content());

function block({ tool, code }, title) {
  const said = el("span", { role: "status", class: "small soft" });
  const text = el("code", {}, code);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code);
      said.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text);
      said.textContent = "Selected; copy it with the keyboard";
    }
  };
  return el(
    "section", { class: "code" },
    el("div", { class: "head" }, el("h3", {}, tool), el("span", {}, said, " ", el("button", { type: "button", class: "quiet", "aria-label": `Copy the code for ${tool}: ${title}`, onclick: copy }, "Copy"))),
    el("pre", { tabindex: 0, role: "region", "aria-label": `Code for ${tool}: ${title}` }, text),
  );
}
