// The strip of a batch as the stream tells of it, together with what is said here of pictures.
import { ask, v1 } from "./api.js";
import { Strip } from "./strip.js";
import { Words } from "./words.js";

export class LiveStrip extends Strip {
  #words = new Words(() => this.load());
  #loading = 0;
  #meanwhile = [];

  /** `loaded()`: called when it was read, and awaited; `failed(error)`: when it could not be. */
  constructor(batch, signal, { loaded, failed }) {
    super();
    Object.assign(this, { path: `${v1("batches", batch)}/strip`, signal, loaded, failed });
  }

  /** Read all of it. */
  async load() {
    this.#loading++;
    const answered = this.#words.answered();
    try {
      const [states, picks] = await Promise.all([this.#bytes(""), this.#bytes("?of=picks")]);
      this.take(states, new Uint8Array(states.length), picks);
      this.#words.over(this, answered);
      for (const change of this.#meanwhile) this.#words.change(this, change, this.#loading > 1);
      await this.loaded();
    } catch (error) {
      this.failed(error);
    } finally {
      if (!--this.#loading) this.#meanwhile = [];
    }
  }

  async #bytes(query) {
    return new Uint8Array(await (await ask(this.path + query, { signal: this.signal })).arrayBuffer());
  }

  /** Take what the stream tells. */
  heard(change) {
    if (this.#loading) this.#meanwhile.push(change); // what is on its way may be older than this
    this.#words.change(this, change, this.#loading > 0);
  }

  /** Say a code of each place; returns the word, to be `kept` or `lost`. */
  say(places, codes) {
    return this.#words.say(this, places, codes);
  }

  /** Of these places it was kept, by Redis' clock not later than that. */
  kept(word, places, at) {
    this.#words.kept(word, places, at, this, this.#loading > 0);
  }

  /** Of these it was not. */
  lost(word, places) {
    this.#words.lost(word, places, this);
  }
}
