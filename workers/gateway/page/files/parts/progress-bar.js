// How a batch stands, as a bar: a piece for each state.
import { BAR } from "../states.js";
import { number } from "../format.js";

class ProgressBar extends HTMLElement {
  #pieces = new Map();

  /** Show so many edits by state; `null` for none. */
  set counts(counts) {
    for (const name of BAR) {
      const value = counts[name] ?? 0;
      let piece = this.#pieces.get(name);
      if (!piece && !value) continue;
      if (!piece) {
        piece = document.createElement("span");
        piece.className = "swatch";
        piece.dataset.state = name;
        this.#pieces.set(name, piece);
        this.replaceChildren(...BAR.map((one) => this.#pieces.get(one)).filter(Boolean));
      }
      piece.style.flex = `${value} 0 0`;
    }
    const told = BAR.filter((name) => counts[name]).map((name) => `${number(counts[name])} ${name}`);
    this.setAttribute("role", "img");
    this.setAttribute("aria-label", told.join(", ") || "no edits");
  }
}

customElements.define("progress-bar", ProgressBar);
