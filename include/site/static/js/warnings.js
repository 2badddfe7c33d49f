/* Do not drive: the warnings that stand, since when, and those that were lifted. */
import { badge, caveat, el, makerLink, pageHead, recallLink, table, time } from "./dom.js";
import { count, day, orDash, percent } from "./format.js";
import { loadShard } from "./load.js";

const NAMES = { do_not_drive: "Do not drive", fire_risk_when_parked: "Park outside" };
const BEFORE = "before our first read";
const MEANING = {
  do_not_drive: "NHTSA tells owners to leave these vehicles parked until they are repaired.",
  fire_risk_when_parked: "NHTSA tells owners to park these vehicles outside and away from buildings until they are repaired.",
};

const AT_ONCE = 50;

/** The newest first. */
export const loadWarnings = async (site) =>
  (await loadShard(site, site.manifest.shards.warnings)).toSorted((a, b) => newest(b).localeCompare(newest(a)));
export const isOpen = (warning) => !warning.lifted_at && !warning.retracted;

export async function warnings(site) {
  const all = await loadWarnings(site);
  const ended = all.filter((warning) => !isOpen(warning));
  return [
    pageHead(
      "Do not drive and park outside",
      `Recalls under NHTSA's two strongest warnings, with the day on which each warning began. Our first read was on ${day(site.manifest.first_observed_at)}.`,
    ),
    el("p", { class: "small soft" }, caveat(site.manifest)),
    Object.keys(NAMES).map((flag) => standing(flag, all.filter((warning) => warning.flag === flag && isOpen(warning)))),
    el(
      "section", { "aria-labelledby": "lifted" },
      el("h2", { id: "lifted" }, "Lifted"),
      ended.length ? warningTable("Warnings that were lifted", ended) : el("p", { class: "soft" }, "No warning was lifted since our first read."),
    ),
  ].flat();
}

const newest = (warning) => warning.lifted_at ?? warning.began_at ?? warning.date ?? "";

function standing(flag, open) {
  return el(
    "section", { "aria-labelledby": `at-${flag}` },
    el("h2", { id: `at-${flag}`, tabindex: -1 }, NAMES[flag], " ", badge(open.length ? "alarm" : "plain", count(open.length))),
    el("p", { class: "soft" }, MEANING[flag]),
    open.length ? warningTable(NAMES[flag], open) : el("p", {}, "No recall is under this warning now."),
  );
}

/** A line for each warning; one that was lifted says when. */
export function warningTable(caption, list, ofOneManufacturer = false) {
  const wasLifted = list.some((warning) => !isOpen(warning));
  const isMixed = ofOneManufacturer || wasLifted;
  const columns = [
    ["Began", (warning) => (warning.began_at ? time(warning.began_at) : el("span", { class: "soft" }, BEFORE))],
    wasLifted && ["Lifted", (warning) => [time(warning.lifted_at), warning.retracted && ", with the recall"]],
    isMixed && ["Warning", (warning) => NAMES[warning.flag]],
    ["Recall", (warning) => [recallLink(warning.id, warning.subject), " ", el("span", { class: "number-of" }, warning.id)]],
    !ofOneManufacturer && ["Manufacturer", (warning) => makerLink(warning.manufacturer)],
    ["Received", (warning) => orDash(warning.date, time)],
    ["Affected", (warning) => orDash(warning.affected, count)],
    ["Completed", (warning) => orDash(warning.completion, percent)],
  ].filter(Boolean);
  const lines = list.map((warning) => columns.map(([, cell]) => cell(warning)));
  const shown = table(caption, columns.map(([name]) => name), lines, ["Affected", "Completed"]);
  const rest = [...shown.tBodies[0].rows].slice(AT_ONCE);
  for (const row of rest) row.hidden = true;
  const all = rest.length > 0 && el("button", { type: "button", class: "quiet", onclick: () => {
    for (const row of rest) row.hidden = false;
    all.remove();
  } }, `Show all ${count(list.length)}`);
  return el("div", { class: "card stack" }, shown, all);
}
