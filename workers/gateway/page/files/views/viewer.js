// One picture of the gallery, large: beside what it was made of, with what is said of it.
import { h, notice } from "../dom.js";
import "../parts/picture-compare.js";
import { PICKS } from "../picks.js";
import { before, linkTo, saveImage, small } from "../pictures.js";

const TEXT = { picked: "Pick", rejected: "Reject", undecided: "Take back" };
const SHOWN = ["seed", "strength", "guidance_scale", "num_inference_steps"];

export class Viewer {
  #key = "";
  #image = 0;
  #row = null;

  /** `step(by)`, `closed()`: what the gallery does. */
  constructor(batch, mayChoose, picking, { step, closed }) {
    Object.assign(this, { batch, picking, step, closed });
    this.name = h("h2", { class: "mono", id: "viewed" });
    this.at = h("span", { class: "quiet small", role: "status" });
    this.facts = h("p", { class: "quiet small" });
    this.compare = document.createElement("picture-compare");
    this.images = h("div", { class: "bar", role: "group", "aria-label": "Images of this edit" });
    this.picks = PICKS.map(({ name, letter, key }) =>
      h("button", { class: "chip", "aria-pressed": letter ? "false" : null, data: { pick: name }, disabled: !mayChoose, on: { click: () => picking.sayActive(letter) } }, TEXT[name], h("kbd", {}, key)),
    );
    const steps = [[-1, "←", "The picture before"], [1, "→", "The next picture"]].map(([by, text, label]) =>
      h("button", { "aria-label": label, on: { click: () => step(by) } }, text),
    );
    const save = h("button", { on: { click: () => this.#save() } }, "Save", h("kbd", {}, "s"));
    const close = h("button", { class: "plain", "aria-label": "Close the picture", on: { click: () => this.close() } }, "✕");
    this.dialog = h(
      "dialog",
      { class: "viewer", "aria-labelledby": "viewed", tabindex: -1 },
      h("div", { class: "bar between" }, h("div", { class: "told" }, this.name, this.facts), h("div", { class: "bar" }, this.at, close)),
      this.compare,
      this.images,
      h("div", { class: "bar between" }, h("div", { class: "bar", role: "group", "aria-label": "What is said of it" }, this.picks, picking.bestButton({ class: "chip" })), h("div", { class: "bar" }, save, steps)),
    );
    this.dialog.addEventListener("keydown", (event) => this.#pressed(event));
    this.dialog.addEventListener("keyup", ({ key }) => key === "b" && (this.compare.held = false));
    this.dialog.addEventListener("close", () => this.#ended()); // by what the browser has for it
  }

  get open() {
    return this.dialog.open;
  }

  show() {
    if (this.open) return;
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.dialog.focus(); // and not its first button: the arrows are for the pictures
  }

  close() {
    if (!this.open) return;
    this.dialog.close();
    this.#ended(); // its event comes later: another picture may be open by then
  }

  #ended() {
    if (this.open || !this.dialog.isConnected) return;
    this.dialog.remove();
    this.#row = null;
    this.#key = "";
    this.closed();
  }

  /** Show an edit's row, what was said of it, and where it is in the gallery. */
  fill(row, pick, at) {
    this.at.textContent = at;
    const said = this.picks.filter((button) => button.dataset.pick !== "undecided"); // that one takes back: it is no state
    said.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.pick === pick)));
    const key = JSON.stringify([row.custom_id, row.result?.outputs.map((output) => output.sha256)]);
    if (key === this.#key) return;
    [this.#key, this.#row, this.#image] = [key, row, 0];
    this.name.textContent = row.custom_id;
    const { parameters, metadata } = row.result;
    const told = SHOWN.filter((field) => parameters[field] !== undefined && parameters[field] !== null);
    this.facts.textContent = [...told.map((field) => `${field.replaceAll("_", " ")} ${parameters[field]}`), parameters.prompt].filter(Boolean).join(" · ");
    this.facts.title = Object.entries(metadata ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n");
    this.#chooseImage(0);
  }

  #chooseImage(image) {
    const { outputs } = this.#row.result;
    this.#image = image;
    this.images.hidden = outputs.length < 2;
    this.images.replaceChildren(
      ...outputs.map((_, i) => h("button", { class: "chip", "aria-pressed": String(i === image), on: { click: () => this.#chooseImage(i) } }, `Image ${i + 1}`)),
    );
    if (!outputs.length) return;
    this.compare.show({
      before: before(this.batch, this.#row.custom_id, 1280),
      small: small(this.batch, this.#row, image, 320),
      full: () => linkTo(this.batch, outputs[image].uri),
    });
  }

  async #save() {
    const output = this.#row?.result.outputs[this.#image];
    if (!output) return;
    try {
      if (!(await saveImage(this.batch, output.uri))) notice("The picture cannot be saved: S3 does not give it to this browser.");
    } catch (error) {
      notice(error.message);
    }
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pick = PICKS.find(({ key }) => key === event.key);
    const steps = { ArrowLeft: -1, ArrowUp: -1, k: -1, ArrowRight: 1, ArrowDown: 1, j: 1 };
    const slides = event.target.type === "range" && event.key.startsWith("Arrow");
    if (pick) this.picking.sayActive(pick.letter);
    else if (event.key in steps && !slides) this.step(steps[event.key]);
    else if (event.key === "r") this.picking.best();
    else if (event.key === "Escape") this.close();
    else if (event.key === "c") this.compare.turn();
    else if (event.key === "s") this.#save();
    else if (event.key === "b") this.compare.held = true;
    else return;
    event.preventDefault();
  }
}
