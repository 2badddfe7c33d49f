/* One recall: every field, and its life as the ledger saw it. */
import { rateChart } from "./charts.js";
import { badge, caveat, el, makerLink, nhtsaUrl, said, says } from "./dom.js";
import { changedFields, eventBadge } from "./events.js";
import { day, fieldName, fieldValue, moment } from "./format.js";
import { loadCode, loadShard } from "./load.js";
import { Problem } from "./problem.js";
import { hrefTo } from "./route.js";
import { loadRows, loadTexts } from "./rows.js";
import { isOpen, loadWarnings } from "./warnings.js";

const TEXTS = ["defect_summary", "consequence_summary", "corrective_action"];
const ELSEWHERE = new Set([...TEXTS, "nhtsa_id", "subject", "manufacturer", "recall_link"]);

export async function recall(site, route) {
  const id = route.subject.toUpperCase();
  const [found, warnings] = await Promise.all([find(site, id), loadWarnings(site)]);
  if (!found) throw new Problem(`No recall has the number ${id.slice(0, 20)}; check it, or search for a word of its subject.`);
  const { fields, life, isRetracted } = found;
  const rates = completionPoints(site, life);
  const plot = rates.length > 1 ? await loadCode(site, "vendor/plot") : null;
  return [
    el(
      "div", { class: "page-head" },
      el("p", { class: "small" }, el("span", { class: "number-of" }, id), " · ", makerLink(fields.manufacturer)),
      el("h1", { tabindex: -1 }, said(fields.subject ?? `Recall ${id}`)),
    ),
    isRetracted && says("bad", el("strong", {}, "Retracted."), ` It was gone from NHTSA's data in our read of ${day(life.at(-1)?.[1])}; these are its last known fields.`),
    warnings.filter((warning) => warning.id === id && isOpen(warning)).map(alarm),
    el(
      "div", { class: "two" },
      el(
        "div", {},
        whole(fields, site.manifest),
        plot && rateChart(plot, rates, { title: "Completion rate", note: "Percent of the affected items that were remedied, by the day on which we saw it change." }),
      ),
      el("section", { "aria-labelledby": "life" }, el("h2", { id: "life" }, "History"), timeline(site, life)),
    ),
  ].flat();
}

/** The year is most often in the number; else the row knows it. */
async function find(site, id) {
  const digits = Number(id.slice(0, 2));
  const guess = String(digits >= 66 ? 1900 + digits : 2000 + digits);
  const found = await findIn(site, guess, id);
  if (found) return found;
  const [rows, texts] = await Promise.all([loadRows(site), loadTexts(site)]);
  const row = texts.id.indexOf(id);
  return row < 0 ? null : findIn(site, String(rows.year[row]), id);
}

async function findIn(site, year, id) {
  const path = site.manifest.shards.years[year];
  if (!path) return null;
  const shard = await loadShard(site, path);
  const at = shard.columns.indexOf("nhtsa_id");
  const row = shard.rows.find((values) => values[at] === id);
  const fields = row ? Object.fromEntries(shard.columns.map((name, index) => [name, row[index]])) : shard.retracted[id];
  return fields ? { fields, life: shard.life[id] ?? [], isRetracted: !row } : null;
}

function whole(fields, manifest) {
  const { made_up } = manifest;
  const link = !made_up && nhtsaUrl(fields.recall_link);
  const facts = Object.entries(fields).filter(([name]) => !ELSEWHERE.has(name));
  return el(
    "article", { class: "card" },
    el("dl", {}, facts.map(([name, value]) => fact(name, value))),
    TEXTS.map((name) => [el("h2", { class: "text-name" }, fieldName(name)), el("p", { class: "prose" }, said(fields[name] ?? "Not given."))]),
    el("p", {}, link ? el("a", { href: link, rel: "noreferrer", target: "_blank" }, "This recall at NHTSA") : made_up ? "NHTSA has no page on a made-up recall." : "NHTSA gives no link to this recall."),
    el("p", { class: "small soft" }, caveat(manifest)),
  );
}

function fact(name, value) {
  const text = value == null ? "not given" : fieldValue(name, String(value));
  return el("div", {}, el("dt", {}, fieldName(name)), el("dd", {}, said(text)));
}

function alarm(warning) {
  const sentence = {
    do_not_drive: "Do not drive: NHTSA tells owners of affected vehicles to leave them parked until they are repaired.",
    fire_risk_when_parked: "Park outside: NHTSA tells owners of affected vehicles to park them away from buildings until they are repaired.",
  }[warning.flag];
  const since = warning.began_at ? `It began on ${day(warning.began_at)}.` : "It began before our first read.";
  return el("div", { class: "says alarm" }, el("p", {}, sentence), el("p", { class: "small" }, since, " ", el("a", { href: hrefTo("warnings") }, "All warnings")));
}

/** [{at, rate, day}]: the rate before its first change, each change, and the rate until now. */
function completionPoints(site, life) {
  const changes = life.flatMap(([, observedAt, , edits]) =>
    edits.filter(([field]) => field === "completion_rate").map(([, old, now]) => ({ at: observedAt, old, now })),
  );
  if (!changes.length) return [];
  const point = (at, rate) => ({ at: new Date(at), rate: rate == null ? null : Number(rate), day: day(at) });
  const { first_observed_at: firstAt } = site.manifest;
  const before = changes[0].old != null && firstAt < changes[0].at ? [point(firstAt, changes[0].old)] : [];
  const lastAt = site.status.observed_at;
  const after = lastAt > changes.at(-1).at ? [point(lastAt, changes.at(-1).now)] : [];
  return [...before, ...changes.map(({ at, now }) => point(at, now)), ...after].filter(({ rate }) => rate != null);
}

function timeline(site, life) {
  const first = site.manifest.first_observed_at;
  const cameLater = life[0]?.[2] === "published";
  const step = (at, head, body) =>
    el("li", {}, el("p", { class: "head" }, el("time", { datetime: at }, day(at)), head), body);
  return el(
    "ol", { class: "life" },
    !cameLater && step(first, badge("plain", "First read"), el("p", { class: "soft small" }, "The recall was already there; what changed before this day is not known.")),
    life.map(([version, at, event, edits]) =>
      step(at, eventBadge(event), [el("p", { class: "soft small" }, `Version ${version}, read ${moment(at)}`), changedFields(event, edits)]),
    ),
    life.length === 0 && step(site.status.observed_at, badge("plain", "Last read"), el("p", { class: "soft small" }, "No change since.")),
  );
}
