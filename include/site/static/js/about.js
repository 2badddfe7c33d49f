/* About: how a read is checked, what a version is, and what is not known. */
import { caveat, el, pageHead } from "./dom.js";
import { day, moment } from "./format.js";
import { hrefTo } from "./route.js";

export function about({ manifest, status }) {
  const { checks } = status;
  const part = (title, ...sentences) => [el("h2", {}, title), el("p", {}, sentences)];
  return [
    pageHead("About", "Headwaters keeps what NHTSA publishes about recalls, and the day on which each part of it changed."),
    el(
      "article", { class: "card prose" },
      part(
        "How a read is checked",
        "Once a day Headwaters reads all recalls from NHTSA's public dataset. A read counts only if it is complete: the row count before, the row count after and the number of distinct rows in it must agree. A row that breaks a rule of its columns, such as an invalid date, is set aside with the reason. ",
        `Checks then compare the read with the current version; ${checks.passed} of ${checks.of} passed at the last read, on ${moment(status.observed_at)}. A read that fails a check is not published, and the current version stays.`,
      ),
      part(
        "What a version is",
        "A version is all recalls as one read found them. A new version comes only when something changed; each change is in the ledger once, with its old and its new value. ",
        `This page shows version ${manifest.version}. `,
        el("a", { href: hrefTo("changes") }, "See what changed"), ".",
      ),
      part(
        "What a date means",
        "NHTSA does not say when it edits a recall. A date here is the day on which we first saw the change, in UTC. ",
        `Our first read was on ${day(manifest.first_observed_at)}; “before our first read” means that we cannot know the day.`,
      ),
      part(
        "What is not known",
        caveat(manifest),
        " A recall names models and years, and not every vehicle of them is part of it. A vehicle can be in several recalls, so a sum of vehicles counts it several times. Manufacturers report completion rates every quarter; recalls before 2009 have none.",
      ),
      part("Where it comes from", manifest.made_up ? `The source of these recalls is ${manifest.publisher}, a program that makes them up: none of them exists.` : "The source is the recalls dataset of the National Highway Traffic Safety Administration (NHTSA) at data.transportation.gov. Headwaters is not part of NHTSA."),
    ),
  ];
}
