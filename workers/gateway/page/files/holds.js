// Why edits do not go on now, in words for whoever has this page's buttons.
import { installation } from "./installation.js";
import { pausedBy, shownState } from "./states.js";

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

const MAX_SUSPECTS = 5; // edits that are refused: it is the API then (as in retouch/ledger/constants.py)
const UNTOLD = { short: "the API refuses to say", why: "the API refuses to say how edits are doing", mends: "fix the key, or RETOUCH_API_URL" };
const UNDER_WAY = ["queued", "submitting", "waiting", "copying"];

/** The pauses of a kind of requests of all batches, that last longer than the API asks for now and then. */
const pausesOf = (wanted) => installation.pauses.filter(({ kind, cause }) => kind === wanted && cause !== "throttled");

/** What keeps all batches from being submitted, each a part of a sentence: `{ short, why, mends }`. */
export function holdsOfAll() {
  return [...unattended(), ...pausesOf("submit").map(heldSubmit)];
}

/** What keeps a batch from going on that is open, and not paused itself: of its queued edits, and of those at the API. */
export function stallsOf(record) {
  if (shownState(record) !== "open") return [];
  const has = (...states) => states.some((state) => record.counts[state]);
  return [
    ...(has(...UNDER_WAY) ? unattended() : []),
    ...(has("queued") ? pausesOf("submit").map(heldSubmit) : []),
    ...(has("waiting") ? pausesOf("status").map(heldStatus) : []),
    ...(has("waiting") && installation.refused >= Math.min(record.counts.waiting, MAX_SUSPECTS) ? [UNTOLD] : []),
  ];
}

const unattended = () => (installation.unattended ? [{ short: "no worker", why: "no worker is alive", mends: "start one" }] : []);

const heldSubmit = (pause) => ({
  short: "all are paused",
  why: `submits of all batches are paused (${causeOf(pause)})`,
  mends: "the view Provider says what ends it",
});

const heldStatus = (pause) => ({
  short: "status requests are paused",
  why: `status requests of all batches are paused (${causeOf(pause)})`,
  mends: "the view Provider says what ends it",
});

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
