// Why requests to the API are not sent: since when, until when, what ends it, and the button that does.
import { h, notice, retell } from "../dom.js";
import { capital, span } from "../format.js";
import { causeOf } from "../holds.js";
import { age } from "../parts/age.js";
import { isByPerson, pauseAllButton, resumeButton, resumed } from "../parts/all-submits.js";

export class Pauses {
  #pauses = [];
  #unattended = false;
  #resumed = new Map(); // by name: since when a pause was, that somebody here has ended

  /** `may`: whoever looks may pause and resume; `change`: does it. */
  constructor(may, change) {
    Object.assign(this, { may, change });
    this.button = pauseAllButton(change);
    this.button.hidden = !may;
    this.list = h("ul", {});
    this.element = h("section", { class: "note", "aria-label": "Pauses", hidden: true }, this.list);
  }

  /** `unattended`: no worker is alive. */
  show(pauses, unattended) {
    this.#pauses = pauses;
    this.#unattended = unattended;
    this.element.hidden = !pauses.length;
    this.button.hidden = !this.may || pauses.some(isByPerson);
    retell(this.list, [pauses, unattended], () => pauses.map((pause) => this.#item(pause)));
  }

  async #resume(pause) {
    this.#resumed.set(nameOf(pause), pause.since);
    if (await this.change("/v1/provider/resume")) notice(resumed(pause, this.#pauses));
  }

  #item(pause) {
    const before = this.#resumed.get(nameOf(pause));
    const again = before && before !== pause.since ? " again, after they were resumed" : "";
    const what = capital(pause.what);
    const resume = this.may && pause.by_hand && resumeButton(() => this.#resume(pause));
    const text = h("span", {}, h("b", {}, `${what} are paused${again}`), ` (${causeOf(pause)}), begun `, age(pause.since), `: ${pause.reason}.${told(resume ? pause.remedy.replace(COMMAND, "") : pause.remedy)}${this.#unattended ? "" : probe(pause)}`); // a worker would send it
    return h("li", { class: "bar between", data: { key: nameOf(pause) } }, text, resume);
  }
}

const COMMAND = /(to go on|, or at once with): retouch resume$/; // there is a button for it

const nameOf = ({ kind, cause }) => `${kind}:${cause}`;

const told = (remedy) => (remedy ? ` ${capital(remedy)}.` : "");

function probe({ next_probe: next }) {
  if (!next) return "";
  const left = (Date.parse(next) - Date.now()) / 1000;
  return ` One request tries it ${left > 0 ? `within ${span(left)}` : "now"}.`;
}
