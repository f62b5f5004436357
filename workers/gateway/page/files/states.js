// The states of an edit: as the strip writes them (a letter each), and as people read them.

export const STATES = [
  ["q", "queued"],
  ["s", "submitting"],
  ["w", "waiting"],
  ["c", "copying"],
  ["h", "held"],
  ["C", "completed"],
  ["f", "failed"],
  ["x", "cancelled"],
].map(([letter, name]) => ({ letter, code: letter.charCodeAt(0), name }));

/** The byte of a completed edit, which has pictures. */
export const COMPLETED = STATES.find(({ name }) => name === "completed").code;

const BY_CODE = new Map(STATES.map((state) => [state.code, state]));
const ENDED = new Set(["completed", "failed", "cancelled"]);
// In a bar what is done comes first.
export const BAR = ["completed", "failed", "cancelled", "held", "copying", "waiting", "submitting", "queued"];

/** The state of a byte of the strip; of a byte that a newer version writes only its letter is known. */
export const stateOf = (code) => BY_CODE.get(code) ?? { code, letter: "", name: "unknown" };

/** How many edits of a batch have ended. */
export const ended = (record) =>
  Object.entries(record.counts).reduce((sum, [name, value]) => sum + (ENDED.has(name) ? value : 0), 0);

const PAUSED_BY = { person: "by a person", refusals: "the API refuses it", failures: "too many failed", budget: "the budget is used up", arriving: "it is arriving" };

/** Why a batch is paused, in short. */
export const pausedBy = ({ cause }) => PAUSED_BY[cause] ?? cause;

/** The state of a batch as people are shown it. */
export const shownState = (record) =>
  record.paused.length && record.state !== "completed" ? "paused" : record.state;

/** Write the state of a batch; `held`: what keeps it from going on. It is open still: by this it is filtered. */
export function markState(pill, record, held) {
  const [shown, failed] = [shownState(record), record.counts.failed];
  const unwell = shown === "completed" && failed ? `completed, ${failed === record.total ? "all" : "some"} failed` : "";
  pill.textContent = held ? "open, stalled" : unwell || shown;
  pill.className = `pill ${held ? "paused" : unwell ? "unwell" : shown}`;
}
