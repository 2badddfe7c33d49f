/* Search: all recalls as one types, sorted, in pages, and as CSV. */
import { badge, el, makerLink, pageHead, recallLink, said, time } from "./dom.js";
import { filterForm, noneFound, recallFields, typed } from "./filters.js";
import { count, orDash, percent, plural, toCsv } from "./format.js";
import { saveQuery } from "./route.js";
import { componentOf, DO_NOT_DRIVE, isoDay, loadRatedRows, loadTexts, manufacturerOf, PARK_OUTSIDE, pick, typeOf } from "./rows.js";

const PER_PAGE = 30;
const COLUMNS = [
  ["date", "Received"],
  ["id", "Number"],
  ["manufacturer", "Manufacturer"],
  ["subject", "Subject"],
  ["component", "Component"],
  ["affected", "Affected"],
  ["completion", "Completed"],
];
const CSV_HEAD = [
  "report_received_date", "nhtsa_id", "manufacturer", "subject", "component", "recall_type",
  "potentially_affected", "do_not_drive", "fire_risk_when_parked", "completion_rate",
];

export async function search(site, route) {
  const [rows, texts] = await Promise.all([loadRatedRows(site), loadTexts(site)]);
  const found = el("p", { class: "found", role: "status" });
  const results = el("div", {});
  const matches = () => sorted(rows, texts, containing(rows, texts, pick(rows, route.query), route.query.q), route.query.sort);
  const show = (query) => {
    saveQuery(route, query);
    const all = matches();
    found.textContent = all.length ? `${plural(all.length, "recall")} found` : noneFound(query);
    download.hidden = !all.length;
    results.replaceChildren(...(all.length ? listed(rows, texts, all, route, show) : []));
  };
  const download = el("button", { type: "button", class: "quiet", onclick: () => save(site, toCsv(CSV_HEAD, matches().map((row) => csvRow(rows, texts, row)))) }, "Download as CSV");
  const words = typed("q", "Words or a recall number", route.query.q, { type: "search", class: "words", placeholder: 'Such as ford "brake hose", or 24V-436' });
  const form = filterForm("Search the recalls", recallFields(rows, route.query), (query) => show({ ...query, sort: route.query.sort }), words);
  show(route.query);
  return [
    pageHead("Search", "All recalls by number, manufacturer, subject and component."),
    form,
    el("div", { class: "head" }, found, download),
    results,
  ];
}

/** The rows that contain each word and each quoted phrase, in any order. */
function containing(rows, texts, picked, q = "") {
  texts.haystack ??= texts.id.map((id, row) =>
    [id, manufacturerOf(rows, row), texts.subject[row], componentOf(rows, row)].join("\n").toLowerCase(),
  );
  const words = wordsOf(q.toLowerCase());
  return words.length ? picked.filter((row) => words.every((word) => texts.haystack[row].includes(word))) : picked;
}

/** A phrase may still lack its last quote; a recall number may have dashes, as in 24V-436. */
const wordsOf = (text) =>
  [...text.matchAll(/["“”]([^"“”]*)["“”]?|[^\s"“”]+/g)]
    .map(([word, phrase]) => phrase?.trim() ?? (/^\d\d[a-z]-[-\d]*$/.test(word) ? word.replaceAll("-", "") : word))
    .filter(Boolean);

/** `sort` is a column, with a minus for the largest first; missing values come last. */
function sorted(rows, texts, picked, sort = "-date") {
  const column = sort.replace("-", "");
  const sign = sort.startsWith("-") ? -1 : 1;
  if (column === "date") return sign > 0 ? picked : picked.toReversed();
  const rank = ranks(rows, texts, column);
  return picked.toSorted((a, b) => (rank[a] < 0 || rank[b] < 0 ? rank[b] - rank[a] : sign * (rank[a] - rank[b])) || b - a);
}

/** The place of each row's value among all of them, or -1: compared once, then sorted as numbers. */
function ranks(rows, texts, column) {
  texts.ranks ??= {};
  if (texts.ranks[column]) return texts.ranks[column];
  const valueOf = {
    id: (row) => texts.id[row],
    manufacturer: (row) => manufacturerOf(rows, row)?.toLowerCase(),
    subject: (row) => texts.subject[row]?.toLowerCase(),
    component: (row) => componentOf(rows, row),
    affected: (row) => rows.affected[row],
    completion: (row) => rows.completion[row],
  }[column] ?? ((row) => row);
  const values = texts.id.map((_, row) => valueOf(row));
  const distinct = [...new Set(values)].filter((value) => value != null).sort((a, b) => (a < b ? -1 : 1));
  const places = new Map(distinct.map((value, place) => [value, place]));
  texts.ranks[column] = values.map((value) => places.get(value) ?? -1);
  return texts.ranks[column];
}

function listed(rows, texts, all, route, show) {
  const pages = Math.ceil(all.length / PER_PAGE);
  const page = Math.min(Math.max(Math.trunc(Number(route.query.page)) || 1, 1), pages);
  const shown = all.slice((page - 1) * PER_PAGE, page * PER_PAGE);
  const turn = (number, text) =>
    el("button", { type: "button", class: "quiet", disabled: number < 1 || number > pages, onclick: () => show({ ...route.query, page: number }) }, text);
  return [
    el(
      "table", { class: "results" },
      el("caption", { class: "hidden" }, "Recalls found"),
      el("thead", {}, el("tr", {}, COLUMNS.map(([column, name]) => heading(column, name, route, show)))),
      el("tbody", {}, shown.map((row) => result(rows, texts, row))),
    ),
    pages > 1 &&
      el("nav", { class: "pages", "aria-label": "Pages of the result" }, turn(page - 1, "Previous"), el("span", {}, `Page ${count(page)} of ${count(pages)}`), turn(page + 1, "Next")),
  ].filter(Boolean);
}

function heading(column, name, route, show) {
  const sort = route.query.sort ?? "-date";
  const isSorted = sort.replace("-", "") === column;
  const isDown = isSorted ? sort.startsWith("-") : !["date", "affected", "completion"].includes(column);
  const next = isDown ? column : `-${column}`;
  const { page: _, ...query } = route.query;
  const mark = isSorted && el("span", { "aria-hidden": "true" }, sort.startsWith("-") ? " ↓" : " ↑");
  return el(
    "th", { scope: "col", class: column, "aria-sort": isSorted && (sort.startsWith("-") ? "descending" : "ascending") },
    el("button", { type: "button", class: "sort", onclick: () => show({ ...query, sort: next }) }, name, mark),
  );
}

function result(rows, texts, row) {
  const cell = (name, ...content) => el("td", { class: name }, content);
  const figure = (name, value, write) => cell(value == null ? `${name} none` : name, orDash(value, write));
  return el(
    "tr", {},
    cell("date", time(isoDay(rows, row))),
    cell("id", recallLink(texts.id[row], texts.id[row])),
    cell("manufacturer", makerLink(manufacturerOf(rows, row))),
    cell("subject", said(texts.subject[row] ?? "not given"), flags(rows.flags[row])),
    cell("component", said(componentOf(rows, row) ?? "not given")),
    figure("affected", rows.affected[row], count),
    figure("completion", rows.completion[row], percent),
  );
}

export const flags = (bits) => [
  bits & DO_NOT_DRIVE ? [" ", badge("alarm", "do not drive")] : null,
  bits & PARK_OUTSIDE ? [" ", badge("alarm", "park outside")] : null,
];

const csvRow = (rows, texts, row) => [
  isoDay(rows, row), texts.id[row], manufacturerOf(rows, row), texts.subject[row], componentOf(rows, row), typeOf(rows, row),
  rows.affected[row], Boolean(rows.flags[row] & DO_NOT_DRIVE), Boolean(rows.flags[row] & PARK_OUTSIDE), rows.completion[row],
];

function save({ manifest }, csv) {
  const url = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
  el("a", { href: url, download: manifest.made_up ? "made-up-recalls.csv" : "recalls.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
