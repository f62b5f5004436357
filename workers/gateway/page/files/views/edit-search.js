// Finds edits of a batch by a part of their names. The gateway looks at them, so that no browser has all names of a large batch.
import { json, v1 } from "../api.js";
import { h } from "../dom.js";
import { count, number } from "../format.js";

const QUIET_MS = 200; // while somebody types, nothing is asked for
const AT_ONCE = 200; // edits that are shown, until somebody asks for more
const LOOKS = 4; // requests for one word; each looks at a bounded number of names
const LONGEST = 64;

export class EditSearch {
  text = "";
  #places = null; // of those found; null: nothing is searched for
  #next = null;
  #timer = 0;
  #asked = 0;

  /** `changed`: called when others are found; `typed`: when somebody has written a word; `leave`: for the keys that lead from the field to what it has found. */
  constructor(batch, signal, { changed, typed, leave, failed }) {
    Object.assign(this, { batch, signal, changed, typed, failed });
    this.input = h("input", { type: "search", placeholder: "Name of an edit", "aria-label": "Edits whose name has", maxlength: LONGEST });
    this.input.addEventListener("input", () => this.#write());
    this.input.addEventListener("keydown", (event) => this.#key(event, leave));
    this.said = h("span", { class: "quiet small", role: "status" });
    this.more = h("button", { hidden: true, on: { click: () => this.#look(this.#next ?? 0) } });
    this.element = h("div", { class: "bar" }, this.input, this.said, this.more);
  }

  /** Search for a text; an empty one: for nothing. */
  choose(text) {
    if (text === this.text) return;
    this.text = text.slice(0, LONGEST);
    if (this.input.value.trim() !== this.text) this.input.value = this.text;
    clearTimeout(this.#timer);
    this.#asked += 1; // what is on its way is for another word
    [this.#places, this.#next] = [this.text ? [] : null, null];
    this.#tell(this.text ? "looking…" : "");
    if (this.text) this.#timer = setTimeout(() => this.#look(0), QUIET_MS);
    this.changed();
  }

  /** Of what filters show (null: all) that which is found. */
  narrow(shown) {
    if (this.#places === null) return shown;
    const within = shown && new Set(shown);
    return Int32Array.from(within ? this.#places.filter((place) => within.has(place)) : this.#places);
  }

  get active() {
    return this.#places !== null;
  }

  #write() {
    this.choose(this.input.value.trim());
    this.typed();
  }

  #key(event, leave) {
    if (event.key === "Escape" && this.text) this.input.value = "";
    else if (!["ArrowDown", "Enter"].includes(event.key) || !this.#places?.length) return;
    else leave(event.key === "Enter");
    event.preventDefault();
    if (event.key === "Escape") this.#write();
  }

  async #look(first) {
    const mine = ++this.#asked;
    let [next, left] = [first, AT_ONCE];
    this.#tell("looking…");
    try {
      for (let looks = 0; looks < LOOKS && left > 0 && next !== null; looks++) {
        const query = new URLSearchParams({ text: this.text, from: next, count: left });
        const found = await json(`${v1("batches", this.batch, "search")}?${query}`, { signal: this.signal });
        if (mine !== this.#asked) return;
        next = found.next;
        left -= found.edits.length;
        this.#places = [...new Set([...this.#places, ...found.edits.map(({ place }) => place)])];
        this.changed();
      }
      this.#next = next;
      this.#tell(`${count(this.#places.length, "edit")} found${next === null ? "" : ` among the first ${number(next)}`}`);
    } catch (error) {
      if (mine === this.#asked && error.name !== "AbortError") this.#tell("");
      if (error.name !== "AbortError") this.failed(error);
    }
  }

  #tell(text) {
    this.said.textContent = text;
    this.more.hidden = this.#next === null || !text || text === "looking…";
    this.more.textContent = "Look further";
  }
}
