// A grid of any length: only the cells that are seen are there. One cell is in the order of the tab key, and the arrows
// move it (a roving tabindex). Its columns are as many as fit, or as many as the view says.
import { h } from "../dom.js";

const AROUND = 2; // rows beside those that are seen
const [LEAST, MOST, WIDEST] = [112, 176, 250]; // pixels, of a cell's width; the last of one of fixed columns
const CAPTION = 20; // pixels below the picture

class PictureGrid extends HTMLElement {
  #pad = h("div", { class: "pad", role: "rowgroup" });
  #rows = new Map();
  #length = 0;
  #fixed = 0;
  #active = 0;
  #anchor = 0;
  #frame = 0;
  #sizes = null;

  /** How a cell is made, and how it shows what is at an index; `fillHead`: what stands before a row, of fixed columns. */
  makeCell = () => h("div", {});
  fillCell = () => {};
  fillHead = () => {};
  /** Called with the indexes that are seen, and some around them. */
  onWindow = () => {};

  connectedCallback() {
    this.append(this.#pad);
    this.setAttribute("role", "grid");
    this.addEventListener("scroll", () => this.draw(), { passive: true });
    this.addEventListener("keydown", (event) => this.press(event));
    this.addEventListener("click", (event) => this.#click(event));
    this.#sizes = new ResizeObserver(() => this.#laidOut());
    this.#sizes.observe(this);
  }

  disconnectedCallback() {
    this.#sizes.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  /** Show so many cells; `columns`: 0: as many as fit. What the cells hold may have changed. */
  show(length, columns) {
    [this.#length, this.#fixed] = [length, columns];
    this.#active = Math.max(0, Math.min(this.#active, length - 1));
    this.#anchor = Math.max(0, Math.min(this.#anchor, length - 1));
    this.#laidOut();
  }

  get active() {
    return this.#active;
  }

  /** The first and the last index that are selected: from where Shift was pressed first to the active cell. */
  get selected() {
    return [Math.min(this.#active, this.#anchor), Math.max(this.#active, this.#anchor)];
  }

  get columns() {
    return this.#layout().columns;
  }

  /** Bring a cell into view, and make it the one that the keys move; `focus`: give it the focus. */
  reveal(index, focus = false, extend = false) {
    this.#active = Math.max(0, Math.min(index, this.#length - 1));
    if (!extend) this.#anchor = this.#active;
    const { columns, height, width, head } = this.#layout();
    const row = Math.floor(this.#active / columns);
    const [top, seen] = [row * height, this.clientHeight];
    if (top < this.scrollTop) this.scrollTop = top;
    else if (top + height > this.scrollTop + seen) this.scrollTop = top + height - seen;
    const left = head + (this.#active % columns) * width;
    if (left - head < this.scrollLeft) this.scrollLeft = left - head;
    else if (left + width > this.scrollLeft + this.clientWidth) this.scrollLeft = left + width - this.clientWidth;
    this.#paint();
    if (focus) this.#cell(this.#active)?.focus({ preventScroll: true });
    this.#tell("active");
  }

  /** Draw with the next frame. */
  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #layout() {
    const head = this.#fixed ? (this.clientWidth < 600 ? 84 : 148) : 0;
    const room = Math.max(LEAST, this.clientWidth - head);
    const columns = this.#fixed || Math.max(2, Math.floor(room / MOST));
    const least = this.#length <= this.#fixed && this.clientWidth >= 600 ? MOST : LEAST; // one row has all the height
    const width = this.#fixed ? Math.min(WIDEST, Math.max(least, Math.floor(room / columns))) : Math.floor(room / columns);
    return { columns, width, height: width + CAPTION, head };
  }

  #laidOut() {
    const { columns, width, height, head } = this.#layout();
    const rows = Math.ceil(this.#length / columns);
    this.#pad.style.height = `${rows * height}px`;
    this.#pad.style.width = this.#fixed ? `${head + columns * width}px` : "100%";
    for (const [name, size] of Object.entries({ width, height, head })) this.style.setProperty(`--${name}`, `${size}px`);
    this.dispatchEvent(new CustomEvent("layout", { detail: { width, head } }));
    this.setAttribute("aria-rowcount", rows);
    this.setAttribute("aria-colcount", columns);
    this.draw();
  }

  #paint() {
    const { columns, width, height, head } = this.#layout();
    const rows = Math.ceil(this.#length / columns);
    const [first, last] = [this.scrollTop / height, (this.scrollTop + this.clientHeight) / height];
    const [from, to] = [Math.max(0, Math.floor(first) - AROUND), Math.min(rows - 1, Math.ceil(last) + AROUND)];
    const held = this.contains(document.activeElement) ? Math.floor(this.#active / columns) : -1;
    for (const [row, made] of this.#rows) {
      if ((row >= from && row <= to) || (row === held && row < rows)) continue;
      this.#rows.delete(row);
      made.remove();
    }
    for (let row = from; row <= to; row++) if (!this.#rows.has(row)) this.#rows.set(row, this.#made(row));
    const [low, high] = this.selected;
    const span = this.#columnsSeen();
    for (const [row, made] of this.#rows) {
      made.style.transform = `translateY(${row * height}px)`;
      this.#fit(made, row, span);
      if (this.#fixed) this.fillHead(made.head, row);
      made.head.hidden = !this.#fixed;
      for (const [column, cell] of made.cells) {
        const index = row * columns + column;
        cell.style.transform = `translateX(${head + column * width}px)`;
        cell.dataset.index = index;
        cell.tabIndex = index === this.#active ? 0 : -1;
        cell.setAttribute("aria-colindex", column + 1);
        cell.setAttribute("aria-selected", String(index >= low && index <= high));
        this.fillCell(cell, index);
      }
    }
    if (to >= from) this.onWindow(this.#indexes(from, to, span));
  }

  #made(row) {
    const head = h("div", { class: "row-head", role: "rowheader" });
    const made = h("div", { class: "row", role: "row", "aria-rowindex": row + 1 }, head);
    this.#pad.append(made);
    return Object.assign(made, { head, cells: new Map() });
  }

  /** The first and the last column that are seen, and some around them. */
  #columnsSeen() {
    const { columns, width, head } = this.#layout();
    const first = Math.floor(this.scrollLeft / width) - AROUND;
    const last = Math.ceil((this.scrollLeft + this.clientWidth - head) / width) + AROUND;
    return [Math.max(0, first), Math.min(columns - 1, last)];
  }

  #indexes(from, to, [first, last]) {
    const { columns } = this.#layout();
    const found = [];
    for (let row = from; row <= to; row++) for (let column = first; column <= last; column++) found.push(row * columns + column);
    return found.filter((index) => index < this.#length);
  }

  /** Have a row's cells be those that are seen, and the one that has the focus. */
  #fit(made, row, [first, last]) {
    const { columns } = this.#layout();
    const end = Math.min(columns, this.#length - row * columns) - 1;
    const held = (cell) => cell.contains(document.activeElement);
    for (const [column, cell] of made.cells) {
      if (column <= end && ((column >= first && column <= last) || held(cell))) continue;
      made.cells.delete(column);
      cell.remove();
    }
    for (let column = first; column <= Math.min(last, end); column++) {
      if (made.cells.has(column)) continue;
      const cell = this.makeCell();
      cell.classList.add("cell");
      cell.setAttribute("role", "gridcell");
      const after = [...made.cells.keys()].filter((other) => other > column);
      made.insertBefore(cell, made.cells.get(Math.min(...after)) ?? null); // a row is read in the order of its columns
      made.cells.set(column, cell);
    }
  }

  #cell(index) {
    const { columns } = this.#layout();
    return this.#rows.get(Math.floor(index / columns))?.cells.get(index % columns);
  }

  #click(event) {
    const cell = event.target.closest(".cell");
    if (!cell) return;
    this.reveal(Number(cell.dataset.index), true, event.shiftKey);
    if (!event.shiftKey) this.#tell("open");
  }

  /** Do what a key does here; also for whoever has pressed it while nothing had the focus. */
  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#length) return;
    const { columns, height } = this.#layout();
    const page = columns * Math.max(1, Math.floor(this.clientHeight / height) - 1);
    const steps = { ArrowRight: 1, l: 1, ArrowLeft: -1, h: -1, ArrowDown: columns, j: columns, ArrowUp: -columns, k: -columns };
    const far = { PageDown: this.#active + page, PageUp: this.#active - page, Home: 0, End: this.#length - 1 };
    if (event.key === "Enter") this.#tell("open");
    else if (event.key in steps) this.#step(this.#active + steps[event.key], event.shiftKey);
    else if (event.key in far) this.#step(far[event.key], event.shiftKey);
    else return;
    event.preventDefault();
  }

  #step(index, extend) {
    if (index >= 0 && index < this.#length) this.reveal(index, true, extend);
    else if (Math.abs(index - this.#active) > 1) this.reveal(index, true, extend); // to the first, or the last
    this.#tell("move");
  }

  #tell(what) {
    this.dispatchEvent(new CustomEvent(what, { detail: this.#active }));
  }
}

customElements.define("picture-grid", PictureGrid);
