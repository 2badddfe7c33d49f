/* Do not drive: the warnings that stand, since when, and those that were lifted. */
import { badge, el, pageHead, said } from "./dom.js";
import { count, day, percent } from "./format.js";
import { loadShard } from "./load.js";
import { hrefToManufacturer, hrefToRecall } from "./route.js";

const NAMES = { do_not_drive: "Do not drive", fire_risk_when_parked: "Park outside" };
const MEANING = {
  do_not_drive: "NHTSA tells owners to leave these vehicles parked until they are repaired.",
  fire_risk_when_parked: "NHTSA tells owners to park these vehicles outside and away from buildings until they are repaired.",
};

export const loadWarnings = (site) => loadShard(site, site.manifest.shards.warnings);
export const isOpen = (warning) => !warning.lifted_at && !warning.retracted;
export const began = (warning) => (warning.began_at ? day(warning.began_at) : "before our first read");

export async function warnings(site) {
  const all = (await loadWarnings(site)).toSorted((a, b) => newest(b).localeCompare(newest(a)));
  const ended = all.filter((warning) => !isOpen(warning));
  return [
    pageHead(
      "Do not drive",
      `Recalls under NHTSA's two strongest warnings, with the day on which each warning began. Our first read was on ${day(site.manifest.first_observed_at)}.`,
    ),
    el(
      "p", { class: "small soft" },
      el("strong", {}, "Model level: this is not your car's repair status."),
      " Only a dealer or ", el("a", { href: "https://www.nhtsa.gov/recalls", rel: "noreferrer" }, "NHTSA's own page"),
      " can tell you whether a specific vehicle has been repaired.",
    ),
    Object.keys(NAMES).map((flag) => standing(flag, all.filter((warning) => warning.flag === flag && isOpen(warning)))),
    el(
      "section", { "aria-labelledby": "lifted" },
      el("h2", { id: "lifted" }, "Lifted"),
      ended.length ? el("ul", { class: "cards pairs" }, ended.map(item)) : el("p", { class: "soft" }, "No warning was lifted since our first read."),
    ),
  ].flat();
}

const newest = (warning) => warning.lifted_at ?? warning.began_at ?? warning.date ?? "";

function standing(flag, open) {
  return el(
    "section", { "aria-labelledby": flag },
    el("h2", { id: flag }, NAMES[flag], " ", badge(open.length ? "alarm" : "plain", count(open.length))),
    el("p", { class: "soft" }, MEANING[flag]),
    open.length ? el("ul", { class: "cards pairs" }, open.map(item)) : el("p", {}, "No recall is under this warning now."),
  );
}

export function item(warning) {
  const facts = [
    ["Began", began(warning)],
    warning.lifted_at && [warning.retracted ? "Recall retracted" : "Lifted", day(warning.lifted_at)],
    ["Report received", day(warning.date)],
    ["Potentially affected", count(warning.affected)],
    ["Completion rate", percent(warning.completion)],
  ];
  return el(
    "li", { class: `card ${isOpen(warning) ? "loud" : ""}` },
    el(
      "h3", {},
      el("a", { href: hrefToRecall(warning.id) }, said(warning.subject ?? `Recall ${warning.id}`)),
    ),
    el(
      "p", { class: "small" },
      el("span", { class: "number-of" }, warning.id), " · ",
      warning.manufacturer ? el("a", { href: hrefToManufacturer(warning.manufacturer) }, said(warning.manufacturer)) : "Manufacturer not given",
      !isOpen(warning) && [" ", badge("plain", NAMES[warning.flag])],
    ),
    el("dl", {}, facts.filter(Boolean).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
  );
}

