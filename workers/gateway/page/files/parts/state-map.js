// A map of all edits: a cell each, in their order, coloured by state; what a filter leaves out is faint.
import { h } from "../dom.js";
import { number } from "../format.js";
import { STATES, stateOf } from "../states.js";

const MOST_HEIGHT = 260; // pixels
const LARGEST = 18; // of a cell
const FAINT = 0.16;
const REST_MS = 250; // for so long the pointer stays before a name is asked for

class StateMap extends HTMLElement {
  #canvas = h("canvas", { role: "img" });
  #told = h("output", { hidden: true });
  #strip = null;
  #shown = null;
  #layout = null;
  #colours = null;
  #frame = 0;
  #pointed = null; // the place, and where its words are
  #rest = 0;

  connectedCallback() {
    this.append(this.#canvas, this.#told);
    this.#sizes = new ResizeObserver(() => this.draw());
    this.#sizes.observe(this);
    window.addEventListener("theme", this.#repaint);
    this.#canvas.addEventListener("pointermove", (event) => this.#tell(event));
    this.#canvas.addEventListener("pointerleave", () => this.#leave());
    this.#canvas.addEventListener("click", (event) => this.#pick(event));
  }

  disconnectedCallback() {
    this.#sizes.disconnect();
    window.removeEventListener("theme", this.#repaint);
    clearTimeout(this.#rest);
  }

  #sizes = null;
  #repaint = () => {
    this.#colours = null;
    this.draw();
  };

  /** Show a strip; `shown`: the places that a filter shows, null: all. */
  show(strip, shown) {
    [this.#strip, this.#shown] = [strip, shown];
    this.draw();
  }

  /** Draw with the next frame, once however often it is asked for. */
  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#strip && this.clientWidth) this.#paint();
    });
  }

  #paint() {
    const { states, length } = this.#strip;
    const layout = (this.#layout = layoutOf(length, this.clientWidth));
    const { cell, gap, columns, rows, scale } = layout;
    const [width, height] = [Math.max(1, columns * cell - gap), Math.max(1, rows * cell - gap)];
    const side = cell - gap;
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const colours = (this.#colours ??= this.#read());
    const visible = this.#visible(length);
    for (let i = 0, x = 0, y = 0; i < length; i++) {
      const colour = colours[(visible && !visible[i] ? 256 : 0) + states[i]];
      for (let at = y * width + x, end = at + side * width; at < end; at += width) {
        for (let dx = 0; dx < side; dx++) pixels[at + dx] = colour;
      }
      x += cell;
      if (x >= columns * cell) [x, y] = [0, y + cell];
    }
    Object.assign(this.#canvas, { width, height });
    this.#canvas.style.width = `${width / scale}px`;
    this.#canvas.style.height = `${height / scale}px`;
    this.#canvas.getContext("2d").putImageData(image, 0, 0);
    this.#canvas.setAttribute("aria-label", this.#label());
  }

  #visible(length) {
    if (!this.#shown) return null;
    const found = new Uint8Array(length);
    for (const place of this.#shown) found[place] = 1;
    return found;
  }

  #label() {
    const counts = this.#strip.counts();
    const told = STATES.filter(({ code }) => counts[code]).map(({ code, name }) => `${number(counts[code])} ${name}`);
    return `Map of ${number(this.#strip.length)} edits: ${told.join(", ") || "none"}. The list below has the same.`;
  }

  /** The colours of the theme as pixels, by the byte of a state; 256 further the faint ones. */
  #read() {
    const probe = h("span", {});
    this.append(probe);
    const found = new Uint32Array(512);
    for (let code = 0; code < 256; code++) {
      const { name } = stateOf(code);
      if (name === "unknown") continue;
      probe.style.color = `var(--${name})`;
      const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
      found[code] = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
      found[256 + code] = ((Math.round(255 * FAINT) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    }
    probe.remove();
    return found;
  }

  #place(event) {
    if (!this.#layout) return -1;
    const { cell, columns, scale } = this.#layout;
    const column = Math.floor((event.offsetX * scale) / cell);
    const place = Math.floor((event.offsetY * scale) / cell) * columns + column;
    return column < columns && place < this.#strip.length ? place : -1;
  }

  #tell(event) {
    const place = this.#place(event);
    if (place < 0) return this.#leave();
    const same = this.#pointed?.place === place;
    this.#pointed = { place, x: event.offsetX, y: event.offsetY, name: same ? this.#pointed.name : "" };
    this.#write();
    if (same) return undefined;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.dispatchEvent(new CustomEvent("rest", { detail: place })), REST_MS);
    return undefined;
  }

  #leave() {
    clearTimeout(this.#rest);
    this.#pointed = null;
    this.#told.hidden = true;
  }

  /** Say what the edit is called on which the pointer rests, if it rests there still. */
  name(place, name) {
    if (this.#pointed?.place !== place) return;
    this.#pointed.name = name;
    this.#write();
  }

  #write() {
    const { place, x, y, name } = this.#pointed;
    this.#told.hidden = false;
    this.#told.textContent = `${number(place + 1)}${name && ` ${name}`}: ${stateOf(this.#strip.states[place]).name}`;
    const left = Math.max(0, Math.min(x + 12, this.clientWidth - this.#told.offsetWidth));
    this.#told.style.transform = `translate(${left}px, ${y - this.#canvas.clientHeight - 34}px)`;
  }

  #pick(event) {
    const place = this.#place(event);
    if (place >= 0) this.dispatchEvent(new CustomEvent("pick", { detail: place }));
  }
}

/** The largest cells, in pixels of the screen, with which all fit. */
export function layoutOf(length, cssWidth, ratio = window.devicePixelRatio) {
  const scale = Math.max(1, Math.round(ratio));
  const width = Math.floor(cssWidth * scale);
  let cell = LARGEST * scale;
  const rowsOf = (size) => Math.ceil(length / Math.max(1, Math.floor(width / size)));
  while (cell > 1 && rowsOf(cell) * cell > MOST_HEIGHT * scale) cell--;
  if (cell === 1 && rowsOf(2) * 2 <= 1.4 * MOST_HEIGHT * scale) cell = 2; // rather a bit higher than hard to see
  const gap = cell >= 5 * scale ? Math.max(1, Math.round(cell / 8)) : cell >= 3 ? 1 : 0;
  const columns = Math.max(1, Math.floor((width + gap) / cell));
  return { cell, gap, columns, rows: Math.ceil(length / columns), scale };
}

customElements.define("state-map", StateMap);
