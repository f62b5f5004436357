// What holds up all batches: which workers are alive, and what is paused; looked at every few seconds for the whole page.
import { json } from "./api.js";

const EVERY_MS = 4000;
const FRESH_MS = 500;
const ANSWER_MS = 8000; // a gateway that stands still keeps its connections, and a stream of events says nothing of it

class Installation extends EventTarget {
  #told = "";
  #timer = 0;
  #lookedAt = -Infinity;
  /** null: it is not known yet. */
  workers = null;
  pauses = [];
  /** The gateway does not answer. */
  away = false;

  /** Look from now on, for whoever is signed in. */
  begin() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => document.hidden || this.look(), EVERY_MS);
    this.look();
  }

  /** Nobody is signed in any more. */
  end() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#take(null, []);
  }

  get unattended() {
    return this.workers?.length === 0;
  }

  /** `change` is heard when something is otherwise. */
  hear(changed, signal) {
    this.addEventListener("change", changed, { signal });
  }

  /** Look, unless that was done a moment ago. */
  refresh() {
    if (performance.now() - this.#lookedAt > FRESH_MS) this.look();
  }

  async look() {
    this.#lookedAt = performance.now();
    try {
      const { workers, pauses } = await json("/v1/installation", { signal: AbortSignal.timeout(ANSWER_MS) });
      if (this.#timer) this.#take(workers, pauses);
    } catch (error) {
      if (this.#timer) this.#take(this.workers, this.pauses, error.status === 0);
    }
  }

  #take(workers, pauses, away = false) {
    const told = JSON.stringify([workers, pauses, away]);
    if (told === this.#told) return;
    [this.#told, this.workers, this.pauses, this.away] = [told, workers, pauses, away];
    this.dispatchEvent(new Event("change"));
  }
}

export const installation = new Installation();
