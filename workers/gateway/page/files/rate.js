// How fast a batch ends, and when it will have: a range, since the ends of a minute are a sample.

const WINDOW_MS = 60_000;
const LEAST_MS = 4_000;
const Z = 1.64; // nine times out of ten it is between

export class Rate {
  #seen = [];

  constructor(created) {
    this.#seen.push([Date.parse(created), 0]);
  }

  /** So many edits have ended by now (ms). */
  update(now, ended) {
    if (ended < this.#seen.at(-1)[1]) this.#seen = []; // a retry put some back
    this.#seen.push([now, ended]);
    while (this.#seen.length > 2 && this.#seen[1][0] <= now - WINDOW_MS) this.#seen.shift();
  }

  /** Edits a second over the last minute; of a batch that is first looked at, since it was made. 0: not known. */
  get perSecond() {
    const [ends, ms] = this.#window();
    return ms >= LEAST_MS ? (1000 * ends) / ms : 0;
  }

  /** Seconds until so many edits more have ended, at least and at most; null: not known. */
  left(edits) {
    const [ends, ms] = this.#window();
    if (!edits || ms < LEAST_MS || ends < 3) return null;
    const error = Z * Math.sqrt(ends);
    return [(edits * ms) / (ends + error) / 1000, (edits * ms) / Math.max(1, ends - error) / 1000];
  }

  #window() {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    return first ? [last[1] - first[1], last[0] - first[0]] : [0, 0];
  }
}
