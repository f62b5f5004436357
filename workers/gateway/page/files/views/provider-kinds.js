// How long results take, by kind of work, as the workers have learned it.
import { h } from "../dom.js";
import { count, seconds } from "../format.js";
import { barChart } from "../parts/bar-chart.js";

export class Kinds {
  #chosen = "";
  #told = "";
  #kinds = [];
  #edges = [];

  constructor() {
    this.pick = h("select", { "aria-label": "Kind of work", on: { change: () => this.#choose(this.pick.value) } });
    this.said = h("p", { class: "quiet small" });
    this.drawn = h("div", {});
    const head = h("div", { class: "bar between" }, h("h2", {}, "Time to a result"), this.pick);
    this.element = h("section", { class: "card chart", "aria-label": "Time to a result" }, head, this.said, this.drawn);
  }

  show(kinds, edges) {
    [this.#kinds, this.#edges] = [kinds, edges];
    const told = JSON.stringify(kinds);
    if (told === this.#told && this.said.textContent) return;
    this.#told = told;
    const names = kinds.map(({ kind }) => kind);
    if (!names.includes(this.#chosen)) this.#chosen = names[0] ?? "";
    this.pick.replaceChildren(...names.map((name) => h("option", { value: name }, named(name))));
    this.pick.value = this.#chosen;
    this.pick.hidden = names.length < 2;
    this.#draw();
  }

  #choose(kind) {
    this.#chosen = kind;
    this.#draw();
  }

  #draw() {
    const found = this.#kinds.find(({ kind }) => kind === this.#chosen);
    if (!found) {
      this.said.textContent = "Nothing is known yet: it is learned from the first results, and tells when to ask for the next.";
      this.drawn.replaceChildren();
      return;
    }
    const results = Math.max(1, Math.round(found.bins.reduce((sum, value) => sum + value, 0)));
    const about = `${named(found.kind)}: half come within ${seconds(found.p50_s)}, 95 % within ${seconds(found.p95_s)}`;
    this.said.textContent = `${about}; by the last ${count(results, "result")}. The axis is logarithmic.`;
    this.drawn.replaceChildren(barChart({ title: `Time to a result of ${named(found.kind)}`, about, bins: found.bins, edges: this.#edges }));
  }
}

/** `sd1.5, about 16 steps, 0.26 million pixels` of `sd1.5:8:36`: both are told in halves of a doubling. A kind of another form stays as it is. */
function named(kind) {
  const [, model, steps, pixels] = /^([^:]+):(\d+):(\d+|image)$/.exec(kind) ?? [];
  if (!model) return kind;
  const size = pixels === "image" ? "as large as the picture" : `${amount(2 ** (pixels / 2 - 20) * 1.048576)} million pixels`;
  return `${model}, about ${amount(2 ** (steps / 2))} steps, ${size}`;
}

const amount = (value) => String(Number(value.toPrecision(2)));
