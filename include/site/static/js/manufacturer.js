/* One manufacturer: its recalls by year and component, its warnings, its lowest completion rates. */
import { topChart, yearCharts } from "./charts.js";
import { el, makerLink, plain, recallLink, said, table, time } from "./dom.js";
import { count, orDash, percent, plural, short } from "./format.js";
import { loadCode, loadShard } from "./load.js";
import { Problem } from "./problem.js";
import { hrefTo } from "./route.js";
import { isoDay, loadRatedRows, loadTexts, perYear, pick, top, totalsOf } from "./rows.js";
import { isOpen, loadWarnings, warningTable } from "./warnings.js";

const MOST_BARS = 10;
const LOWEST = 10;

export async function manufacturer(site, route) {
  const name = route.subject;
  const rows = await loadRatedRows(site);
  const index = rows.manufacturers.indexOf(name);
  if (index < 0) throw new Problem(`No manufacturer is named “${plain(name).slice(0, 60)}”; search for a part of the name.`);
  const [plot, texts, warnings, spellings] = await Promise.all([
    loadCode(site, "vendor/plot"), loadTexts(site), loadWarnings(site), loadShard(site, site.manifest.shards.manufacturers),
  ]);
  const picked = pick(rows, { manufacturer: name });
  const { recalls, affected } = totalsOf(rows, picked);
  const others = (spellings.same_name.find((same) => same.includes(index)) ?? []).filter((other) => other !== index);
  const open = warnings.filter((warning) => warning.manufacturer === name && isOpen(warning));
  const feed = site.manifest.feeds.manufacturers?.[name];
  return [
    el(
      "div", { class: "page-head" },
      el("p", { class: "small soft" }, "Manufacturer"),
      el("h1", { tabindex: -1 }, said(name)),
      el("p", {}, `${plural(recalls, "recall")} of ${short(affected)} vehicles and items. `, el("a", { href: hrefTo("search", "", { manufacturer: name }) }, "List them"), feed && [" · ", el("a", { href: site.base + feed }, "Feed of changes")]),
      others.length > 0 &&
        el("p", { class: "small" }, "Also spelled ", others.map((other, at) => [at > 0 && ", ", makerLink(rows.manufacturers[other])]), ". NHTSA keeps each spelling; the figures here are of this one alone."),
    ),
    open.length > 0 &&
      el("section", { "aria-labelledby": "warned" }, el("h2", { id: "warned" }, "Do not drive and park outside"), warningTable("Warnings that stand", open, true)),
    el(
      "div", { class: "charts" },
      yearCharts(plot, perYear(rows, picked)),
      topChart(plot, top(rows, picked, rows.component, rows.components, MOST_BARS), {
        title: "Components", hint: "Select a bar to list its recalls.", link: (component) => hrefTo("search", "", { manufacturer: name, component }),
      }),
      lowest(rows, texts, picked),
    ),
  ].filter(Boolean);
}

function lowest(rows, texts, picked) {
  const rated = picked.filter((row) => rows.completion[row] != null);
  const worst = rated.toSorted((a, b) => rows.completion[a] - rows.completion[b]).slice(0, LOWEST);
  const head = ["Recall", "Received", "Affected", "Completed"];
  const lines = worst.map((row) => [
    recallLink(texts.id[row], texts.subject[row]), time(isoDay(rows, row)), orDash(rows.affected[row], count), percent(rows.completion[row]),
  ]);
  return el(
    "section", { class: "card chart", "aria-labelledby": "lowest" },
    el("h2", { id: "lowest" }, "Lowest completion rates"),
    el("p", { class: "soft small" }, worst.length ? `Of its ${plural(rated.length, "recall")} with a completion rate.` : "NHTSA gives no completion rate for its recalls."),
    worst.length > 0 && table("Lowest completion rates", head, lines, ["Affected", "Completed"]),
  );
}
