// How the API was used over the last hours: places, requests, how they fared, how long answers took.
import { h } from "../dom.js";
import { number, seconds } from "../format.js";
import { LineChart } from "../parts/line-chart.js";
import { sums } from "../samples.js";

const SPANS = [["1 h", 1], ["6 h", 6], ["24 h", 24]];
const whole = (value) => number(Math.round(value * 10) / 10);
const perSecond = (value) => `${value >= 10 ? Math.round(value) : Math.round(value * 100) / 100}/s`;
const time = (value) => (value < 1 ? `${Math.round(1000 * value)} ms` : seconds(value));

export class ProviderCharts {
  #hours = 1;
  #samples = null;
  #limits = [];

  constructor() {
    this.chips = SPANS.map(([name, hours]) => h("button", { class: "chip", "aria-pressed": String(hours === 1), on: { click: () => this.#pick(hours) } }, name));
    this.places = new LineChart({
      title: "Places",
      about: "Images at the API, and how many there may be.",
      write: whole,
      series: [{ name: "used", look: "first", area: true }, { name: "allowed", look: "bound" }],
    });
    this.requests = new LineChart({
      title: "Requests",
      about: "Requests to the API a second, and the rate limits of the workers.",
      write: perSecond,
      series: [{ name: "submits", look: "first", area: true }, { name: "polls", look: "second" }, { name: "limit", look: "bound" }],
    });
    this.troubles = new LineChart({
      title: "Trouble",
      about: "Submits and polls that did not fare well, a minute.",
      write: whole,
      series: [{ name: "429", look: "warn" }, { name: "refused", look: "third" }, { name: "5xx", look: "bad" }, { name: "no answer", look: "bound" }],
    });
    this.answers = new LineChart({
      title: "Time to an answer",
      about: "How long the API took to answer, on average.",
      write: time,
      series: [{ name: "submits", look: "first" }, { name: "polls", look: "second" }],
    });
    const spans = h("div", { class: "bar", role: "group", "aria-label": "How far back" }, this.chips);
    const note = h("p", { class: "quiet small" }, "Shaded: submits were paused. A gap: no worker ran.");
    const charts = [this.places, this.requests, this.troubles, this.answers].map(({ element }) => element);
    this.element = h("section", { class: "stack", "aria-label": "Over time", hidden: true }, h("div", { class: "bar between" }, spans, note), h("div", { class: "charts" }, charts));
  }

  /** Show samples; null: whoever looks is not told of them. */
  show(samples, limits) {
    this.element.hidden = !samples;
    [this.#samples, this.#limits] = [samples, limits];
    if (samples) this.#draw();
  }

  #pick(hours) {
    this.#hours = hours;
    this.chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(SPANS[i][1] === hours)));
    this.#draw();
  }

  #draw() {
    const found = this.#samples;
    const to = Math.max(Date.now(), ...found.at.slice(-1).map((at) => Date.parse(at)));
    const from = to - this.#hours * 3_600_000;
    const first = found.at.findIndex((at) => Date.parse(at) >= from);
    const cut = (values) => (first < 0 ? [] : values.slice(first));
    const both = (name) => cut(found.submits[name].map((value, i) => value + found.statuses[name][i]));
    const frame = { at: cut(found.at).map(Date.parse), span: [from, to], every: found.every_s * 1000, shaded: cut(found.paused) };
    const rate = (of) => cut(sums(of)).map((value) => value / found.every_s);
    this.places.show({ ...frame, values: [cut(found.places_used), cut(found.places)] });
    this.requests.show({ ...frame, values: [rate(found.submits), rate(found.statuses), frame.at.map(() => this.#limit())] });
    this.troubles.show({ ...frame, values: ["throttled", "refused", "broken", "silent"].map(both) });
    this.answers.show({ ...frame, values: [cut(found.submits.answer_s), cut(found.statuses.answer_s)] });
  }

  /** The requests a second that are allowed together, or of submits; not a number: any. */
  #limit() {
    const all = this.#limits.filter(({ step }) => step === "all");
    const found = all.length ? all : this.#limits.filter(({ step }) => step === "submit");
    return found.length ? Math.min(...found.map(({ requests, seconds: within }) => requests / within)) : NaN;
  }
}
