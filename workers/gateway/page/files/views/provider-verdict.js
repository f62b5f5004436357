// How the API is, in a sentence: what pauses, how many requests failed lately, and how long a result takes.
import { h } from "../dom.js";
import { ago, percent, seconds } from "../format.js";
import { causeOf } from "../holds.js";

const LATELY = 15; // minutes
const NEWS_MS = 180_000; // a minute is told when it is over, and some time later
const BAD = ["throttled", "refused", "broken", "silent"];
const [UNWELL, BUSY] = [0.05, 0.01]; // of the requests

export class Verdict {
  constructor() {
    this.element = h("p", { class: "verdict", role: "status" });
  }

  /** `samples`: the minutes of the last day; null: whoever looks is not told of them. `unattended`: no worker is alive. */
  show({ pauses, kinds }, samples, unattended) {
    const asked = samples ? lately(samples) : null;
    const parts = [paused(pauses), asked && fared(asked), ...result(kinds)].filter(Boolean);
    const text = `${head(pauses, asked, unattended)}${parts.length ? `: ${parts.join("; ")}` : ""}.`;
    if (this.element.textContent !== text) this.element.textContent = text;
  }
}

function head(pauses, asked, unattended) {
  const nobody = unattended ? "Nobody asks the API, since no worker is alive" : "";
  if (pauses.length) return nobody ? `${nobody}; paused` : "Paused";
  if (!asked?.all) return nobody || (asked ? "Nothing was asked lately" : "Nothing is paused");
  if (!nobody && Date.now() - asked.last < NEWS_MS) return `The API is ${how(asked)}`;
  const when = `when it was last asked, ${ago(new Date(asked.last).toISOString())}`;
  return nobody ? `${nobody}; ${when}, it was ${how(asked)}` : `The API was ${how(asked)} ${when}`;
}

function how({ bad, all }) {
  const share = bad / all;
  return share > UNWELL ? "not well" : share > BUSY ? "well, but for some requests" : "well";
}

const paused = (pauses) => [...new Set(pauses.map((pause) => `${pause.what} (${causeOf(pause)})`))].join(", ");

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
  const all = [...BAD, "good"];
  const some = at.filter((i) => ["submits", "statuses"].some((step) => all.some((name) => samples[step][name][i] > 0)));
  return { bad: sum(BAD), all: sum(all), minutes: LATELY, last: Date.parse(samples.at[some.at(-1)]) + 60_000 };
}
