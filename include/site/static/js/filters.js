/* Filters: a form whose fields are the query of the address. */
import { el, plain } from "./dom.js";
import { yearsOf } from "./rows.js";

/** A labelled select; options are [value, text]. Another value of the address is named as unknown. */
export function choice(name, label, options, value = "") {
  const isKnown = options.some(([option]) => option === value);
  const all = isKnown ? options : [...options, [value, `Unknown: ${plain(value)}`]];
  const items = all.map(([option, text]) => el("option", { value: option }, text));
  return labelled(label, el("select", { name, value }, items));
}

export function typed(name, label, value = "", attributes = {}) {
  const input = el("input", { name, value, autocomplete: "off", spellcheck: "false", ...attributes });
  return labelled(label, input);
}

const labelled = (label, control) => el("label", { class: "field" }, el("span", {}, label), control);

const FLAGS = [
  ["", "All"],
  ["do-not-drive", "Do not drive"],
  ["park-outside", "Park outside"],
  ["any", "Either warning"],
];

/** The fields that pick recalls: years, manufacturer, component, type, warning. */
export function recallFields(rows, query) {
  const first = rows.year[0];
  const last = rows.year.at(-1);
  const years = Array.from({ length: last - first + 1 || 0 }, (_, index) => String(last - index));
  const [from = "", to = from] = query.years?.split("-") ?? [];
  const asOptions = (names, all) => [["", all], ...names.toSorted().map((name) => [name, name])];
  const yearOptions = (all) => [["", all], ...years.map((year) => [year, year])];
  return [
    choice("from", "From year", yearOptions("First"), from),
    choice("to", "To year", yearOptions("Latest"), to),
    manufacturerField(rows.manufacturers, query.manufacturer),
    choice("component", "Component", asOptions(rows.components, "All"), query.component),
    choice("type", "Type", asOptions(rows.types, "All"), query.type),
    choice("flag", "Warning", FLAGS, query.flag),
  ];
}

/** Why no recall passes, and what to do. */
export function noneFound(query) {
  const [from, to] = yearsOf(query.years);
  if (from > to) return "No recall matches: “From year” is after “To year”; change one of them.";
  return `No recall matches; ${query.q ? "use fewer words, or " : ""}clear a filter.`;
}

/** Names are offered once the field is used: there are thousands. */
export function manufacturerField(names, value) {
  const list = el("datalist", { id: "manufacturers" });
  const fill = () => list.childElementCount || list.append(...names.toSorted().map((name) => el("option", { value: name })));
  return [typed("manufacturer", "Manufacturer", value, { list: list.id, onfocus: fill, placeholder: "Any, or a part of the name" }), list];
}

/** A form that calls `changed(query)` whenever a field changes; `first` stands above the filters.
    In print it is a line of text. */
export function filterForm(label, fields, changed, first = null) {
  const chosen = el("p", { class: "chosen" });
  const read = () => {
    chosen.textContent = inWords(form);
    const { from = "", to = "", ...query } = Object.fromEntries(new FormData(form));
    if (from || to) query.years = from === to ? from : `${from}-${to}`;
    return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ""));
  };
  const clear = () => {
    for (const control of form.querySelectorAll("select, input")) control.value = "";
    changed(read());
  };
  const form = el(
    "form", { class: "filters", role: "search", "aria-label": label, oninput: () => changed(read()), onsubmit: (event) => event.preventDefault() },
    first,
    foldedOnPhones(fields, el("button", { type: "button", class: "quiet", onclick: clear }, "Clear")),
    chosen,
  );
  chosen.textContent = inWords(form);
  return form;
}

const inWords = (form) =>
  [...form.querySelectorAll("label")]
    .filter(({ control }) => control.value)
    .map(({ control, firstChild }) => `${firstChild.textContent}: ${control.selectedOptions?.[0].text ?? control.value}`)
    .join(" · ");

function foldedOnPhones(fields, button) {
  const folded = el("details", {}, el("summary", {}, "Filters"), el("div", { class: "row" }, fields, button));
  const isWide = matchMedia("(min-width: 46rem)");
  const isUsed = [...folded.querySelectorAll("select, input")].some((control) => control.value);
  const unfold = () => (folded.open = isWide.matches || isUsed);
  isWide.addEventListener("change", unfold);
  unfold();
  return folded;
}
