// What holds up all batches: which workers are alive, and what is paused; looked at every few seconds for the whole page.
import { json } from "./api.js";

const EVERY_MS = 4000;
const FRESH_MS = 500;

class Installation extends EventTarget {
  #told = "";
  #timer = 0;
  #lookedAt = -Infinity;
  /** null: it is not known yet. */
  workers = null;
  pauses = [];

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
      const { workers, pauses } = await json("/v1/installation");
      if (this.#timer) this.#take(workers, pauses);
    } catch {
      // that the gateway is away is said by the view
    }
  }

  #take(workers, pauses) {
    const told = JSON.stringify([workers, pauses]);
    if (told === this.#told) return;
    [this.#told, this.workers, this.pauses] = [told, workers, pauses];
    this.dispatchEvent(new Event("change"));
  }
}

export const installation = new Installation();
