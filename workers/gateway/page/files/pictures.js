// What has come out of a batch's edits, by their places: asked for where it is seen, and kept for a while.
import { json, v1 } from "./api.js";
import { h } from "./dom.js";

export const AT_ONCE = 100; // edits with their results
const KEPT = 4000; // edits; those that were seen longest ago go first
const LINK_S = 900;
const QUIET_MS = 80; // while somebody scrolls, nothing is asked for

export class Pictures {
  #rows = new Map();
  #asked = new Map(); // place → what asks for it, as long as that has not changed
  #timer = 0;

  constructor(batch, signal, came, failed) {
    Object.assign(this, { batch, signal, came, failed });
  }

  /** The row at a place, with its result; undefined: it is not known yet. */
  at(place) {
    return this.#rows.get(place);
  }

  /** What is at these places has changed. */
  forget(first, count) {
    for (const known of [this.#rows, this.#asked]) {
      for (const place of [...known.keys()]) if (place >= first && place < first + count) known.delete(place);
    }
  }

  /** Have those at these places come. */
  want(places) {
    const missing = places.filter((place) => !this.#rows.has(place) && !this.#asked.has(place)).slice(0, AT_ONCE);
    clearTimeout(this.#timer);
    if (missing.length) this.#timer = setTimeout(() => this.#ask(missing), QUIET_MS);
  }

  /** The rows at these places, all of them; raises Problem. `signal`: ends it; null: nothing does. */
  async all(places, signal = this.signal) {
    const missing = places.filter((place) => !this.#rows.has(place));
    const found = new Map();
    for (let first = 0; first < missing.length; first += 500) {
      const some = missing.slice(first, first + 500);
      for (const row of await this.#fetched(some, some.length <= AT_ONCE, signal)) found.set(row.place, row);
    }
    return places.map((place) => this.#rows.get(place) ?? found.get(place)).filter(Boolean);
  }

  async #ask(places) {
    const asking = Symbol();
    places.forEach((place) => this.#asked.set(place, asking));
    const stands = (place) => this.#asked.get(place) === asking;
    try {
      for (const row of await this.#fetched(places, true, this.signal)) if (stands(row.place)) this.#keep(row);
      this.came();
    } catch (error) {
      if (error.name !== "AbortError") this.failed(error);
    } finally {
      places.filter(stands).forEach((place) => this.#asked.delete(place));
    }
  }

  async #fetched(places, results, signal) {
    const query = `at=${places.join(",")}${results ? "&results=true" : ""}`;
    return (await json(`${v1("batches", this.batch, "edits")}?${query}`, { signal })).edits;
  }

  #keep(row) {
    this.#rows.set(row.place, row);
    if (this.#rows.size > KEPT) this.#rows.delete(this.#rows.keys().next().value);
  }
}

/** Where a small copy of an image of an edit is; the size is that of the screen. */
export function small(batch, row, number, side) {
  const { sha256 } = row.result.outputs[number];
  const size = side * devicePixelRatio > 200 ? 320 : 160;
  return `${v1("edits", batch, row.custom_id, "images", String(number), "thumbnail")}?size=${size}&sha256=${sha256}`;
}

/** What an edit was made of; `size`: 160, 320 or 1280. */
export const before = (batch, name, size) => `${v1("edits", batch, name, "before")}?size=${size}`;

/** A link to an image itself, which is good for a while; `save`: to a file, which is named as the edit. Raises Problem. */
export async function linkTo(batch, uri, save = false) {
  const { links } = await json(v1("batches", batch, "links"), { method: "POST", body: { uris: [uri], expires_s: LINK_S, save } });
  return links[uri];
}

/** Have the browser save an image. False: S3 does not give it to this browser, which a link would lead to an error. */
export async function saveImage(batch, uri) {
  const link = await linkTo(batch, uri, true);
  const image = new Image();
  image.src = link;
  try {
    await image.decode();
  } catch {
    return false;
  }
  h("a", { href: link, download: true }).click();
  return true;
}
