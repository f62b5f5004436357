// Which pictures of a batch the gallery shows: by what was said of them, all edits, or only those of one picture.
import { h } from "../dom.js";
import { count, number } from "../format.js";
import { PICKS, pickOf } from "../picks.js";
import { COMPLETED } from "../states.js";

export class GalleryFilters {
  #filter = "all";
  #everything = false; // also what has no picture
  #only = null; // the places of the edits of one picture

  /** `changed(fromTheTop)`: called when somebody shows something else; `all()`: they want no longer those of one picture alone. */
  constructor(strip, layout, { changed, all }) {
    Object.assign(this, { strip, changed });
    this.chips = [{ name: "all", letter: null }, ...PICKS].map((pick) => this.#chip(pick));
    this.everything = h("button", { class: "chip", "aria-pressed": "false", on: { click: () => this.#toggleEverything() } }, "without a picture too");
    this.only = h("button", { class: "chip", "aria-pressed": "true", hidden: true, on: { click: all } });
    this.said = h("p", { class: "quiet small", role: "status" });
    const filters = h("div", { class: "bar", role: "group", "aria-label": "Pictures by what was said of them" }, this.chips, this.everything, layout, this.only);
    this.element = h("div", { class: "bar between" }, filters, this.said);
  }

  #chip({ name, letter }) {
    const counted = h("span", { class: "count" });
    const chip = h("button", { class: "chip", "aria-pressed": "false" }, letter === null ? null : h("span", { class: "swatch", data: { pick: name } }), name, counted);
    chip.addEventListener("click", () => this.choose(name));
    return Object.assign(chip, { name, counted });
  }

  choose(name) {
    this.#filter = name;
    this.changed(true);
  }

  /** Show the filter at this place, from 0. */
  chooseAt(index) {
    this.choose(this.chips[index].name);
  }

  #toggleEverything() {
    this.#everything = !this.#everything;
    this.changed(false);
  }

  /** Whether those of one picture alone are shown. */
  get narrow() {
    return !!this.#only;
  }

  /** Show only these places, which are of the picture of an edit of this name; null: all. */
  narrowTo(places, name) {
    this.#only = places && new Set(places);
    if (places) this.only.textContent = `of the picture of ${name} ✕`;
    this.only.hidden = !places;
  }

  /** How many completed edits there are, and what was said of them; `only`: of these places. */
  counts(only = null) {
    const counts = { all: 0, picked: 0, rejected: 0, undecided: 0 };
    const { states, picks } = this.strip;
    for (let i = 0; i < states.length; i++) {
      if (states[i] !== COMPLETED || (only && !only.has(i))) continue;
      counts.all++;
      counts[pickOf(picks[i]).name]++;
    }
    return counts;
  }

  /** The places that are shown, in order. */
  places() {
    const { states, picks, length } = this.strip;
    const wanted = PICKS.find(({ name }) => name === this.#filter);
    const found = new Int32Array(length);
    let n = 0;
    for (let i = 0; i < length; i++) {
      if (this.#only && !this.#only.has(i)) continue;
      const completed = states[i] === COMPLETED;
      if (wanted ? completed && picks[i] === wanted.code : completed || this.#everything) found[n++] = i;
    }
    return found.subarray(0, n);
  }

  /** Say how many there are; `shown`: how many of them the filter shows. */
  draw(shown) {
    const counts = this.counts(this.#only);
    const edits = this.#only?.size ?? this.strip.length;
    const all = this.#everything ? edits : counts.all;
    for (const chip of this.chips) {
      chip.counted.textContent = number({ ...counts, all }[chip.name]);
      chip.setAttribute("aria-pressed", String(chip.name === this.#filter));
    }
    this.everything.hidden = counts.all === edits || this.#filter !== "all";
    this.everything.setAttribute("aria-pressed", String(this.#everything));
    this.pictures = counts.all;
    this.decided = counts.all > 0 && !counts.undecided;
    this.said.textContent = `${number(shown)} of ${count(all, this.#everything ? "edit" : "picture")} shown${this.decided ? ". All are decided." : ""}`;
  }

  /** What is said where nothing is shown. */
  nothing() {
    const [text, more] = this.#words();
    return [h("p", { class: "big" }, text), h("p", { class: "quiet" }, more)];
  }

  #words() {
    if (this.decided && this.#filter === "undecided") return ["All are decided.", "Begin Again… with the rejected, or Export… what was picked."];
    if (!this.pictures) return ["No pictures yet.", "They appear here as the edits complete."];
    return [`No picture is ${this.#filter}.`, "Open one to pick or to reject it, or press p and x: also for several that are selected with Shift."];
  }
}
