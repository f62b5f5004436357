// What holds up all batches: which workers are alive, and what is paused; looked at every few seconds for the whole page.
import { json } from "./api.js";
import { Reads } from "./reads.js";

const EVERY_MS = 4000;
const FRESH_MS = 500;
const ANSWER_MS = 8000; // a gateway that stands still keeps its connections, and a stream of events says nothing of it

class Installation extends EventTarget {
  #reads = new Reads();
  #told = "";
  #timer = 0;
  #lookedAt = -Infinity;
  /** null: it is not known yet. */
  workers = null;
  pauses = [];
  /** The gateway does not answer. */
  away = false;
  /** Of how many edits the API refuses to say how they stand. */
  refused = 0;

  /** Look from now on, for whoever is signed in. */
  begin() {
    this.end();
    this.#timer = setInterval(() => document.hidden || this.look(), EVERY_MS);
    this.look();
  }

  /** Nobody is signed in any more. */
  end() {
    clearInterval(this.#timer);
    this.#reads.drop();
    this.#take({ workers: null, pauses: [] });
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

  look() {
    this.#lookedAt = performance.now();
    const signal = AbortSignal.timeout(ANSWER_MS);
    const taken = ({ workers, pauses, provider }) => this.#take({ workers, pauses, refused: provider.status_refused });
    const failed = (error) => this.#take({ ...this, away: error.status === 0 });
    return this.#reads.read(() => json("/v1/installation", { signal }), taken, failed);
  }

  #take({ workers, pauses, refused = 0, away = false }) {
    const told = JSON.stringify([workers, pauses, refused, away]);
    if (told === this.#told) return;
    this.#told = told;
    Object.assign(this, { workers, pauses, refused, away });
    this.dispatchEvent(new Event("change"));
  }
}

export const installation = new Installation();
