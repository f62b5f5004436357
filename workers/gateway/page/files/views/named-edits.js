// The edits that are called as somebody has typed: in the newest batches, or in the one that stands before it (`oil/cat-1`).
import { json } from "../api.js";
import { addressOf } from "../address.js";
import { h } from "../dom.js";

const NAME = /^([\w.-]{1,64}\/)?[\w.-]{1,64}$/;
const QUIET_MS = 200; // while somebody types, nothing is asked for

export class NamedEdits {
  found = 0;
  #text = "";
  #timer = 0;

  /** `came`: called when others are found. */
  constructor(signal, came) {
    Object.assign(this, { signal, came });
    this.list = h("ul", { class: "stack tight" });
    this.element = h("section", { class: "card hits stack tight", "aria-label": "Edits of this name", hidden: true }, h("h2", {}, "Edits of this name"), this.list);
  }

  /** Look for edits of this name; nothing: for none. */
  look(text) {
    if (text === this.#text) return;
    this.#text = text;
    clearTimeout(this.#timer);
    this.#show([]);
    if (NAME.test(text)) this.#timer = setTimeout(() => this.#ask(text), QUIET_MS);
  }

  end() {
    clearTimeout(this.#timer);
  }

  async #ask(text) {
    try {
      const { edits } = await json(`/v1/edits?${new URLSearchParams({ name: text })}`, { signal: this.signal });
      if (text === this.#text) this.#show(edits);
    } catch {
      if (text === this.#text) this.#show([]); // that the gateway is away is told beside it
    }
  }

  #show(edits) {
    this.found = edits.length;
    this.element.hidden = !edits.length;
    const links = edits.map(({ batch, custom_id: name, state }) => h("li", { class: "bar" }, h("a", { href: addressOf(["batches", batch, "edits", name]) }, `${batch}/${name}`), h("span", { class: "quiet small" }, state)));
    this.list.replaceChildren(...links);
    this.came();
  }
}
