// How many came within which time: a bar for each span, and a table for whoever does not see it.
import { h, svg } from "../dom.js";
import { number, seconds } from "../format.js";

const [WIDTH, HEIGHT] = [1000, 160];

/** A drawing of `bins`: how many took at most each of `edges` (seconds); the last one: longer. Empty ones at its ends are left out. */
export function barChart({ title, about, bins, edges }) {
  const filled = bins.flatMap((value, i) => (value > 0 ? [i] : []));
  const [first, last] = [Math.max(0, filled[0] - 1), Math.min(bins.length - 1, filled.at(-1) + 1)];
  const shown = bins.slice(first, last + 1);
  const [most, width] = [Math.max(...shown), WIDTH / shown.length];
  const bars = shown.map((value, i) => {
    const height = value ? Math.max(2, (HEIGHT * value) / most) : 0;
    const bar = svg("rect", { class: "bar-of", x: i * width + width * 0.08, width: width * 0.84, y: HEIGHT - height, height });
    const name = svg("title");
    name.textContent = `${within(edges, first + i)}: ${said(value)}`;
    bar.append(name);
    return bar;
  });
  const [name, desc] = [svg("title"), svg("desc")];
  name.textContent = title;
  desc.textContent = about;
  const after = (i) => (i ? edges[Math.min(i, edges.length) - 1] : 0); // the time at which bar `i` begins
  const half = (first + last + 1) / 2; // on a logarithmic axis
  const ends = [after(first), Math.sqrt(after(Math.floor(half)) * after(Math.ceil(half))), after(last + 1)];
  return h(
    "div",
    { class: "plot" },
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" }, name, desc, bars),
    h("ol", { class: "wide", "aria-hidden": "true" }, ends.map((edge) => h("li", {}, seconds(edge)))),
    h("div", { class: "sr" }, table(title, shown, edges, first)),
  );
}

function table(title, shown, edges, first) {
  const rows = shown.map((value, i) => h("tr", {}, h("th", { scope: "row" }, within(edges, first + i)), h("td", {}, said(value))));
  const head = h("tr", {}, h("th", { scope: "col" }, "Time"), h("th", { scope: "col" }, "How many"));
  return h("table", {}, h("caption", {}, title), h("thead", {}, head), h("tbody", {}, rows));
}

const said = (value) => number(Math.round(value * 10) / 10);

const within = (edges, i) => (i < edges.length ? `up to ${short(edges[i])}` : `longer than ${short(edges.at(-1))}`);

const short = (edge) => (edge < 1 ? `${Math.round(1000 * edge)} ms` : seconds(edge));
