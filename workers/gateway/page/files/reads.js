// Reads of what changes meanwhile: an answer, or what is heard of it, may come late, and is older then than what is known.

const EVER = "~"; // later than any time

/** The reads of one thing, several of which may be under way, and what is heard of it: nothing older follows on anything newer. */
export class Reads {
  #begun = 0;
  #taken = 0; // which was the last one
  #asOf = ""; // by Redis' clock: what was written until then is in it
  #heard = [];
  #renew;
  /** How many are under way. */
  waiting = 0;

  /** `renew`: reads it anew; called when what was heard is older than what was read, in part at least. */
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
      if (mine <= this.#taken) return false;
      [this.#taken, this.#asOf] = [mine, asOf === EVER ? "" : asOf];
      take(answer);
      this.#hearAgain(this.#heard.filter(({ since }) => since >= mine));
      return true;
    } catch (error) {
      if (mine >= this.#taken && error.name !== "AbortError") failed(error);
      return false;
    } finally {
      if (!this.waiting) this.#heard = [];
    }
  }

  /** Take what is heard; `at`: the time as of which it was read. */
  hear(take, at = EVER) {
    if (this.waiting) this.#heard.push({ since: this.#begun, take, at });
    if (at > this.#asOf) take();
    else if (!this.waiting) this.#renew();
  }

  #hearAgain(heard) {
    const [later, older] = [true, false].map((is) => heard.filter(({ at }) => at > this.#asOf === is));
    for (const { take } of later) take();
    if (older.length) this.#renew();
  }

  /** What is under way is of no use any more. */
  drop() {
    this.#taken = ++this.#begun;
    this.#heard = [];
  }
}
