/* What changed: the events of the ledger, newest version first. */
import { el, makerLink, pageHead, recallLink } from "./dom.js";
import { changedFields, eventBadge } from "./events.js";
import { choice, filterForm, manufacturerField } from "./filters.js";
import { day, eventName, fieldName, FIELDS, moment, plural } from "./format.js";
import { loadShard } from "./load.js";
import { alertOf } from "./problem.js";
import { saveQuery } from "./route.js";

const MS_PER_DAY = 86_400_000;
const AT_ONCE = 40;
const SPANS = [["", "Last 7 days"], ["30", "Last 30 days"], ["90", "Last 90 days"], ["all", "All days"]];
const WARNINGS = ["do_not_drive", "fire_risk_when_parked"];
const EVENTS = ["published", "edited", "retracted", "republished"];
const ORDER = ["published", "retracted", "republished", "edited"];

export async function changes(site, route) {
  const list = el("div", {});
  const found = el("p", { class: "found", role: "status" });
  const show = async () => {
    const query = route.query;
    const months = await loadMonths(site, query.days);
    if (query !== route.query) return; // a later choice is on its way
    const events = months.events.filter(passes(query, since(site, query.days), months.times));
    found.textContent = `${plural(events.length, "change")} of ${plural(distinct(events, 1), "recall")} in ${plural(distinct(events, 0), "version")}, up to the last read on ${day(site.status.observed_at)}.`;
    list.replaceChildren(events.length ? versionsOf(events, months.times) : nothing(query));
    return months;
  };
  const months = await show();
  const makers = [...new Set(months.events.map((event) => event[2]).filter(Boolean))];
  const form = filterForm(
    "Filter the changes",
    [
      choice("days", "Days", SPANS, route.query.days),
      choice("event", "Event", [["", "All"], ...EVENTS.map((event) => [event, eventName(event)])], route.query.event),
      choice("field", "Field", [["", "All"], ...FIELDS.map((field) => [field, fieldName(field)])], route.query.field),
      manufacturerField(makers, route.query.manufacturer),
    ],
    (query) => {
      saveQuery(route, query);
      show().catch((problem) => list.replaceChildren(...alertOf(problem)));
    },
  );
  return [
    pageHead("What changed", `What NHTSA added, edited and retracted since our first read on ${day(site.manifest.first_observed_at)}, by the day on which we saw it.`),
    form, found, list,
  ];
}

/** The days count back from the last read, so a lake at rest still shows its last changes. */
function since(site, days) {
  if (days === "all") return "";
  const last = Date.parse(site.status.observed_at ?? site.manifest.observed_at);
  return new Date(last - ({ 30: 30, 90: 90 }[days] ?? 7) * MS_PER_DAY).toISOString();
}

async function loadMonths(site, days) {
  const paths = Object.entries(site.manifest.shards.changes);
  const first = since(site, days).slice(0, 7);
  const wanted = paths.filter(([month]) => month >= first).toSorted(([a], [b]) => b.localeCompare(a));
  const months = await Promise.all(wanted.map(([, path]) => loadShard(site, path)));
  return {
    times: new Map(months.flatMap((month) => month.versions)),
    events: months.flatMap((month) => month.events).toSorted((a, b) => b[0] - a[0] || rank(a) - rank(b)),
  };
}

/** Within a version: warnings that were given, then new recalls, other whole recalls, edits. */
const rank = ([, , , , event, edits]) =>
  edits.some(([field, , now]) => WARNINGS.includes(field) && now === "true") ? -1 : ORDER.indexOf(event);

const distinct = (events, at) => new Set(events.map((event) => event[at])).size;

function passes(query, first, times) {
  const maker = query.manufacturer?.toLowerCase();
  return ([version, , manufacturer, , event, edits]) =>
    Date.parse(times.get(version)) >= (first ? Date.parse(first) : 0) &&
    (!query.event || event === query.event) &&
    (!query.field || (event === "edited" && edits.some(([field]) => field === query.field))) &&
    (!maker || manufacturer?.toLowerCase().includes(maker));
}

const nothing = (query) =>
  el("p", { class: "card" }, query.event || query.field || query.manufacturer ? "No change matches these filters; clear one of them." : "Nothing changed in these days; choose a longer time.");

/** A version under its day; a long list goes on at a button. */
function versionsOf(events, times) {
  const list = el("div", {});
  const more = el("button", { type: "button", class: "quiet", onclick: () => add() });
  let shown = 0;
  let section;
  let last;
  function add() {
    const next = events.slice(shown, shown + AT_ONCE);
    for (const event of next) {
      if (event[0] !== last) {
        last = event[0];
        section = el("ul", { class: "cards" });
        const size = events.filter(([version]) => version === last).length;
        list.append(
          el("h2", { class: "version" }, day(times.get(last))),
          el("p", { class: "soft small" }, `Version ${last}, read ${moment(times.get(last))} · ${plural(size, "recall")}`),
          section,
        );
      }
      section.append(item(event));
    }
    shown += next.length;
    more.textContent = `Show ${Math.min(AT_ONCE, events.length - shown)} more of ${plural(events.length, "change")}`;
    more.hidden = shown >= events.length;
  }
  add();
  return el("div", {}, list, more);
}

function item([, id, manufacturer, subject, event, edits]) {
  return el(
    "li", { class: "card" },
    el("div", { class: "head" }, el("h3", {}, recallLink(id, subject)), eventBadge(event)),
    el("p", { class: "small" }, el("span", { class: "number-of" }, id), " · ", makerLink(manufacturer)),
    changedFields(event, edits),
  );
}
