// Picking and rejecting: what is said of pictures is shown at once, kept in order, and can be taken back.
import { h, notice } from "../dom.js";
import { count, number } from "../format.js";
import { PICKS, Picks, pickOf } from "../picks.js";
import { COMPLETED } from "../states.js";
import { varied } from "../variations.js";

const SETTLED_MS = 150; // a picture is looked at, and not passed by

export class Picking {
  #said = new Said();
  #keeping = Promise.resolve();
  #settled = 0;
  #counted = null; // the place of which the others are asked for

  /**
   * `strip`: a LiveStrip. `view`: where one stands, and goes: `active` (an index), `selected` (the first and the last),
   * `length`, `placeAt(index)`, `indexOf(place)`, `goTo(index)`, and `changed()`, to be called when something was said.
   */
  constructor(batch, mayChoose, { strip, pictures, alike }, view) {
    Object.assign(this, { mayChoose, strip, pictures, alike, view });
    this.picks = new Picks(batch, {
      kept: (said, at) => this.#kept(said, at),
      lost: (said, error) => this.#unsaid(said, error),
      refused: (said) => this.#refused(said),
    });
    this.bests = [];
  }

  /** A button that picks the active picture and rejects the others of the same one. */
  bestButton(props = {}) {
    const button = h("button", { ...props, class: `best ${props.class ?? ""}`, hidden: !this.mayChoose, on: { click: () => this.best() } });
    this.bests.push(button);
    fillBest(button, 0);
    return button;
  }

  end() {
    this.picks.flush();
    clearTimeout(this.#settled);
  }

  #isCompleted(place) {
    return this.strip.states[place] === COMPLETED;
  }

  /** Say something of the edits at the indexes that are selected, or of the active one. */
  saySelected(letter) {
    const [low, high] = this.view.selected;
    this.#say(letter, Array.from({ length: high - low + 1 }, (_, i) => this.view.placeAt(low + i)));
  }

  sayActive(letter) {
    this.#say(letter, [this.view.placeAt(this.view.active)]);
  }

  /** Say something of the edits at these places, and go on; no letter: take back what was said. */
  #say(letter, places) {
    if (!this.mayChoose) return notice("This key may look, and not pick: that needs the scope submit or operate.");
    places = places.filter((place) => this.#isCompleted(place));
    if (!places.length) return;
    if (!letter) return this.#takeBack(places);
    const { active, selected } = this.view;
    const stays = this.view.placeAt(active);
    const step = this.#mark(places, places.map(() => letter.charCodeAt(0)));
    if (this.view.placeAt(active) === stays) this.view.goTo(selected[1] + 1); // else the next one has its place
    else this.view.goTo(Math.min(active, selected[0]));
    step.next = this.view.placeAt(this.view.active);
    if (places.length > 1) notice(`${count(places.length, "picture")} ${pickOf(letter.charCodeAt(0)).name}.`);
  }

  /** Pick the active picture, and reject all others that were made of the same one. */
  async best() {
    const place = this.view.placeAt(this.view.active);
    if (!this.mayChoose) return this.#say("p", [place]);
    if (!this.#isCompleted(place)) return;
    try {
      const others = this.#othersOf(place, await this.alike.of(place));
      if (!others.length) return notice("Nothing else was made of this picture.");
      const [pick, reject] = PICKS.map(({ code }) => code);
      const stays = this.view.placeAt(this.view.active) === place; // else somebody has gone on meanwhile
      const step = this.#mark([place, ...others], [pick, ...others.map(() => reject)]);
      step.at = place;
      notice(`1 picked, ${number(others.length)} rejected.`);
      if (stays) this.view.goTo(this.#nextUndecided());
      step.next = this.view.placeAt(this.view.active);
    } catch (error) {
      if (error.name !== "AbortError") notice(error.message);
    }
  }

  #othersOf(place, alike) {
    return alike.filter((other) => other !== place && this.#isCompleted(other));
  }

  /** The index of the next picture of which nothing is said; the active one if there is none. */
  #nextUndecided() {
    const { active, length } = this.view;
    for (let index = active; index < length; index++) {
      const place = this.view.placeAt(index);
      if (this.#isCompleted(place) && !this.strip.picks[place]) return index;
    }
    return active;
  }

  /** Say how many others there are of the active picture, and nothing of the one before. */
  look() {
    if (!this.mayChoose) return;
    const place = this.view.placeAt(this.view.active);
    const known = this.alike.known(place);
    this.#offer(place, known ?? []);
    if (place === this.#counted) return;
    clearTimeout(this.#settled);
    this.#counted = known || !this.#isCompleted(place) ? null : place;
    if (this.#counted !== null) this.#settled = setTimeout(() => this.#count(place), SETTLED_MS);
  }

  async #count(place) {
    const alike = await this.alike.of(place).catch(() => []);
    if (this.#counted === place) this.#counted = null;
    if (this.view.placeAt(this.view.active) === place) this.#offer(place, alike);
  }

  #offer(place, alike) {
    const others = this.#isCompleted(place) ? this.#othersOf(place, alike) : [];
    const name = this.pictures.at(place)?.custom_id ?? "";
    const which = others.length ? varied(name) || name : ""; // all that varies: in any of it the others may differ
    this.bests.forEach((button) => fillBest(button, others.length, which || "it"));
  }

  /** Clear these, if anything is said of them, and stay; else take back what was said last, and go there. */
  #takeBack(places) {
    const { picks } = this.strip;
    const last = this.#said.last(picks);
    const marked = places.filter((place) => picks[place]);
    const active = this.view.placeAt(this.view.active);
    const stayed = last?.next === active && last.places.includes(active); // at the end, from which nothing went on
    if (marked.length && !stayed) return void this.#mark(marked, marked.map(() => 0), false);
    if (!last) return notice("Nothing was said here that could be taken back.");
    this.#mark(last.places, last.before, false);
    const index = this.view.indexOf(last.at);
    if (index >= 0) this.view.goTo(index);
    if (last.places.length > 1) notice(`Taken back of ${count(last.places.length, "picture")}.`);
  }

  /** Write what is said of places, a code for each; `again`: it can be taken back. It is kept in the order it was said. */
  #mark(places, codes, again = true) {
    const { picks } = this.strip;
    const step = { places, codes, before: places.map((place) => picks[place]), at: this.view.placeAt(this.view.active) };
    if (again) this.#said.add(step);
    const word = this.strip.say(places, codes);
    this.view.changed();
    const said = places.map((place, i) => ({ place, word, letter: pickOf(codes[i]).letter }));
    this.#keeping = this.#keeping.then(() => this.#keep(said));
    return step;
  }

  async #keep(said) {
    try {
      const rows = await this.pictures.all(said.map(({ place }) => place), null); // also when the gallery is left meanwhile
      const names = new Map(rows.map((row) => [row.place, row.custom_id]));
      this.picks.say(said.filter(({ place }) => names.has(place)).map((one) => ({ ...one, name: names.get(one.place) })));
      this.#lose(said.filter(({ place }) => !names.has(place)));
    } catch (error) {
      this.#unsaid(said, error);
    }
  }

  #kept(said, at) {
    byWord(said, (word, places) => this.strip.kept(word, places, at));
    this.view.changed();
  }

  #refused(said) {
    notice(`${count(said.length, "edit")} cannot be chosen now, such as ${said[0].name}: tried again meanwhile, or removed.`);
    this.#lose(said);
  }

  #unsaid(said, error) {
    notice(`That was not kept: ${error.message}`);
    this.#lose(said);
  }

  #lose(said) {
    byWord(said, (word, places) => this.strip.lost(word, places));
    if (said.length) this.view.changed();
  }
}

/** Say how many others there are; it is never without words, also before they are counted. */
function fillBest(button, others, which = "it") {
  button.disabled = !others;
  button.replaceChildren(`Pick ${which}, reject the ${others ? count(others, "other") : "others"}`, h("kbd", {}, "r"));
}

/** Tell of each word, which several may have been sent of, with its places. */
function byWord(said, tell) {
  for (const [word, some] of Map.groupBy(said, ({ word }) => word)) tell(word, some.map(({ place }) => place));
}

/** What was said here, to be taken back: the last first. */
class Said {
  #steps = [];

  /** Remember what was said of places, and what had been (`codes`, `before`); `at`, `next`: where one stood, and then went. */
  add(step) {
    this.#steps.push(step);
  }

  /** The last step of which anything stands; undefined: there is none. `picks`: what is said now. */
  last(picks) {
    const stands = ({ places, codes }) => places.some((place, i) => picks[place] === codes[i]);
    while (this.#steps.length && !stands(this.#steps.at(-1))) this.#steps.pop();
    return this.#steps.at(-1);
  }
}
