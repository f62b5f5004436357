// All submits at once: the button that pauses them, with the dialog before it, and which pauses a person can end.
import { h } from "../dom.js";
import { causeOf } from "../holds.js";
import { installation } from "../installation.js";
import { Decision } from "./decision.js";

export const isByPerson = ({ kind, cause }) => kind === "submit" && cause === "person";

/** Whether a pause ends when submits are resumed. */
export const endsByHand = (pause) => isByPerson(pause) || (pause.kind === "submit" && pause.cause === "refused");

/** The button; `change`: called with the path of what is done. */
export function pauseAllButton(change) {
  const what = ["No edit of any batch is submitted until somebody resumes.", "What is at the API is paid for, so finished and kept."];
  const ask = () => new Decision("", () => change("/v1/provider/pause")).say("Pause all submits?", what, "Pause them");
  return h("button", { on: { click: ask } }, "Pause all submits…");
}

/** The button that ends such a pause; `resume`: called for it. */
export const resumeButton = (resume) => h("button", { on: { click: resume } }, "Resume submits");

/** What comes of a pause that was ended, by those that are left; of one for refusals it is known with the next request. */
export function resumed({ cause }, pauses) {
  const left = pauses.filter(({ kind }) => kind === "submit");
  if (left.length) return `Submits are paused still (${left.map(causeOf).join(", ")}).`;
  if (installation.unattended) return "Submits are not paused any more, and go on when a worker is alive.";
  return cause === "person" ? "Submits go on." : "Submits go on. If the API refuses the next one too, they pause again.";
}
