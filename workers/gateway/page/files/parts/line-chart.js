// Numbers over time as a drawing, and as a table for whoever does not see it.
import { h, svg } from "../dom.js";
import { clock } from "../format.js";

const [WIDTH, HEIGHT] = [1000, 200]; // of the drawing, which is stretched; lines keep their thickness
const TABLE_ROWS = 24;

/** `series`: `{ name, look, area, values }`, a look for each line; `write`: how a value is written. */
export class LineChart {
  #shown = null;

  constructor({ title, about, series, write }) {
    Object.assign(this, { about, series, write });
    this.name = svg("title");
    this.described = svg("desc");
    this.name.textContent = title;
    this.drawing = svg("g");
    this.cursor = svg("line", { class: "cursor", y1: 0, y2: HEIGHT, visibility: "hidden" });
    this.svg = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" }, this.name, this.described, this.drawing, this.cursor);
    this.high = h("ol", { class: "high", "aria-hidden": "true" });
    this.wide = h("ol", { class: "wide", "aria-hidden": "true" });
    this.said = h("output", { hidden: true, "aria-hidden": "true" });
    this.table = h("table", { class: "sr" });
    const legend = h("ul", { class: "legend", "aria-hidden": "true" }, series.map(({ name, look }) => h("li", { data: { look } }, name)));
    this.empty = h("p", { class: "quiet small nothing" }, "Nothing yet: each minute is shown when it is over.");
    this.plot = h("div", { class: "plot" }, this.high, this.svg, this.wide, this.said);
    this.element = h("figure", { class: "card chart" }, h("figcaption", { class: "bar between" }, h("h2", {}, title), legend), this.plot, this.empty, h("div", { class: "sr" }, this.table));
    this.svg.addEventListener("pointermove", (event) => this.#point(event));
    this.svg.addEventListener("pointerleave", () => this.#point(null));
  }

  /** `at`: the times (ms), which may have gaps of more than `every` ms; `span`: from when to when; `shaded`: those that are not 0. */
  show({ at, values, span: [from, to], every, shaded = [] }) {
    this.plot.hidden = !at.length;
    this.empty.hidden = at.length > 0;
    if (!at.length) return;
    const most = nice(Math.max(0, ...values.flat().filter(Number.isFinite)));
    const x = (time) => (WIDTH * (time - from)) / (to - from || 1);
    const y = (value) => HEIGHT - (HEIGHT * value) / most;
    const runs = runsOf(at, every);
    this.#shown = { at, values, from, to, x };
    const parts = [0.25, 0.5, 0.75].map((share) => svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: HEIGHT * share, y2: HEIGHT * share }));
    parts.push(...at.map((time, i) => shaded[i] && svg("rect", { class: "shade", x: x(time), width: x(from + every), y: 0, height: HEIGHT })));
    this.series.forEach(({ look, area }, number) => {
      const lines = runs.flatMap((run) => linesOf(run, values[number], at, x, y));
      const path = lines.map((points) => `M${points.map((point) => point.join(" ")).join("L")}`).join("");
      const under = lines.map((points) => `M${points[0][0]} ${HEIGHT}L${points.map((point) => point.join(" ")).join("L")}L${points.at(-1)[0]} ${HEIGHT}Z`).join("");
      if (area) parts.push(svg("path", { class: "area", "data-look": look, d: under }));
      parts.push(svg("path", { class: "line", "data-look": look, d: path }));
    });
    this.drawing.replaceChildren(...parts.filter(Boolean));
    this.high.replaceChildren(...[most, most / 2, 0].map((value) => h("li", {}, this.write(value))));
    this.wide.replaceChildren(...[0, 0.5, 1].map((share) => h("li", {}, clock(from + share * (to - from)))));
    this.described.textContent = this.#words(at, values);
    this.#tabulate(at, values);
  }

  #words(at, values) {
    const parts = this.series.map(({ name }, number) => {
      const known = values[number].filter(Number.isFinite);
      return known.length ? `${name}: ${this.write(known.at(-1))} at last, ${this.write(Math.max(...known))} at most` : `${name}: none`;
    });
    return `${this.about} From ${clock(at[0])} to ${clock(at.at(-1))}. ${parts.join("; ")}.`;
  }

  #tabulate(at, values) {
    const step = Math.max(1, Math.ceil(at.length / TABLE_ROWS));
    const rows = at.flatMap((time, i) => (i % step === 0 ? [h("tr", {}, h("th", { scope: "row" }, clock(time)), values.map((one) => h("td", {}, this.#said(one[i]))))] : []));
    const head = h("tr", {}, h("th", { scope: "col" }, "Time"), this.series.map(({ name }) => h("th", { scope: "col" }, name)));
    this.table.replaceChildren(h("caption", {}, this.name.textContent), h("thead", {}, head), h("tbody", {}, rows));
  }

  #said(value) {
    return Number.isFinite(value) ? this.write(value) : "–";
  }

  #point(event) {
    const found = event && this.#shown ? this.#nearest(event) : null;
    this.said.hidden = found === null;
    this.cursor.setAttribute("visibility", found === null ? "hidden" : "visible");
    if (found === null) return;
    const { at, values, x } = this.#shown;
    for (const end of ["x1", "x2"]) this.cursor.setAttribute(end, x(at[found]));
    const told = this.series.map(({ name }, number) => `${name} ${this.#said(values[number][found])}`);
    this.said.textContent = `${clock(at[found])}: ${told.join(", ")}`;
  }

  #nearest(event) {
    const { at, from, to } = this.#shown;
    const box = this.svg.getBoundingClientRect();
    const time = from + ((to - from) * (event.clientX - box.left)) / box.width;
    return at.reduce((best, one, i) => (Math.abs(one - time) < Math.abs(at[best] - time) ? i : best), 0);
  }
}

/** The places that follow each other without a gap. */
function runsOf(at, every) {
  const runs = [];
  at.forEach((time, i) => {
    if (i && time - at[i - 1] <= 1.5 * every) runs.at(-1).push(i);
    else runs.push([i]);
  });
  return runs;
}

/** Of a run the points of each stretch in which the value is known. */
function linesOf(run, values, at, x, y) {
  const lines = [[]];
  for (const i of run) {
    if (Number.isFinite(values[i])) lines.at(-1).push([x(at[i]).toFixed(1), y(values[i]).toFixed(1)]);
    else if (lines.at(-1).length) lines.push([]);
  }
  return lines.filter((points) => points.length).map((points) => (points.length > 1 ? points : [points[0], [Number(points[0][0]) + 2, points[0][1]]]));
}

/** The least of 1, 2, 4, 5, 10, … that is not less. */
function nice(value) {
  if (!value) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((step) => step * size).find((step) => step >= value * 0.999);
}
