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
  #said = new Map(); // custom id → { letter, place, word }
  #timer = 0;
  #sending = Promise.resolve();

  /**
   * `kept(said, at)`: these were written, by Redis' clock not later than that; `lost(said, error)`: they were not;
   * `refused(said)`: they cannot be chosen. Of each: `{ name, letter, place, word }`, as they were said.
   */
  constructor(batch, { kept, lost, refused }) {
    Object.assign(this, { batch, kept, lost, refused });
  }

  /** Say something of edits; the latest word counts. */
  say(said) {
    for (const one of said) this.#said.set(one.name, one);
    this.#timer ||= setTimeout(() => this.flush(), SOON_MS);
  }

  /** Send what was said; one request after the other, so that none overtakes another. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const said = [...this.#said.values()];
    this.#said.clear();
    this.#sending = this.#sending.then(() => this.#send(said));
    return this.#sending;
  }

  async #send(said) {
    for (let first = 0; first < said.length; first += AT_ONCE) {
      const some = said.slice(first, first + AT_ONCE);
      try {
        const body = { pick: [], reject: [], clear: [] };
        for (const { name, letter } of some) body[LISTS[letter]].push(name);
        const answer = await ask(v1("batches", this.batch, "picks"), { method: "POST", body });
        const { unknown, unfinished, at } = await answer.json();
        const without = new Set([...unknown, ...unfinished]);
        this.kept(some.filter(({ name }) => !without.has(name)), at);
        if (without.size) this.refused(some.filter(({ name }) => without.has(name)));
      } catch (error) {
        return this.lost(said.slice(first), error);
      }
    }
  }
}
