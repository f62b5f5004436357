// The names of a batch's edits by their places, asked for where they are seen, and kept: they never change.
import { json, v1 } from "./api.js";

const AT_ONCE = 200;
const QUIET_MS = 60; // while somebody scrolls, nothing is asked for

export class Rows {
  #names = new Map();
  #asked = new Set();
  #timer = 0;
  #wantedAt = -Infinity;

  constructor(batch, signal, came, failed) {
    Object.assign(this, { batch, signal, came, failed });
  }

  /** The custom id at a place; undefined: it is not known yet. */
  nameAt(place) {
    return this.#names.get(place);
  }

  /** Have the names at these places come. */
  want(places) {
    const missing = places.filter((place) => !this.#names.has(place) && !this.#asked.has(place)).slice(0, AT_ONCE);
    clearTimeout(this.#timer);
    if (!missing.length) return;
    const scrolls = performance.now() - this.#wantedAt < QUIET_MS;
    this.#wantedAt = performance.now();
    if (scrolls) this.#timer = setTimeout(() => this.#ask(missing), QUIET_MS);
    else this.#ask(missing);
  }

  async #ask(places) {
    places.forEach((place) => this.#asked.add(place));
    try {
      const { edits } = await json(`${v1("batches", this.batch, "edits")}?${queryOf(places)}`, { signal: this.signal });
      for (const edit of edits) this.#names.set(edit.place, edit.custom_id);
      this.came();
    } catch (error) {
      if (error.name !== "AbortError") this.failed(error);
    } finally {
      places.forEach((place) => this.#asked.delete(place));
    }
  }
}

function queryOf(places) {
  const [first, last] = [places[0], places.at(-1)];
  const together = last - first + 1 === places.length;
  return together ? `from=${first}&count=${places.length}` : `at=${places.join(",")}`;
}
