// Variations side by side: whether a batch is one of them, which cells its rows have, and the heads of its columns.
import { json, v1 } from "../api.js";
import { h } from "../dom.js";
import { gridOf } from "../variations.js";

const LOOKED_AT = 500; // names, to find out whether a batch is of variations

export class SideBySide {
  #found = null;
  #alone = false; // there is one row
  #looked = false;
  #matching = new Set(); // the places that the filter is about

  /** `grid`: the picture-grid, which `card` holds; `signal`: ends it; `changed()`: called when somebody turns it on or off. */
  constructor(grid, signal, changed) {
    this.grid = grid;
    this.shown = null; // { columns, field, values }
    this.button = h("button", { class: "chip", "aria-pressed": "true", hidden: true, on: { click: () => this.#toggle(changed) } }, "variations side by side");
    this.heads = h("div", { class: "column-heads", "aria-hidden": "true" });
    this.card = h("section", { class: "card gallery", "aria-label": "Pictures", hidden: true }, this.heads, grid);
    grid.addEventListener("layout", ({ detail }) => this.#fit(detail));
    const moves = new ResizeObserver(() => this.#below());
    moves.observe(document.querySelector("#banner"));
    signal.addEventListener("abort", () => moves.disconnect());
    grid.addEventListener("scroll", () => this.#edges(), { passive: true });
  }

  /** Find out whether the batch is one of variations, by the names of its first edits; `total`: how many it has. */
  async look(batch, total, signal) {
    if (this.#looked) return;
    const { edits } = await json(`${v1("batches", batch, "edits")}?count=${LOOKED_AT}`, { signal });
    this.#found = gridOf(edits.map((edit) => edit.custom_id), edits.length === total);
    this.#looked = edits.length > 0;
    this.#alone = this.#found?.columns === edits.length;
    this.shown = this.#alone ? null : this.#found; // one row is seen whole without: it wraps
    this.button.hidden = !this.#found;
  }

  #toggle(changed) {
    this.shown = this.shown ? null : this.#found;
    changed();
  }

  /** Whether what varies last is all that a name need say: its row has a head, or there is one row alone. */
  get varies() {
    return !!this.shown || this.#alone;
  }

  get columns() {
    return this.shown?.columns ?? 0;
  }

  /** The places that are shown for those that a filter has found, of `length`: whole rows, of which some cells are faint. */
  arrange(found, length) {
    this.#matching = new Set(this.shown ? found : []);
    if (!this.shown) return found;
    const { columns } = this.shown;
    const rows = [...new Set(Array.from(found, (place) => Math.floor(place / columns)))];
    const places = rows.flatMap((row) => Array.from({ length: columns }, (_, i) => row * columns + i));
    return Int32Array.from(places.filter((place) => place < length));
  }

  isFaint(place) {
    return !!this.shown && !this.#matching.has(place);
  }

  draw() {
    this.button.setAttribute("aria-pressed", String(!!this.shown));
    this.heads.hidden = !this.shown;
    if (!this.shown || this.heads.dataset.of === String(this.shown.values)) return;
    this.heads.dataset.of = String(this.shown.values);
    const field = this.shown.field.replaceAll("_", " ");
    this.heads.replaceChildren(h("div", {}, this.shown.values.map((value) => h("span", {}, `${field} ${value}`))));
  }

  /** The heads go with the columns, and it is shown where there are more of these. */
  #edges() {
    const { scrollLeft, scrollWidth, clientWidth } = this.grid;
    this.heads.style.setProperty("--scrolled", `${-scrollLeft}px`);
    this.card.toggleAttribute("data-more", scrollLeft + clientWidth < scrollWidth - 1);
  }

  /** It reaches down to the end of the screen. */
  #below() {
    this.grid.style.setProperty("--above", `${this.grid.getBoundingClientRect().top + scrollY}px`);
  }

  #fit({ width, head }) {
    this.#edges();
    this.#below();
    this.heads.style.setProperty("--width", `${width}px`);
    this.heads.style.setProperty("--head", `${head}px`);
  }
}
