/* Charts by Observable Plot, each with a name and the same figures as a table. */
import { el, plain, said, table } from "./dom.js";
import { count, percent, plural, short } from "./format.js";

const LABELS = { recalls: "Recalls", vehicles: "Vehicles and items" };
const TYPE_COLORS = {
  Vehicle: "var(--vehicle)",
  Equipment: "var(--equipment)",
  Tire: "var(--tire)",
  "Child Seat": "var(--child-seat)",
  "Not given": "var(--other)",
};
const colorOf = (type) => TYPE_COLORS[type] ?? TYPE_COLORS["Not given"];

/** `options(width)` are Plot's; `asTable()` makes the table when it is asked for; `hint` does not print. */
function figure(plot, { title, note, hint, legend = [], options, asTable, open }) {
  const frame = el("div", { class: "frame" });
  const details = el("details", { ontoggle: () => details.lastChild === summary && details.append(asTable()) });
  const summary = el("summary", {}, "As a table");
  details.append(summary);
  const keys = legend.map((type) => el("span", {}, swatch(colorOf(type)), type));
  const draw = (width) => {
    const drawing = { ...options(width), width, title, open };
    frame.style.minHeight = `${drawing.height}px`;
    frame.replaceChildren(drawn(plot, drawing));
  };
  drawWhenSeen(frame, draw);
  return el(
    "figure", { class: "chart card" },
    el("figcaption", {}, el("h2", {}, title), el("p", { class: "soft small" }, note, hint && el("span", { class: "screen" }, " ", hint))),
    keys.length > 1 && el("p", { class: "legend small" }, keys),
    frame,
    details,
  );
}

/** Draws once the frame is in the window or the page prints, and again for each new width. */
function drawWhenSeen(frame, draw) {
  let width = 0;
  const drawAt = (now) => {
    if (now === width || now === 0) return;
    width = now;
    draw(width);
  };
  const resized = new ResizeObserver(([{ contentRect }]) => setTimeout(() => drawAt(Math.round(contentRect.width))));
  const seen = new IntersectionObserver((entries) => {
    if (entries.at(-1).isIntersecting) setTimeout(start); // one at a time: the page answers in between
  });
  const start = () => {
    seen.disconnect();
    drawAt(frame.clientWidth);
    resized.observe(frame);
  };
  seen.observe(frame);
  frame.addEventListener("beforeprint", start);
}

function drawn(plot, { title, open, ...options }) {
  const svg = plot.plot({ ...options, style: { fontSize: "12px", background: "none", overflow: "visible" } });
  svg.querySelector("style").remove(); // site.css says it; the CSP wants no style in the page
  for (const part of svg.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
  svg.setAttribute("role", "img"); // one picture with one name
  svg.setAttribute("aria-label", `Chart: ${title}. The same figures follow as a table.`);
  if (open) {
    svg.classList.add("opens");
    svg.addEventListener("click", () => svg.value && open(svg.value));
  }
  return svg;
}

function swatch(color) {
  const node = el("span", { class: "swatch" });
  node.style.background = color;
  return node;
}

function everyYear(cells) {
  const years = cells.map((cell) => cell.year);
  const first = Math.min(...years);
  return Array.from({ length: Math.max(...years) - first + 1 }, (_, index) => first + index);
}

const ticks = (years, width) => {
  const step = [1, 2, 5, 10, 20].find((size) => years.length / size <= width / 48) ?? 50;
  return years.filter((year) => year % step === 0);
};

export const yearCharts = (plot, cells) => [
  yearsChart(plot, cells, "recalls", { title: "Recalls per year", note: "By the year in which NHTSA received the report." }),
  yearsChart(plot, cells, "vehicles", { title: "Vehicles and items per year", note: "As reported; a vehicle in two recalls counts twice." }),
];

function yearsChart(plot, cells, measure, { title, note }) {
  const types = Object.keys(TYPE_COLORS).filter((type) => cells.some((cell) => cell.type === type));
  const years = everyYear(cells);
  const highest = Math.max(...cells.map((cell) => cell[measure]));
  return figure(plot, {
    title,
    note,
    legend: types,
    options: (width) => ({
      height: 240,
      marginLeft: 44,
      marginRight: 4,
      x: { type: "band", domain: years, label: null },
      y: { grid: true, label: null, tickFormat: short, ticks: Math.min(highest, 5), tickSize: 0 },
      marks: [
        plot.axisX({ ticks: ticks(years, width), tickFormat: String, tickSize: 0 }),
        plot.barY(cells, {
          x: "year",
          y: measure,
          fill: (cell) => colorOf(cell.type),
          order: (cell) => types.indexOf(cell.type),
          insetLeft: 0.5,
          insetRight: 0.5,
          title: (cell) => `${cell.year} · ${cell.type}\n${LABELS[measure]}: ${count(cell[measure])}`,
          tip: true,
        }),
        plot.ruleY([0]),
      ],
    }),
    asTable: () => {
      const rows = years.toReversed().map((year) => {
        const of = (type) => cells.find((cell) => cell.year === year && cell.type === type)?.[measure] ?? 0;
        return [String(year), ...types.map((type) => count(of(type)))];
      });
      return table(title, ["Year", ...types], rows, types);
    },
  });
}

/** Bars with the names above them; `link(name)` is where a bar leads. */
export function topChart(plot, entries, { title, note, hint, link }) {
  return figure(plot, {
    title,
    note,
    hint,
    open: (entry) => location.assign(link(entry.name)),
    options: () => ({
      height: Math.max(entries.length, 1) * 36 + 6,
      marginLeft: 0,
      marginRight: 0,
      marginTop: 2,
      marginBottom: 4,
      x: { axis: null },
      y: { axis: null, domain: entries.map((entry) => entry.name) },
      marks: [
        plot.barX(entries, {
          x: "recalls",
          y: "name",
          fill: "var(--vehicle)",
          insetTop: 18,
          insetBottom: 2,
          rx: 2,
          title: (entry) => `${plain(entry.name)}\n${plural(entry.recalls, "recall")}, ${short(entry.vehicles)} vehicles and items`,
          tip: true,
        }),
        plot.text(entries, { y: "name", text: (entry) => plain(entry.name), frameAnchor: "left", textAnchor: "start", dy: -8 }),
        plot.text(entries, { y: "name", text: (entry) => count(entry.recalls), frameAnchor: "right", textAnchor: "end", dy: -8, fontWeight: 650 }),
      ],
    }),
    asTable: () => {
      const rows = entries.map((entry) => [
        el("a", { href: link(entry.name) }, said(entry.name)),
        count(entry.recalls),
        count(entry.vehicles),
      ]);
      return table(title, ["Name", LABELS.recalls, LABELS.vehicles], rows, Object.values(LABELS));
    },
  });
}

export function completionChart(plot, years, { title, note }) {
  return figure(plot, {
    title,
    note,
    options: (width) => ({
      height: 240,
      marginLeft: 44,
      x: { label: null },
      y: { domain: [0, 100], grid: true, label: null, tickFormat: (rate) => `${rate}%`, ticks: 5, tickSize: 0 },
      marks: [
        plot.axisX({ ticks: ticks(years.map((entry) => entry.year), width), tickFormat: String, tickSize: 0 }),
        plot.areaY(years, { x: "year", y1: "low", y2: "high", fill: "var(--vehicle)", fillOpacity: 0.22 }),
        plot.lineY(years, { x: "year", y: "middle", stroke: "var(--vehicle)", strokeWidth: 2.2 }),
        plot.dot(years, {
          x: "year",
          y: "middle",
          r: years.length < 40 ? 3 : 0,
          fill: "var(--vehicle)",
          title: (entry) => `${entry.year}\nHalf of the recalls: ${percent(entry.low)} to ${percent(entry.high)}\nMedian: ${percent(entry.middle)}`,
          tip: "x",
        }),
        plot.ruleY([0]),
      ],
    }),
    asTable: () => {
      const head = ["Year", "25th percentile", "Median", "75th percentile", "Recalls"];
      const rows = years.map((entry) => [
        String(entry.year), percent(entry.low), percent(entry.middle), percent(entry.high), count(entry.recalls),
      ]);
      return table(title, head, rows.toReversed(), head.slice(1));
    },
  });
}

/** `points` are [{at, rate, day}], oldest first. */
export function rateChart(plot, points, { title, note }) {
  return figure(plot, {
    title,
    note,
    options: () => ({
      height: 200,
      marginLeft: 44,
      marginRight: 24,
      x: { type: "utc", label: null, nice: false },
      y: { domain: [0, 100], grid: true, label: null, tickFormat: (rate) => `${rate}%`, ticks: 5, tickSize: 0 },
      marks: [
        plot.axisX({ ticks: 4, tickSize: 0 }),
        plot.lineY(points, { x: "at", y: "rate", stroke: "var(--vehicle)", strokeWidth: 2.2, curve: "step-after" }),
        plot.dot(points, {
          x: "at", y: "rate", r: 4, fill: "var(--vehicle)", title: (point) => `${point.day}\n${percent(point.rate)}`, tip: "x",
        }),
        plot.ruleY([0]),
      ],
    }),
    asTable: () => table(title, ["Day", "Completion rate"], points.map((point) => [point.day, percent(point.rate)]), ["Completion rate"]),
  });
}
