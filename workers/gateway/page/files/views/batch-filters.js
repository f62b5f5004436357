// Which edits of a batch are shown: by their states, the groups of their failures and a part of their names; and what can be done to them all.
import { chosenOf } from "../address.js";
import { h } from "../dom.js";
import { number } from "../format.js";
import { STATES } from "../states.js";

const CAN = { retry: ["failed", "held", "cancelled"], cancel: ["queued", "held"] }; // what is done to edits in which states
const NAMES = STATES.map(({ name }) => name);
const GROUPS = Array.from({ length: 255 }, (_, i) => String(i + 1));

export class BatchFilters {
  #states = new Set();

  /** `changed()`: called when somebody shows other states; `decide({ action, states, groups })`: where they may do that. */
  constructor(strip, groups, search, changed, decide) {
    Object.assign(this, { strip, groups, search, changed, decide });
    this.chips = STATES.map((state) => this.#chip(state));
    this.said = h("p", { class: "quiet small", role: "status" });
    this.bulk = ["retry", "cancel"].map((action) => this.#bulkButton(action));
    const chips = h("div", { class: "bar", role: "group", "aria-label": "Edits by state" }, this.chips);
    this.element = h("div", { class: "bar between" }, chips, h("div", { class: "bar" }, this.said, this.bulk)); // what filters is the legend of the map too
  }

  #chip({ name, code }) {
    const counted = h("span", { class: "count" });
    const chip = h("button", { class: "chip", "aria-pressed": "false" }, h("span", { class: "swatch", data: { state: name } }), name, counted);
    chip.addEventListener("click", () => this.#toggle(code));
    return Object.assign(chip, { code, counted });
  }

  #toggle(code) {
    if (!this.#states.delete(code)) this.#states.add(code);
    this.changed();
  }

  /** Of the states that are seen, press the one at a place, from 0. */
  pressAt(at) {
    const chip = this.chips.filter(({ hidden }) => !hidden)[at];
    if (chip) this.#toggle(chip.code);
  }

  /** Filter by what an address has (`state`, `group`, `search`). */
  choose(found) {
    this.#states = new Set(chosenOf(found, "state", NAMES).map((name) => STATES[NAMES.indexOf(name)].code));
    this.groups.choose(chosenOf(found, "group", GROUPS).map(Number));
    this.search.choose(found.get("search")?.trim() ?? "");
  }

  /** The same, for an address. */
  get chosen() {
    const state = STATES.filter(({ code }) => this.#states.has(code)).map(({ name }) => name);
    const group = [...this.groups.chosen].sort((a, b) => a - b);
    return { state, group, search: this.search.text };
  }

  /** Show all edits. */
  clear() {
    this.#states.clear();
    this.search.choose("");
    this.groups.choose([]);
  }

  /** The places that are shown, in order; null: all. */
  places() {
    return this.search.narrow(this.strip.filter(this.#states, this.groups.chosen));
  }

  /** Say how many edits there are; `shown`: the places that are shown, null: all. */
  draw(shown) {
    const counts = this.strip.counts();
    for (const chip of this.chips) {
      chip.hidden = !counts[chip.code] && !this.#states.has(chip.code);
      chip.counted.textContent = number(counts[chip.code]);
      chip.setAttribute("aria-pressed", String(this.#states.has(chip.code)));
    }
    const all = number(this.strip.length);
    this.said.textContent = shown ? `${number(shown.length)} of ${all} shown` : `${all} shown`;
    for (const button of this.bulk) this.#offer(button, shown, counts);
  }

  #bulkButton(action) {
    const button = h("button", { hidden: true, on: { click: () => this.decide({ action, ...button.which }) } });
    return Object.assign(button, { action });
  }

  /** What can be done to what is shown, by a filter: how many edits that are is seen on the button. */
  #offer(button, shown, counts) {
    const groups = [...this.groups.chosen];
    const chosen = STATES.filter(({ code }) => this.#states.has(code) || (!this.#states.size && groups.length));
    const states = chosen.filter(({ name, code }) => (groups.length ? name === "failed" : true) && CAN[button.action].includes(name) && counts[code]).map(({ name }) => name);
    const some = groups.length ? shown.length : STATES.reduce((sum, { name, code }) => sum + (states.includes(name) ? counts[code] : 0), 0);
    button.hidden = !this.decide || !states.length || !some || this.search.active; // which edits a search has found it does not know
    button.which = groups.length ? { states, groups } : { states };
    button.textContent = `${button.action === "retry" ? "Retry" : "Cancel"} ${number(some)}…`;
  }
}
