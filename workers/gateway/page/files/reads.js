// Reads of what changes meanwhile: an answer may come late, and is older then than what is known.

/** The reads of one thing, several of which may be under way, and what is heard of it: nothing older follows on anything newer. */
export class Reads {
  #begun = 0;
  #taken = 0; // which was the last one
  #heard = [];
  /** How many are under way. */
  waiting = 0;

  /**
   * Await what `ask()` gives, `take` it, and then once more what was heard since it began; `failed(error)`, unless it was aborted.
   * Neither is called where a read that began later was taken already. Returns whether it was taken.
   */
  async read(ask, take, failed) {
    const mine = ++this.#begun;
    this.waiting++;
    try {
      const answer = await ask().finally(() => this.waiting--);
      if (mine <= this.#taken) return false;
      this.#taken = mine;
      take(answer);
      for (const { since, again } of [...this.#heard]) if (since >= mine) again();
      return true;
    } catch (error) {
      if (mine >= this.#taken && error.name !== "AbortError") failed(error);
      return false;
    } finally {
      if (!this.waiting) this.#heard = [];
    }
  }

  /** Take what is heard. */
  hear(take) {
    if (this.waiting) this.#heard.push({ since: this.#begun, again: take });
    take();
  }

  /** What is under way is of no use any more. */
  drop() {
    this.#taken = ++this.#begun;
    this.#heard = [];
  }
}
