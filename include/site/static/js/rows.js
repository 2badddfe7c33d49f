/* All recalls as columns of numbers, and the counts that the charts show. */
import { loadShard } from "./load.js";

export const DO_NOT_DRIVE = 1;
export const PARK_OUTSIDE = 2;
const MS_PER_DAY = 86_400_000;
const NOT_GIVEN = "Not given";
export const MIN_RATES = 3; // of fewer recalls, quartiles say nothing

export async function loadRows(site) {
  const shard = await loadShard(site, site.manifest.shards.rows);
  if (!shard.year) {
    let today = 0;
    shard.day = shard.date.map((step) => (today += step));
    shard.year = shard.day.map((number) => new Date(number * MS_PER_DAY).getUTCFullYear());
  }
  return shard;
}

/** The rows with their completion rates, which the first view does without. */
export async function loadRatedRows(site) {
  const [rows, rates] = await Promise.all([loadRows(site), loadShard(site, site.manifest.shards.rates)]);
  return Object.assign(rows, rates);
}

/** Numbers and subjects, in the order of the rows. */
export const loadTexts = (site) => loadShard(site, site.manifest.shards.texts);

export const isoDay = (rows, row) => new Date(rows.day[row] * MS_PER_DAY).toISOString().slice(0, 10);
export const manufacturerOf = (rows, row) => rows.manufacturers[rows.manufacturer[row]] ?? null;
export const componentOf = (rows, row) => rows.components[rows.component[row]] ?? null;
export const typeOf = (rows, row) => rows.types[rows.type[row]] ?? null;

/** The rows that pass the filters, as indexes, in the order of the rows; an unknown value passes none. */
export function pick(rows, query) {
  const [from, to] = yearsOf(query.years);
  const flags = { "do-not-drive": DO_NOT_DRIVE, "park-outside": PARK_OUTSIDE, any: 3 }[query.flag];
  const makers = query.manufacturer ? named(rows.manufacturers, query.manufacturer) : null;
  const component = query.component ? rows.components.indexOf(query.component) : null;
  const type = query.type ? rows.types.indexOf(query.type) : null;
  const picked = [];
  for (let row = 0; row < rows.year.length; row++) {
    if (!(rows.year[row] >= from && rows.year[row] <= to)) continue;
    if (query.flag && !(rows.flags[row] & flags)) continue;
    if (component !== null && rows.component[row] !== component) continue;
    if (type !== null && rows.type[row] !== type) continue;
    if (makers && !makers.has(rows.manufacturer[row])) continue;
    picked.push(row);
  }
  return picked;
}

/** "2019-2024", "2019-", "-2024" or "2019". */
export function yearsOf(text = "") {
  const [from, to = from] = text.split("-");
  return [from ? Number(from) : 0, to ? Number(to) : Infinity];
}

/** The one manufacturer of that name, or else all whose names contain it. */
function named(names, wanted) {
  const exact = names.indexOf(wanted);
  if (exact >= 0) return new Set([exact]);
  const part = wanted.toLowerCase();
  return new Set(names.flatMap((name, index) => (name.toLowerCase().includes(part) ? [index] : [])));
}

/** What the cards count, in the names of the manifest. */
export function totalsOf(rows, picked) {
  const totals = { recalls: picked.length, affected: 0, do_not_drive: 0, park_outside: 0 };
  for (const row of picked) {
    totals.affected += rows.affected[row] ?? 0;
    if (rows.flags[row] & DO_NOT_DRIVE) totals.do_not_drive += 1;
    if (rows.flags[row] & PARK_OUTSIDE) totals.park_outside += 1;
  }
  return totals;
}

/** [{year, type, recalls, vehicles}], by year and type. */
export function perYear(rows, picked) {
  const cells = new Map();
  for (const row of picked) {
    const key = rows.year[row] * 100 + (rows.type[row] ?? 99);
    let cell = cells.get(key);
    if (!cell) cells.set(key, (cell = { year: rows.year[row], type: typeOf(rows, row) ?? NOT_GIVEN, recalls: 0, vehicles: 0 }));
    cell.recalls += 1;
    cell.vehicles += rows.affected[row] ?? 0;
  }
  return [...cells.values()].sort((a, b) => a.year - b.year);
}

/** [{name, recalls, vehicles}] with the most recalls first; `column` indexes `names`. */
export function top(rows, picked, column, names, length) {
  const recalls = new Float64Array(names.length);
  const vehicles = new Float64Array(names.length);
  for (const row of picked) {
    if (column[row] == null) continue;
    recalls[column[row]] += 1;
    vehicles[column[row]] += rows.affected[row] ?? 0;
  }
  return names
    .map((name, index) => ({ name, recalls: recalls[index], vehicles: vehicles[index] }))
    .filter((entry) => entry.recalls)
    .sort((a, b) => b.recalls - a.recalls || (a.name < b.name ? -1 : 1))
    .slice(0, length);
}

/** [{year, low, middle, high, recalls}]: the quartiles of the completion rates of a year, if it has enough. */
export function completionPerYear(rows, picked) {
  const rates = new Map();
  for (const row of picked) {
    if (rows.completion[row] == null) continue;
    const year = rows.year[row];
    if (!rates.has(year)) rates.set(year, []);
    rates.get(year).push(rows.completion[row]);
  }
  return [...rates].filter(([, values]) => values.length >= MIN_RATES).map(([year, values]) => {
    values.sort((a, b) => a - b);
    const at = (share) => values[Math.round(share * (values.length - 1))];
    return { year, low: at(0.25), middle: at(0.5), high: at(0.75), recalls: values.length };
  });
}
