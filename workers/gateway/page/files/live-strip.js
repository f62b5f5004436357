// The strip of a batch as the stream tells of it, together with what is said here of pictures.
import { ask, v1 } from "./api.js";
import { Reads } from "./reads.js";
import { Strip } from "./strip.js";
import { Words } from "./words.js";

export class LiveStrip extends Strip {
  #words = new Words(() => this.load());
  #reads = new Reads(() => this.load());

  /** `loaded()`: called when it was read, and awaited, it fails by itself; `failed(error)`: when it could not be. */
  constructor(batch, signal, { loaded, failed }) {
    super();
    Object.assign(this, { path: `${v1("batches", batch)}/strip`, signal, loaded, failed });
  }

  /** Read all of it. */
  async load() {
    const answered = this.#words.answered();
    const asked = (dated) => Promise.all([this.#bytes("", dated), this.#bytes("?of=picks", dated)]);
    const take = ([states, picks]) => {
      this.take(states, new Uint8Array(states.length), picks);
      this.#words.over(this, answered);
    };
    if (await this.#reads.read(asked, take, this.failed)) await this.loaded();
  }

  async #bytes(query, dated) {
    return new Uint8Array(await (await ask(this.path + query, { signal: this.signal, dated })).arrayBuffer());
  }

  /** Take what the stream tells. */
  heard(change) {
    this.#reads.hear(() => this.#words.change(this, change, this.#reads.waiting > 0), change.at);
  }

  /** Say a code of each place; returns the word, to be `kept` or `lost`. */
  say(places, codes) {
    return this.#words.say(this, places, codes);
  }

  /** Of these places it was kept, by Redis' clock not later than that. */
  kept(word, places, at) {
    this.#words.kept(word, places, at, this, this.#reads.waiting > 0);
  }

  /** Of these it was not. */
  lost(word, places) {
    this.#words.lost(word, places, this);
  }
}
