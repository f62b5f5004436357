// How the API is, in a sentence: what pauses, how many requests failed lately, and how long a result takes.
import { h } from "../dom.js";
import { percent, seconds } from "../format.js";

const LATELY = 15; // minutes
const BAD = ["throttled", "refused", "broken", "silent"];
const [UNWELL, BUSY] = [0.05, 0.01]; // of the requests

export class Verdict {
  constructor() {
    this.element = h("p", { class: "verdict", role: "status" });
  }

  /** `samples`: the minutes of the last day; null: whoever looks is not told of them. */
  show({ pauses, kinds }, samples) {
    const asked = samples ? lately(samples) : null;
    const parts = [paused(pauses), asked && fared(asked), ...result(kinds)].filter(Boolean);
    const text = `${head(pauses, asked)}${parts.length ? `: ${parts.join("; ")}` : ""}.`;
    if (this.element.textContent !== text) this.element.textContent = text;
  }
}

function head(pauses, asked) {
  if (pauses.length) return "Paused";
  if (!asked?.all) return asked ? "Nothing was asked lately" : "Nothing is paused";
  const share = asked.bad / asked.all;
  return share > UNWELL ? "The API is not well" : share > BUSY ? "The API is well, but for some requests" : "The API is well";
}

const paused = (pauses) => [...new Set(pauses.map(({ what, cause }) => `${what} (${cause})`))].join(", ");

const fared = ({ all, bad, minutes }) => all > 0 && `${bad ? percent(bad, all) : "none"} of the requests of the last ${minutes} min failed`;

/** Of the kind that has most results. */
function result(kinds) {
  const weight = ({ bins }) => bins.reduce((sum, value) => sum + value, 0);
  const most = [...kinds].sort((a, b) => weight(b) - weight(a))[0];
  return most ? [`half of the results come within ${seconds(most.p50_s)}`] : [];
}

function lately(samples) {
  const from = Date.now() - LATELY * 60_000;
  const at = samples.at.flatMap((time, i) => (Date.parse(time) >= from ? [i] : []));
  const sum = (names) => ["submits", "statuses"].reduce((all, step) => all + names.reduce((n, name) => n + at.reduce((m, i) => m + samples[step][name][i], 0), 0), 0);
  const bad = sum(BAD);
  return { bad, all: bad + sum(["good"]), minutes: LATELY };
}
