// Which edits of a batch are made of the same picture: asked for once.
import { json, v1 } from "./api.js";

export class Alike {
  #places = new Map(); // place → those that are made of the same picture

  constructor(batch, signal, pictures) {
    Object.assign(this, { batch, signal, pictures });
  }

  /** The places of all that is made of the same picture; raises Problem. */
  async of(place) {
    if (this.known(place)) return this.known(place);
    const [row] = await this.pictures.all([place]);
    const known = this.#places; // of as many edits as there are now
    const { places } = row ? await json(v1("edits", this.batch, row.custom_id, "alike"), { signal: this.signal }) : { places: [] };
    for (const one of places) known.set(one, places);
    return places;
  }

  /** The same, if it was asked for already. */
  known(place) {
    return this.#places.get(place);
  }

  /** There are more edits than before. */
  forget() {
    this.#places = new Map();
  }
}
