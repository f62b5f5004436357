// Whether it may help to try failed edits again, and the command that does something else, to be copied.
import { h } from "../dom.js";
import { capital } from "../format.js";
import { copyLine } from "./copy-line.js";

const COMMAND = /^(.*?)(?:; (to send them corrected))?: (retouch \S+ .+)$/;

/** The advice of `…/failures` about a reason; `may`: whoever looks may do what it says. */
export function adviceOf(advice, may) {
  if (!advice) return h("span", { class: "advice quiet small" }, "Trying again may help.");
  const [, words, instead, command] = COMMAND.exec(advice) ?? [null, advice];
  const text = h("span", {}, `${capital(words)}.${command && may && instead ? ` ${capital(instead)}:` : ""}`);
  return h("span", { class: "advice quiet small" }, text, command && may && copyLine(command));
}
