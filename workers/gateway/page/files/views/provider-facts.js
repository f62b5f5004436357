// How the API is used in a few numbers.
import { h } from "../dom.js";
import { ago, clock, count, digits, money, number, seconds } from "../format.js";
import { sums } from "../samples.js";

const NAMES = ["At the API now", "Submits", "Polls", "Submits answered in", "Not answered", "Maybe paid twice", "Spent in all"];
const ALONE = ["Submits answered in", "Not answered", "Maybe paid twice", "Spent in all"]; // that a key of some batches is not told

export class ProviderFacts {
  constructor() {
    this.facts = Object.fromEntries(NAMES.map((name) => [name, h("dd", {})]));
    this.boxes = Object.fromEntries(NAMES.map((name) => [name, h("div", {}, h("dt", {}, name), this.facts[name])]));
    this.refused = h("p", { class: "quiet small", hidden: true });
    const list = h("dl", { class: "facts use" }, Object.values(this.boxes));
    this.element = h("div", { class: "stack tight" }, h("section", { class: "card", "aria-label": "Use" }, list), this.refused);
  }

  /** `samples`: the minutes of the last day, or null. `unattended`: no worker is alive, so that nothing is asked. */
  show(found, samples, unattended) {
    const bound = found.places === null ? "" : `of ${number(found.places)} places`;
    const left = unattended && found.places_used > 0 ? "nobody asks about them" : "";
    this.#fact("At the API now", number(found.places_used), [bound, left].filter(Boolean).join("; "));
    if (unattended) found = { ...found, per_s: null }; // what was a minute ago is no rate of now
    this.#rate("Submits", "submit", found, samples);
    this.#rate("Polls", "status", found, samples);
    for (const name of ALONE) this.boxes[name].hidden = !found.counted;
    if (found.counted) this.#counted(found.counted, found.money);
    this.boxes["Spent in all"].hidden = !found.money;
    this.refused.hidden = !found.last_refusal;
    this.refused.textContent = found.last_refusal ? `The API's last refusal, ${ago(found.last_refusal_at)}: ${found.last_refusal}` : "";
  }

  /** A rate is that of the last minute that is over; while requests pause, nothing is sent, and the last that were are told. */
  #rate(name, step, { per_s: rates, limits, pauses }, samples) {
    const own = limits.filter((limit) => limit.step === step);
    const bound = own.length ? own : limits.filter((limit) => limit.step === "all");
    const said = bound.map(({ requests, seconds: within }) => `${number(requests)} in ${within} s`).join(", ");
    const limit = said ? `limit ${said}${own.length ? "" : " for both"}` : "no limit";
    const paused = pauses.some(({ kind, cause }) => kind === step && cause !== "throttled");
    const value = paused ? "paused" : rates ? `${rates[step].toFixed(1)}/s` : "–";
    const about = paused ? lastRate(samples, step) : rates ? "in the last whole minute" : "";
    this.#fact(name, value, [about, limit].filter(Boolean).join("; "));
  }

  #counted({ submit_answers: answers, unanswered, possible_duplicates: twice }, spent) {
    this.#fact("Submits answered in", answers.p50_s === null ? "–" : time(answers.p50_s), answers.p95_s === null ? "" : `95 % within ${time(answers.p95_s)}`);
    const places = digits(spent?.doubtful ?? 0, spent?.spent ?? 0, spent?.committed ?? 0);
    this.#fact("Not answered", count(unanswered, "submit"), spent?.doubtful ? `may have cost ${money(spent.doubtful, spent.currency, places)}` : "");
    this.#fact("Maybe paid twice", count(twice, "edit"), "");
    if (spent) this.#fact("Spent in all", money(spent.spent, spent.currency, places), spent.committed ? `${money(spent.committed, spent.currency, places)} under way` : "");
  }

  #fact(name, value, more) {
    this.facts[name].replaceChildren(value, " ", h("small", {}, more));
  }
}

/** `3.1/s at 16:38`: of the last minute that had any requests. */
function lastRate(samples, step) {
  const asked = samples ? sums(samples[step === "submit" ? "submits" : "statuses"]) : [];
  const last = asked.findLastIndex((sum) => sum > 0);
  if (last < 0) return "";
  return `${(asked[last] / samples.every_s).toFixed(1)}/s at ${clock(Date.parse(samples.at[last]))}, the last minute with any`;
}

const time = (value) => (value < 1 ? `${Math.round(1000 * value)} ms` : seconds(value));
