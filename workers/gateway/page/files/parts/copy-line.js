// A command that can be copied.
import { h, notice } from "../dom.js";

class CopyLine extends HTMLElement {
  /** The command. */
  set text(text) {
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(text);
        notice("Copied.");
      } catch {
        notice("The browser does not let the page copy: select the text.");
      }
    };
    const button = h("button", { type: "button", class: "plain small", "aria-label": `Copy: ${text}`, on: { click: copy } }, "Copy");
    this.replaceChildren(h("code", {}, text), button);
  }
}

customElements.define("copy-line", CopyLine);

/** Such a line. */
export function copyLine(text) {
  const made = document.createElement("copy-line");
  made.text = text;
  return made;
}
