/* How numbers, days and fields are written: US English, dates in UTC.
   Without Intl: its first use delays the first paint by 40 ms. */

const SIZES = [[1e9, "B"], [1e6, "M"], [1e3, "K"]];
const NAMES = {
  report_received_date: "Report received",
  nhtsa_id: "Campaign number",
  recall_link: "Page at NHTSA",
  mfr_campaign_number: "Manufacturer's number",
  manufacturer: "Manufacturer",
  subject: "Subject",
  component: "Component",
  recall_type: "Type",
  potentially_affected: "Potentially affected",
  defect_summary: "What is wrong",
  consequence_summary: "What can happen",
  corrective_action: "Remedy",
  fire_risk_when_parked: "Park outside",
  do_not_drive: "Do not drive",
  completion_rate: "Completion rate",
};
const EVENTS = { published: "New", edited: "Edited", retracted: "Retracted", republished: "Published again" };

export const FIELDS = Object.keys(NAMES);

const isDay = (text) => /^\d{4}-\d\d-\d\d/.test(text ?? "") && !Number.isNaN(Date.parse(text));

export function day(text) {
  if (!isDay(text)) return text ?? "not given";
  const [, number, month, year] = utc(text);
  return `${month} ${Number(number)}, ${year}`;
}

export function moment(text) {
  if (!isDay(text)) return text ?? "not known";
  const [hour, minute] = utc(text).slice(4);
  return `${day(text)}, ${hour % 12 || 12}:${minute} ${hour < 12 ? "AM" : "PM"} UTC`;
}

/** ["Sat", "28", "Nov", "2026", "18", "00", …] */
const utc = (text) => new Date(text).toUTCString().split(/[ ,:]+/);

const grouped = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
const rounded = (value) => Math.round(value * 10) / 10;

export const count = (value) => (value == null ? "not given" : grouped(value));
export const percent = (value) => (value == null ? "not given" : `${grouped(rounded(value))}%`);

/** 1234567 is 1.2M. */
export function short(value) {
  const [size, letter] = SIZES.find(([size]) => value >= size - size / 20_000) ?? [1, ""];
  return `${grouped(rounded(value / size))}${letter}`;
}
export const orDash = (value, write) => (value == null ? "–" : write(value));
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
export const eventName = (event) => EVENTS[event] ?? event;

export function fieldName(name) {
  const words = name.replaceAll("_", " ");
  return NAMES[name] ?? words[0].toUpperCase() + words.slice(1);
}

/** A value of the ledger, which keeps every value as text. */
export function fieldValue(name, text) {
  if (text == null) return "nothing";
  if (name === "potentially_affected") return count(Number(text));
  if (name === "completion_rate") return percent(Number(text));
  if (name === "report_received_date") return day(text);
  if (name === "do_not_drive" || name === "fire_risk_when_parked") return { true: "Yes", false: "No" }[text] ?? text;
  return text;
}

export function fileSize(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Every text quoted, every number bare; nothing is an empty field. */
export function toCsv(head, rows) {
  const field = (value) =>
    value == null ? "" : typeof value === "string" ? `"${value.replaceAll('"', '""')}"` : String(value);
  return [head, ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}
