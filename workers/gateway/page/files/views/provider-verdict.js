// How the API is, in a sentence: what pauses, how many requests failed lately, and how long a result takes.
import { h } from "../dom.js";
import { ago, clock, percent, seconds } from "../format.js";
import { causeOf } from "../holds.js";

const LATELY = 15; // minutes
const NEWS_MS = 180_000; // a minute is told when it is over, and some time later
const ITS_OWN = ["refused", "outage", "throttled"]; // pauses for what the API answers
const BAD = ["throttled", "refused", "broken", "silent"];
const [UNWELL, BUSY] = [0.05, 0.01]; // of the requests

export class Verdict {
  constructor() {
    this.element = h("p", { class: "verdict", role: "status" });
  }

  /** `samples`: the minutes of the last day; null: whoever looks is not told of them. `unattended`: no worker is alive. */
  show({ pauses, kinds, last_refusal_at: refused }, samples, unattended) {
    const asked = samples ? lately(samples, Date.parse(refused)) : null;
    const parts = [paused(pauses), asked && fared(asked, pauses), ...result(kinds)].filter(Boolean);
    const text = `${head(pauses, asked, unattended)}${parts.length ? `: ${parts.join("; ")}` : ""}.`;
    if (this.element.textContent !== text) this.element.textContent = text;
  }
}

function head(pauses, asked, unattended) {
  const nobody = unattended ? "Nobody asks the API, since no worker is alive" : "";
  if (pauses.length) return nobody ? `${nobody}; paused` : "Paused";
  if (!asked?.all && !asked?.refuses) return nobody || (asked ? "Nothing was asked lately" : "Nothing is paused");
  const ended = ago(new Date(asked.last).toISOString());
  if (nobody) return `${nobody}; when it was last asked, ${ended}, it ${how(asked, "was")}`;
  if (Date.now() - asked.last >= NEWS_MS) return `The API ${how(asked, "was")} when it was last asked, ${ended}`;
  return asked.refuses ? `The API refused a request ${ended}` : `The API ${how(asked, "is")}`;
}

function how({ bad, all, refuses }, is) {
  if (refuses) return "refused a request";
  const share = bad / all;
  return `${is} ${share > UNWELL ? "not well" : share > BUSY ? "well, but for some requests" : "well"}`;
}

const paused = (pauses) => [...new Set(pauses.map((pause) => `${pause.what} (${causeOf(pause)})`))].join(", ");

/** That none failed is not said of whole minutes while those of this minute are refused. */
function fared({ all, bad, refuses, until }, pauses) {
  if (!all || (!bad && (refuses || pauses.some(({ cause }) => ITS_OWN.includes(cause))))) return "";
  return `${bad ? percent(bad, all) : "none"} of the requests of the ${LATELY} min until ${clock(until)} failed`;
}

/** Of the kind that has most results. */
function result(kinds) {
  const weight = ({ bins }) => bins.reduce((sum, value) => sum + value, 0);
  const most = [...kinds].sort((a, b) => weight(b) - weight(a))[0];
  return most ? [`half of the results come within ${seconds(most.p50_s)}`] : [];
}

/** What is known of the last minutes that are over; `refuses`: the last refusal came later than these. */
function lately(samples, refused) {
  const from = Date.now() - LATELY * 60_000;
  const at = samples.at.flatMap((time, i) => (Date.parse(time) >= from ? [i] : []));
  const sum = (names) => ["submits", "statuses"].reduce((all, step) => all + names.reduce((n, name) => n + at.reduce((m, i) => m + samples[step][name][i], 0), 0), 0);
  const all = [...BAD, "good"];
  const some = at.filter((i) => ["submits", "statuses"].some((step) => all.some((name) => samples[step][name][i] > 0)));
  const end = (i) => (i === undefined ? from : Date.parse(samples.at[i]) + 60_000);
  const until = end(at.at(-1));
  const refuses = refused >= until;
  return { bad: sum(BAD), all: sum(all), until, refuses, last: refuses ? refused : end(some.at(-1)) };
}
