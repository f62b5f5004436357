// Reads of what changes meanwhile: an answer, or what is heard of it, may come late, and is older then than what is known.

const EVER = "~"; // later than any time
const SOON_MS = 300;
const REST_MS = 2000; // between two reads for what came late: where all does, that would not end

/** The reads of one thing, several of which may be under way, and what is heard of it: nothing older follows on anything newer. */
export class Reads {
  #begun = 0;
  #taken = 0; // which was the last one
  #asOf = ""; // by Redis' clock: what was written until then is in it
  #heard = [];
  #behind = false; // something was heard, and not taken, that no read since then has answered
  #timer = 0;
  #renewedAt = -Infinity;
  #renew;
  /** How many are under way. */
  waiting = 0;

  /** `renew`: reads it anew; called when what was heard is older than what was read: it may be newer in part. */
  constructor(renew = () => {}) {
    this.#renew = renew;
  }

  /**
   * Await what `ask(dated)` gives, `take` it, and then once more what was heard since it began; `failed(error)`, unless it was aborted.
   * `dated(at)`: to be called with the time of each answer in it. Neither is called where a read that began later was taken already.
   * Returns whether it was taken.
   */
  async read(ask, take, failed) {
    const mine = ++this.#begun;
    let asOf = EVER;
    this.waiting++;
    try {
      const answer = await ask((at) => (asOf = at < asOf ? at : asOf)).finally(() => this.waiting--);
      if (mine > this.#taken) {
        [this.#taken, this.#asOf] = [mine, asOf === EVER ? "" : asOf];
        take(answer);
        this.#hearAgain(this.#heard.filter(({ since }) => since >= mine));
      }
      this.#catchUp();
      return mine === this.#taken;
    } catch (error) {
      if (mine >= this.#taken && error.name !== "AbortError") failed(error); // what is heard next has it read again
      return false;
    } finally {
      if (!this.waiting) this.#heard = [];
    }
  }

  /** Take what is heard; `at`: the time as of which it was read. */
  hear(take, at = EVER) {
    if (this.waiting) this.#heard.push({ since: this.#begun, take, at });
    if (at > this.#asOf) take();
    else this.#behind = true;
    this.#catchUp();
  }

  #hearAgain(heard) {
    const later = heard.filter(({ at }) => at > this.#asOf);
    for (const { take } of later) take();
    this.#behind = later.length < heard.length;
  }

  #catchUp() {
    if (!this.#behind || this.waiting || this.#timer) return;
    const rest = this.#renewedAt + REST_MS - performance.now();
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (!this.#behind || this.waiting) return;
      this.#renewedAt = performance.now();
      this.#renew();
    }, Math.max(SOON_MS, rest));
  }

  /** What is under way is of no use any more. */
  drop() {
    this.#taken = ++this.#begun;
    this.#heard = [];
    this.#behind = false;
  }
}
