// All submits at once: the button that pauses them, with the dialog before it, and which pauses a person can end.
import { h } from "../dom.js";
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
