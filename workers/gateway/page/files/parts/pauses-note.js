// Why nothing is submitted, of any batch: looked at every few seconds, where somebody would see edits that do not move.
import { json } from "../api.js";
import { h } from "../dom.js";
import { ago, when } from "../format.js";

const EVERY_MS = 4000;
const KINDS = { submit: "Submits", status: "Status requests" };

export class PausesNote {
  #told = "[]";

  /** `changed`: called when there are others. */
  constructor(signal, changed) {
    Object.assign(this, { signal, changed, submits: false }); // `submits`: they are paused
    this.list = h("ul", {});
    this.element = h("section", { class: "note", "aria-label": "Pauses of all batches", hidden: true }, this.list);
    this.#look();
    this.timer = setInterval(() => document.hidden || this.#look(), EVERY_MS);
    signal.addEventListener("abort", () => clearInterval(this.timer));
  }

  async #look() {
    try {
      this.#show((await json("/v1/installation", { signal: this.signal })).pauses);
    } catch {
      // that the gateway is away is said by the view
    }
  }

  #show(pauses) {
    const told = JSON.stringify(pauses);
    if (told === this.#told) return;
    this.#told = told;
    this.submits = pauses.some(({ kind, cause }) => kind === "submit" && cause !== "throttled");
    this.element.hidden = !pauses.length;
    this.list.replaceChildren(...pauses.map(item));
    this.changed();
  }
}

function item({ kind, cause, since, reason }) {
  const begun = h("time", { datetime: since, title: when(since) }, ago(since));
  const what = `${KINDS[kind] ?? kind} of all batches are paused`;
  return h("li", {}, h("b", {}, what), ` (${cause}), begun `, begun, `: ${reason}. `, h("a", { href: "#/provider" }, "Provider"));
}
