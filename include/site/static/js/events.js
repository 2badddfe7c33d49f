/* What an event of the ledger changed, field by field. */
import { badge, el, said } from "./dom.js";
import { eventName, fieldName, fieldValue, plural } from "./format.js";
import { wordDifference } from "./words.js";

const KINDS = { published: "good", republished: "good", edited: "plain", retracted: "bad" };
const LONG_TEXT = 40;

export const eventBadge = (event) => badge(KINDS[event] ?? "plain", eventName(event));

/** The fields of an edit in full; those of a whole recall folded. */
export function changedFields(event, changes) {
  const side = event === "retracted" ? 1 : 2;
  if (event === "edited") return el("dl", { class: "edits" }, changes.map(edit));
  return el(
    "details", { class: "small" },
    el("summary", {}, `All ${plural(changes.length, "field")}`),
    el("dl", { class: "edits" }, changes.map((change) => pair(change[0], said(fieldValue(change[0], change[side]))))),
  );
}

const pair = (field, ...value) => el("div", {}, el("dt", {}, fieldName(field)), el("dd", {}, value));

function edit([field, old, now]) {
  const isLong = old?.length > LONG_TEXT && now?.length > LONG_TEXT;
  if (isLong) return pair(field, wordDifference(old, now));
  return pair(
    field,
    el("del", {}, said(fieldValue(field, old))), " ",
    el("span", { class: "soft", "aria-hidden": "true" }, "→"), " ",
    el("ins", {}, said(fieldValue(field, now))),
  );
}
