/* Overview: the figures of today, and charts under one set of filters. */
import { completionChart, topChart, yearCharts } from "./charts.js";
import { el, pageHead } from "./dom.js";
import { filterForm, noneFound, recallFields } from "./filters.js";
import { count, moment, plural, short } from "./format.js";
import { loadCode } from "./load.js";
import { alertOf } from "./problem.js";
import { hrefTo, saveQuery } from "./route.js";
import { completionPerYear, loadRatedRows, loadRows, MIN_RATES, perYear, pick, top, totalsOf } from "./rows.js";

const MOST_BARS = 10;

export function overview(site, route) {
  const isFiltered = Object.keys(route.query).length > 0;
  const cards = el("div", {}, tiles(site, isFiltered ? {} : site.manifest.totals, route.query));
  const rest = el("div", { class: "rest", "aria-busy": "true" });
  filtered(site, route, cards)
    .catch(alertOf)
    .then((nodes) => {
      rest.replaceChildren(...nodes);
      rest.removeAttribute("aria-busy");
    });
  return [
    pageHead("Vehicle recalls in the United States", "Every recall that manufacturers reported to NHTSA, read and checked daily, with the day on which each one changed."),
    cards,
    rest,
  ];
}

/** The charts under their filters; the rows and the library load once the cards are seen. */
async function filtered(site, route, cards) {
  await painted();
  const [rows, plot] = await Promise.all([loadRows(site), loadCode(site, "vendor/plot")]);
  await pause();
  const found = el("p", { class: "found", role: "status" });
  const charts = el("div", { class: "charts" });
  let drawing = 0;
  const draw = () => {
    const current = ++drawing;
    const picked = pick(rows, route.query);
    const totals = totalsOf(rows, picked);
    cards.replaceChildren(tiles(site, totals, route.query));
    found.replaceChildren(...summary(totals, route.query));
    charts.setAttribute("aria-busy", "true");
    chartsOf(site, plot, rows, picked, route.query)
      .catch(alertOf)
      .then((nodes) => {
        if (current !== drawing) return; // drawn again meanwhile
        charts.replaceChildren(...nodes);
        charts.removeAttribute("aria-busy");
      });
  };
  const form = filterForm("Filter the charts", recallFields(rows, route.query), (query) => {
    saveQuery(route, query);
    draw();
  });
  await pause();
  draw();
  return [form, found, charts];
}

const painted = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))));

/** Lets the page answer between two long steps. */
const pause = () => new Promise((resolve) => setTimeout(resolve));

/** The figures of the recalls that the filters pick; of the rows to come they are not known. */
function tiles({ manifest, status }, totals, query) {
  const figure = (total, write = count) => (total == null ? "…" : write(total));
  const tile = (name, value, more, href, kind) =>
    el("div", { class: `card ${kind ?? ""}` }, el("dt", {}, name), el("dd", {}, href ? el("a", { href }, value) : value), el("dd", { class: "small soft" }, more));
  const isFiltered = Object.keys(query).length > 0;
  const warned = (name, total, flag) =>
    tile(name, figure(total), "warnings open now", !isFiltered && hrefTo("warnings", flag), total && "loud");
  return el(
    "dl", { class: "tiles" },
    tile("Recalls", figure(totals.recalls), isFiltered ? "match the filters" : "since 1966"),
    tile("Vehicles and items", figure(totals.affected, short), "a vehicle counts once per recall"),
    warned("Do not drive", totals.do_not_drive, "do_not_drive"),
    warned("Park outside", totals.park_outside, "fire_risk_when_parked"),
    tile("Last read", moment(status.observed_at).split(/, (?=\d+:)/)[0], moment(status.observed_at).split(/, (?=\d+:)/)[1]),
    tile("Version", String(manifest.version), `${status.checks.passed} of ${status.checks.of} checks passed`, hrefTo("changes")),
  );
}

function summary({ recalls, affected }, query) {
  if (!recalls) return [noneFound(query)];
  return [
    el("strong", {}, plural(recalls, "recall")), ` of ${short(affected)} vehicles and items. `,
    el("a", { href: hrefTo("search", "", query) }, "List them"),
  ];
}

async function chartsOf(site, plot, rows, picked, query) {
  if (!picked.length) return [];
  const completion = loadRatedRows(site).then((rated) => repairs(plot, rated, picked)).catch(alertOf);
  const nodes = [];
  for (const chart of [perYearCharts, topManufacturers, topComponents]) {
    await pause();
    nodes.push(chart(plot, rows, picked, query));
  }
  return [...nodes.flat(), ...(await completion)];
}

const perYearCharts = (plot, rows, picked) => yearCharts(plot, perYear(rows, picked));

const topManufacturers = (plot, rows, picked) =>
  topChart(plot, top(rows, picked, rows.manufacturer, rows.manufacturers, MOST_BARS), {
    title: "Manufacturers with most recalls",
    note: "Names as NHTSA has them.",
    hint: "Select a bar to open the manufacturer.",
    link: (name) => hrefTo("manufacturer", name),
  });

const topComponents = (plot, rows, picked, query) =>
  topChart(plot, top(rows, picked, rows.component, rows.components, MOST_BARS), {
    title: "Components with most recalls",
    hint: "Select a bar to list its recalls.",
    link: (component) => hrefTo("search", "", { ...query, component }),
  });

function repairs(plot, rows, picked) {
  const rates = completionPerYear(rows, picked);
  if (!rates.length) return [];
  return [
    completionChart(plot, rates, {
      title: "How far repairs are",
      note: `Completion rate by year of the recall: the median, and the range of the middle 50%. A year with fewer than ${MIN_RATES} rates is left out. Repairs of recent recalls are still going on.`,
    }),
  ];
}
