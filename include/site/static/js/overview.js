/* Overview: the figures of today, and charts under one set of filters. */
import { completionChart, topChart, yearsChart } from "./charts.js";
import { el, pageHead } from "./dom.js";
import { filterForm, recallFields } from "./filters.js";
import { count, moment, plural, short } from "./format.js";
import { loadCode } from "./load.js";
import { alertOf } from "./problem.js";
import { hrefTo, hrefToManufacturer, saveQuery } from "./route.js";
import { completionPerYear, loadRatedRows, loadRows, perYear, pick, top } from "./rows.js";

const MOST_BARS = 10;

export function overview(site, route) {
  const rest = el("div", { class: "rest", "aria-busy": "true" });
  filtered(site, route)
    .catch(alertOf)
    .then((nodes) => {
      rest.replaceChildren(...nodes);
      rest.removeAttribute("aria-busy");
    });
  return [
    pageHead("Vehicle recalls in the United States", "Every recall that manufacturers reported to NHTSA, read and checked daily, with the day on which each one changed."),
    tiles(site),
    rest,
  ];
}

/** The charts under their filters, once the rows and the library are here. */
async function filtered(site, route) {
  const [rows, plot] = await Promise.all([loadRows(site), loadCode(site, "vendor/plot")]);
  const found = el("p", { class: "found", role: "status" });
  const charts = el("div", { class: "charts" });
  let drawing = 0;
  const draw = () => {
    const picked = pick(rows, route.query);
    const current = ++drawing;
    found.replaceChildren(...summary(rows, picked, route.query));
    charts.replaceChildren(...(picked.length ? drawn(plot, rows, picked, route.query) : []));
    charts.setAttribute("aria-busy", "true");
    loadRatedRows(site)
      .then((rated) => repairs(plot, rated, picked))
      .catch(alertOf)
      .then((nodes) => {
        if (current !== drawing) return; // drawn again meanwhile
        charts.append(...nodes);
        charts.removeAttribute("aria-busy");
      });
  };
  const form = filterForm("Filter the charts", recallFields(rows, route.query), (query) => {
    saveQuery(route, query);
    draw();
  });
  draw();
  return [form, found, charts];
}

function tiles({ manifest, status }) {
  const { totals } = manifest;
  const tile = (name, value, more, href, kind) =>
    el("div", { class: `card ${kind ?? ""}` }, el("dt", {}, name), el("dd", {}, href ? el("a", { href }, value) : value), el("dd", { class: "small soft" }, more));
  const warnings = hrefTo("warnings");
  return el(
    "dl", { class: "tiles" },
    tile("Recalls", count(totals.recalls), "since 1966"),
    tile("Vehicles and items", short(totals.affected), "a vehicle counts once per recall"),
    tile("Do not drive", count(totals.do_not_drive), "warnings open now", warnings, totals.do_not_drive && "loud"),
    tile("Park outside", count(totals.park_outside), "warnings open now", warnings, totals.park_outside && "loud"),
    tile("Last read", moment(status.observed_at).split(/, (?=\d+:)/)[0], moment(status.observed_at).split(/, (?=\d+:)/)[1]),
    tile("Version", String(manifest.version), `${status.checks.passed} of ${status.checks.of} checks passed`, hrefTo("changes")),
  );
}

function summary(rows, picked, query) {
  if (!picked.length) return ["No recall matches these filters; clear one of them."];
  const vehicles = picked.reduce((sum, row) => sum + (rows.affected[row] ?? 0), 0);
  return [
    el("strong", {}, plural(picked.length, "recall")), ` of ${short(vehicles)} vehicles and items. `,
    el("a", { href: hrefTo("search", "", query) }, "List them"),
  ];
}

function drawn(plot, rows, picked, query) {
  const cells = perYear(rows, picked);
  const makers = top(rows, picked, rows.manufacturer, rows.manufacturers, MOST_BARS);
  const components = top(rows, picked, rows.component, rows.components, MOST_BARS);
  const go = (href) => location.assign(href);
  const toComponent = (component) => hrefTo("search", "", { ...query, component });
  return [
    yearsChart(plot, cells, "recalls", { title: "Recalls per year", note: "By the year in which NHTSA received the report." }),
    yearsChart(plot, cells, "vehicles", { title: "Vehicles and items per year", note: "As reported; a vehicle in two recalls counts twice." }),
    topChart(plot, makers, {
      title: "Manufacturers with most recalls",
      note: "Names as NHTSA has them. Select a bar to open the manufacturer.",
      open: (name) => go(hrefToManufacturer(name)),
      link: hrefToManufacturer,
    }),
    topChart(plot, components, {
      title: "Components with most recalls",
      note: "Select a bar to list its recalls.",
      open: (name) => go(toComponent(name)),
      link: toComponent,
    }),
  ];
}

function repairs(plot, rows, picked) {
  const rates = completionPerYear(rows, picked);
  if (!rates.length) return [];
  return [
    completionChart(plot, rates, {
      title: "How far repairs are",
      note: "Completion rate by year of the recall: the median, and the range of the middle 50% of recalls. Repairs of recent recalls are still going on.",
    }),
  ];
}
