// Why an edit that is queued is not submitted now, in words for whoever has this page's buttons.
import { installation } from "./installation.js";
import { pausedBy } from "./states.js";

const CAUSES = {
  person: "by a person",
  refused: "the API refuses requests",
  outage: "the API does not answer",
  throttled: "the API asked to wait",
  store: "pictures cannot be stored",
  budget: "the budget of the day is spent",
};

const REMEDIES = {
  person: "Resume… lets it go on",
  refusals: "fix the cause; then Resume… lets it go on",
  failures: "Resume… lets it go on however many fail",
  budget: "Budget… allows it more",
  arriving: "it goes on by itself when all is written",
};

/** Why a pause of all batches is, in short. */
export const causeOf = ({ cause }) => CAUSES[cause] ?? cause;

/** Whether submits of all batches are paused, for longer than the API asks for now and then. */
export const submitsPaused = () => installation.pauses.some(({ kind, cause }) => kind === "submit" && cause !== "throttled");

/** What keeps all batches from being submitted, each a part of a sentence: `{ short, why, mends }`. */
export function holdsOfAll() {
  const pauses = installation.pauses.filter(({ kind, cause }) => kind === "submit" && cause !== "throttled");
  const found = pauses.map((pause) => ({
    short: "all are paused",
    why: `submits of all batches are paused (${causeOf(pause)})`,
    mends: "the view Provider says what ends it",
  }));
  if (installation.unattended) found.unshift({ short: "no worker", why: "no worker is alive", mends: "start one" });
  return found;
}

/** The same of one batch, by its record. */
export function holdsOf(record) {
  const own = (record?.paused ?? []).map((pause) => ({
    short: pausedBy(pause),
    why: `batch ${record.batch} is paused (${pausedBy(pause)})`,
    mends: REMEDIES[pause.cause] ?? "Resume… lets it go on",
  }));
  return [...own, ...holdsOfAll()];
}

/** `batch oil is paused (by a person): Resume… lets it go on`; empty: nothing holds it up. */
export const holdsText = (holds) => holds.map(({ why, mends }) => `${why}: ${mends}`).join("; ");
