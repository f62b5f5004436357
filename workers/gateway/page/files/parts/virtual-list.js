// A list of any length: only the rows that are seen are there. One row is in the order of the tab key, and the arrows
// move it (a roving tabindex).
import { h } from "../dom.js";

const AROUND = 12; // rows beside those that are seen
const STEPS = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };

class VirtualList extends HTMLElement {
  #pad = h("div", { class: "pad", role: "rowgroup" });
  #rows = new Map();
  #height = 34;
  #length = 0;
  #active = 0;
  #frame = 0;

  /** How a row is made, and how it shows the one at an index; both are given by the view. */
  makeRow = () => h("div", {});
  fillRow = () => {};
  /** Called with the first and the last index that are seen. */
  onWindow = () => {};

  connectedCallback() {
    this.append(this.#pad);
    this.setAttribute("role", "grid");
    this.addEventListener("scroll", () => this.draw(), { passive: true });
    this.addEventListener("keydown", (event) => this.#key(event));
    this.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) this.#choose(Number(row.dataset.index), true);
    });
    this.#sizes = new ResizeObserver(() => this.draw());
    this.#sizes.observe(this);
  }

  disconnectedCallback() {
    this.#sizes.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  #sizes = null;

  /** Show so many rows; what they hold may have changed. */
  set length(length) {
    this.#length = length;
    this.#active = Math.max(0, Math.min(this.#active, length - 1));
    this.#pad.style.height = `${length * this.#height}px`;
    this.style.setProperty("--rows", Math.max(3, length)); // few rows make a short list
    this.setAttribute("aria-rowcount", length);
    this.draw();
  }

  get length() {
    return this.#length;
  }

  get active() {
    return this.#active;
  }

  /** Bring a row into view, and make it the one that the keys move; `focus`: give it the focus; `block`: where it comes. */
  reveal(index, { focus = false, block = "nearest" } = {}) {
    this.#active = Math.max(0, Math.min(index, this.#length - 1));
    const [top, seen] = [this.#active * this.#height, this.clientHeight];
    const [above, below] = [top < this.scrollTop, top + this.#height > this.scrollTop + seen];
    if ((above || below) && block === "center") this.scrollTop = top - (seen - this.#height) / 2;
    else if (above) this.scrollTop = top;
    else if (below) this.scrollTop = top + this.#height - seen;
    this.#paint();
    if (focus) this.#rows.get(this.#active)?.focus({ preventScroll: true });
  }

  /** Draw with the next frame. */
  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint() {
    const first = Math.floor(this.scrollTop / this.#height);
    const last = Math.min(this.#length - 1, Math.ceil((this.scrollTop + this.clientHeight) / this.#height));
    const [from, to] = [Math.max(0, first - AROUND), Math.min(this.#length - 1, last + AROUND)];
    const spare = [];
    for (const [index, row] of this.#rows) {
      const keeps = index >= from && index <= to;
      if (keeps || (index === this.#active && row === document.activeElement && index < this.#length)) continue;
      this.#rows.delete(index);
      spare.push(row);
    }
    for (let index = from; index <= to; index++) {
      if (!this.#rows.has(index)) this.#rows.set(index, this.#moved(spare.pop() ?? this.#made(), index));
    }
    spare.forEach((row) => row.remove());
    for (const [index, row] of this.#rows) {
      row.tabIndex = index === this.#active ? 0 : -1;
      this.fillRow(row, index);
    }
    if (to >= from) this.onWindow(from, to);
  }

  #made() {
    const row = this.makeRow();
    row.classList.add("row");
    row.setAttribute("role", "row");
    this.#pad.append(row);
    return row;
  }

  #moved(row, index) {
    row.dataset.index = index;
    row.setAttribute("aria-rowindex", index + 1);
    row.style.transform = `translateY(${index * this.#height}px)`;
    return row;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#length) return;
    const page = Math.max(1, Math.floor(this.clientHeight / this.#height) - 1);
    const far = { PageDown: this.#active + page, PageUp: this.#active - page, Home: 0, End: this.#length - 1 };
    if (event.key in STEPS) this.#choose(this.#active + STEPS[event.key], false);
    else if (event.key in far) this.#choose(far[event.key], false);
    else if (event.key === "Enter") this.#choose(this.#active, true);
    else return;
    event.preventDefault();
  }

  #choose(index, open) {
    this.reveal(index, { focus: true });
    this.dispatchEvent(new CustomEvent(open ? "open" : "move", { detail: this.#active }));
  }
}

customElements.define("virtual-list", VirtualList);
