// What changes while somebody looks: one stream for the whole page, closed while it is hidden, and resumed by id.
import { parsed } from "./plain.js";

const AGAIN_MS = 3000;

class Live extends EventTarget {
  #source = null;
  #path = null;
  #handlers = {};
  #last = "";
  #timer = 0;
  /** `on`; `away`: it does not come through; `off`: nothing is heard. */
  state = "off";

  constructor() {
    super();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close("off") : this.#open()));
    window.addEventListener("pagehide", () => this.#close("off"));
  }

  /** Hear of a path, and of no other any more: event → handler of its data. Returns how to stop. */
  watch(path, handlers) {
    this.#close("off");
    [this.#path, this.#handlers, this.#last] = [path, handlers, ""];
    this.#open();
    return () => {
      if (this.#handlers !== handlers) return;
      this.#path = null;
      this.#close("off");
    };
  }

  #open() {
    if (this.#path === null || this.#source || document.hidden) return;
    const path = new URL(this.#path, location.origin);
    if (this.#last) path.searchParams.set("after", this.#last);
    const source = (this.#source = new EventSource(path));
    source.addEventListener("open", () => this.#tell("on"));
    source.addEventListener("error", () => {
      this.#tell("away");
      if (source.readyState !== EventSource.CLOSED) return; // it connects again by itself
      this.#close("away");
      this.#timer = setTimeout(() => this.#open(), AGAIN_MS);
    });
    for (const [type, handler] of Object.entries(this.#handlers)) {
      source.addEventListener(type, (event) => {
        if (event.lastEventId) this.#last = event.lastEventId;
        handler(event.data ? parsed(event.data) : null);
      });
    }
  }

  #close(state) {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#tell(state);
  }

  #tell(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

export const live = new Live();
