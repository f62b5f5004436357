// What people have said of results, kept by the gateway: shown at once here, and sent a moment later.
import { ask, v1 } from "./api.js";

const SOON_MS = 60;
const AT_ONCE = 500;
const LISTS = { p: "pick", r: "reject", "": "clear" };

export const PICKS = [
  { letter: "p", code: 112, name: "picked", key: "p" },
  { letter: "r", code: 114, name: "rejected", key: "x" },
  { letter: "", code: 0, name: "undecided", key: "u" },
];

/** What a byte of the strip says. */
export const pickOf = (code) => PICKS.find((pick) => pick.code === code) ?? PICKS[2];

export class Picks {
  #said = new Map(); // custom id → letter
  #timer = 0;
  #sending = Promise.resolve();

  /** `failed`: called with a Problem; what was said then is not kept. `refused`: with what cannot be chosen. */
  constructor(batch, failed, refused) {
    Object.assign(this, { batch, failed, refused });
  }

  /** Say something of edits; the latest word counts. */
  say(names, letter) {
    for (const name of names) this.#said.set(name, letter);
    this.#timer ||= setTimeout(() => this.flush(), SOON_MS);
  }

  /** Send what was said; one request after the other, so that none overtakes another. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const said = [...this.#said];
    this.#said.clear();
    this.#sending = this.#sending.then(() => this.#send(said));
    return this.#sending;
  }

  async #send(said) {
    try {
      for (let first = 0; first < said.length; first += AT_ONCE) {
        const body = { pick: [], reject: [], clear: [] };
        for (const [name, letter] of said.slice(first, first + AT_ONCE)) body[LISTS[letter]].push(name);
        const answer = await ask(v1("batches", this.batch, "picks"), { method: "POST", body });
        const { unknown, unfinished } = await answer.json();
        if (unknown.length || unfinished.length) this.refused([...unknown, ...unfinished]);
      }
    } catch (error) {
      this.failed(error);
    }
  }
}

/** What was said here, to be taken back: the last first. */
export class Said {
  #steps = [];

  /** Remember what was said of places, and what had been (`codes`, `before`); `at`, `next`: where one stood, and then went. */
  add(step) {
    this.#steps.push(step);
  }

  /** The last step of which anything stands; undefined: there is none. `picks`: what is said now. */
  last(picks) {
    const stands = ({ places, codes }) => places.some((place, i) => picks[place] === codes[i]);
    while (this.#steps.length && !stands(this.#steps.at(-1))) this.#steps.pop();
    return this.#steps.at(-1);
  }
}
