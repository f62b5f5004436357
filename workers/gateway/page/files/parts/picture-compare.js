// Before and after of one picture: a slider between both, side by side, or one in place of the other while it is held.
import { ask } from "../api.js";
import { h } from "../dom.js";

const MODES = [
  ["slider", "Slider"],
  ["side", "Side by side"],
  ["hold", "Hold to compare"],
];
const KEPT = "retouch-compare"; // the mode that somebody likes

class PictureCompare extends HTMLElement {
  #before = h("img", { class: "before", alt: "Before", decoding: "async" });
  #after = h("img", { class: "after", alt: "After", decoding: "async" });
  #range = h("input", { type: "range", min: 0, max: 100, value: 50, step: 1, "aria-label": "How much of it is before" });
  #hold = h("button", { class: "plain" }, "Before ", h("kbd", {}, "b"));
  #trouble = h("p", { class: "quiet small", role: "status" });
  #stage = h("div", { class: "stage" }, h("figure", {}, this.#before, h("figcaption", {}, "Before")), h("figure", {}, this.#after, h("figcaption", {}, "After")), this.#range);
  #modes = MODES.map(([mode, text]) => h("button", { class: "chip", "aria-pressed": "false", data: { mode }, on: { click: () => (this.mode = mode) } }, text));

  connectedCallback() {
    if (this.#stage.isConnected) return;
    const tools = h("div", { class: "bar", role: "group", "aria-label": "How before and after are shown" }, this.#modes, this.#hold, h("span", { class: "quiet small hint" }, h("kbd", {}, "c"), " the next way"));
    this.append(this.#stage, tools, this.#trouble);
    this.#range.addEventListener("input", () => this.style.setProperty("--at", `${this.#range.value}%`));
    this.#after.addEventListener("load", () => this.style.setProperty("--ratio", this.#after.naturalWidth / this.#after.naturalHeight));
    for (const type of ["pointerdown", "pointerup", "pointerleave", "blur"]) {
      this.#hold.addEventListener(type, () => (this.held = type === "pointerdown"));
    }
    this.#hold.addEventListener("keydown", ({ key }) => (key === " " || key === "Enter") && (this.held = true));
    this.#hold.addEventListener("keyup", () => (this.held = false));
    for (const one of [this.#before, this.#after]) one.addEventListener("dragstart", (event) => event.preventDefault());
    this.mode = localStorage.getItem(KEPT) ?? MODES[0][0];
  }

  get mode() {
    return this.dataset.mode;
  }

  set mode(mode) {
    this.dataset.mode = MODES.some(([known]) => known === mode) ? mode : MODES[0][0];
    localStorage.setItem(KEPT, this.dataset.mode);
    this.#modes.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.mode === this.dataset.mode)));
    this.#range.hidden = this.dataset.mode !== "slider";
    this.#hold.hidden = this.dataset.mode !== "hold";
  }

  /** The next way to show both. */
  turn() {
    this.mode = MODES[(MODES.findIndex(([mode]) => mode === this.mode) + 1) % MODES.length][0];
  }

  /** Whether before is shown in place of after, while a key or a button is held. */
  set held(on) {
    this.toggleAttribute("data-held", on);
    this.#hold.setAttribute("aria-pressed", String(on));
  }

  /**
   * Show a pair: `before`: where a preview of it is; `small`: a small copy of after; `full`: gives where the picture
   * itself is, for a while.
   */
  async show({ before, small, full }) {
    this.#trouble.textContent = "";
    this.#load(this.#before, before, "What it was made of");
    this.#after.src = small;
    const shown = (this.shown = {});
    try {
      const picture = new Image();
      picture.src = await full();
      await picture.decode();
      if (shown === this.shown) this.#after.src = picture.src;
    } catch (error) {
      const why = error.status ? error.message : "S3 does not give it to this browser.";
      if (shown === this.shown) this.#say(`This is a small copy. The picture itself cannot be shown: ${why}`);
    }
  }

  #load(image, path, what) {
    image.onerror = async () => {
      image.onerror = null;
      const why = await ask(path).then(() => "it is no picture", (error) => error.message);
      if (image.getAttribute("src") === path) this.#say(`${what} cannot be shown: ${why}`);
    };
    image.src = path;
  }

  #say(text) {
    this.#trouble.textContent = [this.#trouble.textContent, text].filter(Boolean).join(" ");
  }
}

customElements.define("picture-compare", PictureCompare);
