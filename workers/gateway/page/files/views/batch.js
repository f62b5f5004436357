// One batch: how it stands, and why.
import { json, v1 } from "../api.js";
import { h } from "../dom.js";
import { live } from "../live.js";
import { BatchHead } from "./batch-head.js";

const ASIDE_MS = 2000; // between two looks at why it waits, which is not streamed

export function openBatch(root, session, batch) {
  const view = new Batch(root, batch);
  view.begin();
  return () => view.end();
}

class Batch {
  #closing = new AbortController();
  #aside = 0;

  constructor(root, batch) {
    this.batch = batch;
    this.head = new BatchHead(batch);
    this.trouble = h("div", { class: "note bad", role: "alert", hidden: true });
    root.append(this.head.element, this.trouble);
  }

  begin() {
    this.#load();
    live.watch(`/page/live?batch=${encodeURIComponent(this.batch)}`, {
      watching: () => this.#load(),
      reset: () => this.#load(),
      batch: (record) => this.#record(record),
      away: ({ detail }) => this.#trouble(detail),
      back: () => this.#trouble(""),
      gone: () => this.#trouble("This batch is not in Redis any more. What came of it is in S3."),
    });
  }

  end() {
    this.#closing.abort();
    clearTimeout(this.#aside);
  }

  async #load() {
    try {
      const record = await json(v1("batches", this.batch), { signal: this.#closing.signal });
      this.#trouble("");
      this.#record(record);
    } catch (error) {
      if (error.name !== "AbortError") this.#trouble(error.message);
    }
  }

  #record(record) {
    this.head.show(record);
    if (!this.#aside) this.#lookAside();
  }

  async #lookAside() {
    this.#aside = setTimeout(() => (this.#aside = 0), ASIDE_MS);
    try {
      const why = await json(`${v1("batches", this.batch)}/why`, { signal: this.#closing.signal });
      this.head.tell(why.reasons);
    } catch (error) {
      if (error.name !== "AbortError") this.#trouble(error.message);
    }
  }

  #trouble(text) {
    this.trouble.textContent = text;
    this.trouble.hidden = !text;
  }
}
