// How fast a batch ends, and when it will have: a range, since the ends of a minute are a sample.

const WINDOW_MS = 60_000;
const LEAST_MS = 4_000;
const LEAST_ENDS = 3;
const Z = 1.64; // nine times out of ten it is between

export class Rate {
  #seen = []; // the first one: when an edit ended; the wait for it says nothing of the rate
  #before = null; // how many had ended, before one was seen to end

  /** So many edits have ended by now (ms). `moves`: it is not paused; what was seen before a pause does not count. */
  update(now, ended, moves = true) {
    const back = ended < (this.#seen.at(-1)?.[1] ?? 0); // a retry put some back
    if (!moves || back) [this.#seen, this.#before] = [[], null];
    if (!moves) return;
    if (!this.#seen.length) {
      const begins = this.#before !== null && ended > this.#before;
      this.#before = ended;
      if (!begins) return;
    }
    this.#seen.push([now, ended]);
    while (this.#seen.length > 2 && this.#seen[1][0] <= now - WINDOW_MS) this.#seen.shift();
  }

  /** Edits a second over the last minute, or since it was first looked at, or paused. 0: not known. */
  get perSecond() {
    const [ends, ms] = this.#window();
    return ms >= LEAST_MS && ends >= LEAST_ENDS ? (1000 * ends) / ms : 0;
  }

  /** Seconds until so many edits more have ended, at least and at most; null: not known. */
  left(edits) {
    const [ends, ms] = this.#window();
    if (!edits || ms < LEAST_MS || ends < LEAST_ENDS) return null;
    const error = Z * Math.sqrt(ends);
    return [(edits * ms) / (ends + error) / 1000, (edits * ms) / Math.max(1, ends - error) / 1000];
  }

  #window() {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    return first ? [last[1] - first[1], last[0] - first[0]] : [0, 0];
  }
}
