// Why nothing is submitted, of any batch, where somebody would see edits that do not move.
import { h, retell } from "../dom.js";
import { causeOf } from "../holds.js";
import { installation } from "../installation.js";
import { age } from "./age.js";
import { endsByHand, resumeButton } from "./all-submits.js";

const KINDS = { submit: "Submits", status: "Status requests" };

export class PausesNote {
  /** `changed`: called when there are others; `resume(pause)`: ends one that a person can end, where somebody may do that. */
  constructor(signal, changed, resume = null) {
    Object.assign(this, { changed, resume });
    this.list = h("ul", {});
    this.element = h("section", { class: "note", "aria-label": "Pauses of all batches", hidden: true }, this.list);
    this.#show();
    installation.hear(() => {
      this.#show();
      this.changed();
    }, signal);
    installation.refresh();
  }

  #show() {
    const { pauses } = installation;
    this.element.hidden = !pauses.length;
    retell(this.list, pauses, () => pauses.map((pause) => item(pause, this.resume)));
  }
}

function item(pause, resume) {
  const { kind, since, reason } = pause;
  const what = `${KINDS[kind] ?? kind} of all batches are paused`;
  const text = h("span", {}, h("b", {}, what), ` (${causeOf(pause)}), begun `, age(since), `: ${reason}. `, h("a", { href: "#/provider" }, "Provider"));
  return h("li", { class: "bar between", data: { key: `${kind}:${pause.cause}` } }, text, resume && endsByHand(pause) && resumeButton(() => resume(pause)));
}
