/* Elements. Text enters as text, and only NHTSA's own pages are linked. */
import { day } from "./format.js";
import { hrefTo } from "./route.js";

export function el(tag, props = {}, ...children) {
  const { value, ...attributes } = props;
  const node = document.createElement(tag);
  for (const [name, setting] of Object.entries(attributes)) {
    if (setting == null || setting === false) continue;
    if (typeof setting === "function") node.addEventListener(name.slice(2), setting);
    else node.setAttribute(name, setting === true ? "" : setting);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  if (value != null) node.value = value; // a select knows it only after its options
  return node;
}

/** A publisher's text: direction marks in it turn nothing outside of it. */
export const said = (text) => el("bdi", {}, text);

const DIRECTION_MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A publisher's text where no element can isolate it: titles, labels, charts. */
export const plain = (text) => text.replace(DIRECTION_MARKS, "");

export function nhtsaUrl(text) {
  if (!text || !URL.canParse(text)) return null;
  const url = new URL(text);
  const isNhtsa = url.hostname === "nhtsa.gov" || url.hostname.endsWith(".nhtsa.gov");
  return isNhtsa && /^https?:$/.test(url.protocol) ? url.href : null;
}

export const recallLink = (id, subject) => el("a", { href: hrefTo("recall", id) }, said(subject ?? `Recall ${id}`));

export const makerLink = (name) =>
  name ? el("a", { href: hrefTo("manufacturer", name) }, said(name)) : "Manufacturer not given";

/** Made-up recalls link to no page of NHTSA's. */
export const caveat = ({ made_up }) => [
  el("strong", {}, "Model level: this is not your car's repair status."),
  " Only a dealer or ", made_up ? "NHTSA" : el("a", { href: "https://www.nhtsa.gov/recalls", rel: "noreferrer" }, "NHTSA's own page"),
  " can tell you whether a specific vehicle has been repaired.",
];

export const time = (iso) => el("time", { datetime: iso }, day(iso));

export const badge = (kind, text) => el("span", { class: `badge ${kind}` }, text);

/** A box that says one thing: good, unsure, bad or alarm. */
export const says = (kind, ...children) =>
  el("div", { class: `says ${kind}` }, el("p", {}, ...children));

export const pageHead = (title, ...intro) =>
  el("div", { class: "page-head" }, el("h1", { tabindex: -1 }, title), el("p", { class: "soft" }, ...intro));

/** A table: `head` is a list of names, `rows` a list of lists; names in `numeric` align right. */
export function table(caption, head, rows, numeric = []) {
  const isNumeric = head.map((name) => numeric.includes(name));
  const cell = (tag, content, index) =>
    el(tag, { class: isNumeric[index] && "number", scope: tag === "th" && "col", "data-label": tag === "td" && head[index] }, content);
  return el(
    "table", {},
    el("caption", { class: "hidden" }, caption),
    el("thead", {}, el("tr", {}, head.map((name, index) => cell("th", name, index)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((content, index) => cell("td", content, index))))),
  );
}
