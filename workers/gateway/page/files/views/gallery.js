// The pictures of a batch: looked through, compared with what they were made of, picked and rejected.
import { ask, json, v1 } from "../api.js";
import { h, isTyping, notice } from "../dom.js";
import { count, number } from "../format.js";
import { live } from "../live.js";
import "../parts/picture-grid.js";
import { PICKS, Picks, Said, pickOf } from "../picks.js";
import { Pictures, before, small } from "../pictures.js";
import { STATES, stateOf } from "../states.js";
import { Strip } from "../strip.js";
import { gridOf, rowOf, varied } from "../variations.js";
import { Words } from "../words.js";
import { againDialog } from "./again.js";
import { exportDialog } from "./export.js";
import { Viewer } from "./viewer.js";

const COMPLETED = STATES.find(({ name }) => name === "completed").code;
const LOOKED_AT = 500; // names, to find out whether a batch is of variations
const SETTLED_MS = 150; // a picture is looked at, and not passed by
const AGAIN_MS = [2000, 5000, 15000]; // a small copy that did not come is asked for again

export function openGallery(root, session, batch, customId) {
  const view = new Gallery(root, session, batch);
  view.begin(customId);
  return Object.assign(() => view.end(), { goTo: (other, name) => other === batch && view.goTo(name) });
}

class Gallery {
  #closing = new AbortController();
  #strip = new Strip();
  #shown = new Int32Array(0); // places
  #matching = new Set(); // of a grid of variations: the places that the filter is about
  #filter = "all";
  #everything = false; // also what has no picture
  #only = null; // the places of the edits of one picture
  #grid = null;
  #looked = false;
  #meanwhile = [];
  #leaving = null; // the way back in the browser's history, from a picture to the grid
  #loading = 0;
  #said = new Said();
  #words = new Words(() => this.#load());
  #alike = new Map(); // place → those that are made of the same picture
  #settled = 0;
  #keeping = Promise.resolve();

  constructor(root, session, batch) {
    Object.assign(this, { session, batch, address: `#/batches/${encodeURIComponent(batch)}/gallery` });
    this.mayChoose = session.scopes.some((scope) => scope === "submit" || scope === "operate");
    this.picks = new Picks(batch, {
      kept: (said, at) => this.#kept(said, at),
      lost: (said, error) => this.#unsaid(said, error),
      refused: (said) => this.#refused(said),
    });
    this.pictures = new Pictures(batch, this.#closing.signal, () => this.#came(), (error) => notice(error.message));
    this.viewer = new Viewer(batch, this.mayChoose, {
      say: (letter) => this.#say(letter, [this.#placeAt(this.grid.active)]),
      step: (by) => this.#step(by),
      best: () => this.#best(),
      closed: () => this.#closed(),
    });
    this.chips = [{ name: "all", letter: null }, ...PICKS].map((pick) => this.#chip(pick));
    this.everything = h("button", { class: "chip", "aria-pressed": "false", on: { click: () => this.#toggleEverything() } }, "without a picture too");
    this.layout = h("button", { class: "chip", "aria-pressed": "true", hidden: true, on: { click: () => this.#toggleGrid() } }, "variations side by side");
    this.only = h("button", { class: "chip", "aria-pressed": "true", hidden: true, on: { click: () => this.#toggleOnly() } });
    this.best = h("button", { hidden: !this.mayChoose, disabled: true, on: { click: () => this.#best() } });
    this.said = h("p", { class: "quiet small", role: "status" });
    this.trouble = h("div", { class: "note bad", role: "alert", hidden: true });
    this.empty = h("section", { class: "card empty", hidden: true });
    this.grid = document.createElement("picture-grid");
    this.columns = h("div", { class: "column-heads", "aria-hidden": "true" });
    this.card = h("section", { class: "card gallery", "aria-label": "Pictures", hidden: true }, this.columns, this.grid);
    const filters = h("div", { class: "bar", role: "group", "aria-label": "Pictures by what was said of them" }, this.chips, this.everything, this.layout, this.only);
    root.append(this.#head(), this.trouble, h("div", { class: "bar between" }, filters, this.said), this.#keys(), this.empty, this.card);
    this.#listen();
  }

  #head() {
    const back = h("a", { href: `#/batches/${encodeURIComponent(this.batch)}`, class: "small" }, "← the batch");
    const again = h("button", { on: { click: () => againDialog(this.batch, this.session, this.#counts()) } }, "Again…");
    const out = h("button", { on: { click: () => exportDialog(this.batch, this.#counts()) } }, "Export…");
    const title = h("div", {}, back, h("h1", {}, this.batch));
    return h("div", { class: "bar between gallery-head" }, title, h("div", { class: "bar" }, again, out));
  }

  /** What the keys do here, and the one thing that says of how many. */
  #keys() {
    const chooses = [["p", "pick"], ["x", "reject"], ["u", "take back"]];
    const looks = [["Shift", "select several"], ["Enter", "open"], ["c", "compare in another way"], ["o", "only of this picture"]];
    const told = [...(this.mayChoose ? chooses : []), ...looks].map(([key, does]) => h("span", {}, h("kbd", {}, key), ` ${does}`));
    return h("div", { class: "bar between gallery-keys" }, h("p", { class: "quiet small" }, told), this.best);
  }

  #listen() {
    Object.assign(this.grid, {
      makeCell,
      fillCell: (cell, index) => this.#fill(cell, this.#placeAt(index)),
      fillHead: (head, row) => this.#fillHead(head, this.#placeAt(row * this.#grid.columns)),
      onWindow: (indexes) => this.pictures.want(indexes.map((index) => this.#placeAt(index))),
    });
    this.grid.setAttribute("aria-label", "Pictures");
    this.grid.setAttribute("aria-multiselectable", "true");
    this.grid.addEventListener("open", () => this.#open());
    this.grid.addEventListener("active", () => this.#moved());
    this.grid.addEventListener("layout", ({ detail }) => this.#headsFit(detail));
    this.grid.addEventListener("scroll", () => this.#edges(), { passive: true });
    this.onKey = (event) => this.#key(event);
    document.addEventListener("keydown", this.onKey);
  }

  begin(customId) {
    this.#load().then(() => (customId ? this.#openNamed(customId) : this.#begun()));
    live.watch(`/page/live?batch=${encodeURIComponent(this.batch)}`, {
      watching: () => this.#load(),
      reset: () => this.#load(),
      strip: (change) => this.#changed(change),
      away: ({ detail }) => this.#trouble(detail),
      back: () => this.#trouble(""),
      gone: () => this.#trouble("This batch is not in Redis any more. What came of it is in S3."),
    });
  }

  /** Have the keys move what looks selected. */
  #begun() {
    if (this.#shown.length && isNowhere(document.activeElement)) this.grid.reveal(this.grid.active, true);
  }

  end() {
    this.picks.flush();
    clearTimeout(this.#settled);
    this.#closing.abort();
    this.viewer.close();
    document.removeEventListener("keydown", this.onKey);
  }

  /** Show what an address of this gallery says, as Back and Forward do: a picture, or the grid. */
  goTo(name) {
    if (name) this.#openNamed(name);
    else this.viewer.close();
    return true;
  }

  // --- what comes ------------------------------------------------------------------------------

  async #load() {
    this.#loading++;
    try {
      const path = `${v1("batches", this.batch)}/strip`;
      const answered = this.#words.answered();
      const [states, picks] = await Promise.all([this.#bytes(path), this.#bytes(`${path}?of=picks`)]);
      this.#strip.take(states, new Uint8Array(states.length), picks);
      this.#words.over(this.#strip, answered);
      for (const change of this.#meanwhile) this.#words.change(this.#strip, change, this.#loading > 1);
      if (!this.#looked) await this.#look();
      this.#trouble("");
      this.#filtered();
    } catch (error) {
      if (error.status === 404) live.watch(null, {});
      if (error.name !== "AbortError") this.#trouble(error.message);
    } finally {
      if (!--this.#loading) this.#meanwhile = [];
    }
  }

  async #bytes(path) {
    return new Uint8Array(await (await ask(path, { signal: this.#closing.signal })).arrayBuffer());
  }

  /** Whether the batch is one of variations, by the names of its first edits. */
  async #look() {
    const { edits } = await json(`${v1("batches", this.batch, "edits")}?count=${LOOKED_AT}`, { signal: this.#closing.signal });
    this.found = gridOf(edits.map((edit) => edit.custom_id), edits.length === this.#strip.length);
    this.#looked = edits.length > 0;
    this.#grid = this.found?.columns < edits.length ? this.found : null; // one row is seen whole without: it wraps
    this.layout.hidden = !this.found;
  }

  #changed(change) {
    if (this.#loading) this.#meanwhile.push(change); // what is on its way may be older than this
    if (change.total !== this.#strip.length) this.#alike.clear();
    this.#words.change(this.#strip, change, this.#loading > 0);
    for (const [place, letters] of change.states) this.pictures.forget(place, letters.length);
    this.#filtered();
  }

  #came() {
    this.grid.draw();
    if (this.viewer.open) this.#view();
  }

  #trouble(text) {
    this.trouble.textContent = text;
    this.trouble.hidden = !text;
  }

  // --- filters ---------------------------------------------------------------------------------

  #chip({ name, letter }) {
    const counted = h("span", { class: "count" });
    const chip = h("button", { class: "chip", "aria-pressed": "false" }, letter === null ? null : h("span", { class: "swatch", data: { pick: name } }), name, counted);
    chip.addEventListener("click", () => this.#choose(name));
    return Object.assign(chip, { name, counted });
  }

  #choose(name) {
    this.#filter = name;
    this.grid.scrollTop = 0;
    this.#filtered();
  }

  #toggleEverything() {
    this.#everything = !this.#everything;
    this.#filtered();
  }

  #toggleGrid() {
    this.#grid = this.#grid ? null : this.found;
    this.#filtered();
  }

  /** Show only what was made of the same picture as the active one; or all again. */
  async #toggleOnly() {
    if (this.#only) this.#only = null;
    else if (!(await this.#choosePicture())) return;
    this.only.hidden = !this.#only;
    this.#filtered();
    if (this.#shown.length) this.grid.reveal(0, !this.viewer.open);
  }

  async #choosePicture() {
    const place = this.#placeAt(this.grid.active);
    const row = this.pictures.at(place);
    if (!row) return false;
    try {
      this.#only = new Set(await this.#alikeOf(place));
      this.only.textContent = `of the picture of ${row.custom_id} ✕`;
      return true;
    } catch (error) {
      return void (error.name === "AbortError" || notice(error.message));
    }
  }

  /** The places of all that is made of the same picture; raises Problem. */
  async #alikeOf(place) {
    if (this.#alike.has(place)) return this.#alike.get(place);
    const [row] = await this.pictures.all([place]);
    const { places } = row ? await json(v1("edits", this.batch, row.custom_id, "alike"), { signal: this.#closing.signal }) : { places: [] };
    for (const one of places) this.#alike.set(one, places);
    return places;
  }

  /** How many completed edits there are, and what was said of them; `only`: of these places. */
  #counts(only = null) {
    const counts = { all: 0, picked: 0, rejected: 0, undecided: 0 };
    const { states, picks } = this.#strip;
    for (let i = 0; i < states.length; i++) {
      if (states[i] !== COMPLETED || (only && !only.has(i))) continue;
      counts.all++;
      counts[pickOf(picks[i]).name]++;
    }
    return counts;
  }

  #filtered() {
    const { states, picks, length } = this.#strip;
    const wanted = PICKS.find(({ name }) => name === this.#filter);
    const found = new Int32Array(length);
    let n = 0;
    for (let i = 0; i < length; i++) {
      if (this.#only && !this.#only.has(i)) continue;
      const completed = states[i] === COMPLETED;
      if (wanted ? completed && picks[i] === wanted.code : completed || this.#everything) found[n++] = i;
    }
    this.#arrange(found.subarray(0, n));
    const counts = this.#counts(this.#only);
    const edits = this.#only?.size ?? length;
    const shows = { ...counts, all: this.#everything ? edits : counts.all };
    for (const chip of this.chips) {
      chip.counted.textContent = number(shows[chip.name]);
      chip.setAttribute("aria-pressed", String(chip.name === this.#filter));
    }
    this.everything.hidden = counts.all === edits || this.#filter !== "all";
    this.everything.setAttribute("aria-pressed", String(this.#everything));
    this.layout.setAttribute("aria-pressed", String(!!this.#grid));
    this.decided = counts.all > 0 && !counts.undecided;
    const of = count(shows.all, this.#everything ? "edit" : "picture");
    this.said.textContent = `${number(n)} of ${of} shown${this.decided ? ". All are decided." : ""}`;
    this.empty.hidden = n > 0;
    this.card.hidden = n === 0;
    if (!n) this.empty.replaceChildren(...this.#nothing(counts));
    this.grid.show(this.#shown.length, this.#grid?.columns ?? 0);
    this.#heads();
    if (this.viewer.open) this.#view();
  }

  /** The places that are shown: of a grid of variations whole rows, of which some cells are faint. */
  #arrange(found) {
    this.#matching = new Set();
    this.#shown = found;
    if (!this.#grid) return;
    const { columns } = this.#grid;
    const rows = [...new Set(Array.from(found, (place) => Math.floor(place / columns)))];
    this.#matching = new Set(found);
    const places = rows.flatMap((row) => Array.from({ length: columns }, (_, i) => row * columns + i));
    this.#shown = Int32Array.from(places.filter((place) => place < this.#strip.length));
  }

  #nothing({ all }) {
    const decided = this.decided && this.#filter === "undecided";
    const text = decided ? "All are decided." : all ? `No picture is ${this.#filter}.` : "No pictures yet.";
    const more = decided ? "Begin Again… with the rejected, or Export… what was picked." : all ? "Pick one with p, reject it with x: alone, or several that are selected with Shift." : "They appear here as the edits complete.";
    return [h("p", { class: "big" }, text), h("p", { class: "quiet" }, more)];
  }

  #heads() {
    this.columns.hidden = !this.#grid;
    if (!this.#grid || this.columns.dataset.of === String(this.#grid.values)) return;
    this.columns.dataset.of = String(this.#grid.values);
    const field = this.#grid.field.replaceAll("_", " ");
    this.columns.replaceChildren(h("div", {}, this.#grid.values.map((value) => h("span", {}, `${field} ${value}`))));
  }

  /** The heads go with the columns, and it is shown where there are more of these. */
  #edges() {
    const { scrollLeft, scrollWidth, clientWidth } = this.grid;
    this.columns.style.setProperty("--scrolled", `${-scrollLeft}px`);
    this.card.toggleAttribute("data-more", scrollLeft + clientWidth < scrollWidth - 1);
  }

  #headsFit({ width, head }) {
    this.#edges();
    this.grid.style.setProperty("--above", `${this.grid.getBoundingClientRect().top + scrollY}px`);
    this.columns.style.setProperty("--width", `${width}px`);
    this.columns.style.setProperty("--head", `${head}px`);
  }

  #placeAt(index) {
    return this.#shown[index];
  }

  // --- the grid --------------------------------------------------------------------------------

  #fill(cell, place) {
    const row = this.pictures.at(place);
    const state = stateOf(this.#strip.states[place]).name;
    const pick = pickOf(this.#strip.picks[place]).name;
    const name = row?.custom_id ?? "…";
    const output = row?.result?.outputs[0];
    cell.dataset.pick = pick;
    cell.classList.toggle("faint", !!this.#grid && !this.#matching.has(place));
    cell.setAttribute("aria-label", [name, varied(name), state === "completed" ? pick : state].filter(Boolean).join(", "));
    cell.title = name;
    const told = this.#grid ? varied(name).split(", ").at(-1) : name;
    cell.parts.name.textContent = told;
    cell.parts.mark.textContent = { picked: "✓ picked", rejected: "✕ rejected", undecided: "" }[pick];
    cell.parts.note.textContent = output || (!row && state === "completed") ? "" : state === "completed" ? "no image" : state;
    cell.parts.more.textContent = row?.result?.outputs.length > 1 ? `${row.result.outputs.length} images` : "";
    paint(cell.parts.image, output ? small(this.batch, row, 0, cell.clientWidth) : "");
  }

  #fillHead(head, place) {
    const name = this.pictures.at(place)?.custom_id;
    if (head.of === name && head.firstChild) return;
    head.of = name;
    if (!name) return void head.replaceChildren("…");
    const { base, other } = rowOf(name);
    const image = h("img", { alt: "" });
    paint(image, before(this.batch, name, 160));
    head.replaceChildren(image, h("span", { class: "mono" }, base), h("span", { class: "quiet" }, other));
  }

  // --- picking ---------------------------------------------------------------------------------

  #key(event) {
    if (isTyping(event)) return;
    const [low, high] = this.grid.selected;
    const pick = PICKS.find(({ key }) => key === event.key);
    if (pick) this.#say(pick.letter, Array.from(this.#shown.subarray(low, high + 1)));
    else if (event.key === "r") this.#best();
    else if (event.key === "o") this.#toggleOnly();
    else if (event.key === "g") location.hash = `#/batches/${encodeURIComponent(this.batch)}`;
    else if (/^[0-3]$/.test(event.key)) this.#choose(["all", ...PICKS.map(({ name }) => name)][event.key]);
    else if (isNowhere(event.target)) return this.grid.press(event);
    else return;
    event.preventDefault();
  }

  /** Say something of the edits at these places, and go on; no letter: take back what was said. */
  #say(letter, places) {
    if (!this.mayChoose) return notice("This key may look, and not pick: that needs the scope submit or operate.");
    places = places.filter((place) => this.#strip.states[place] === COMPLETED);
    if (!places.length) return;
    if (!letter) return this.#takeBack(places);
    const [active, next] = [this.grid.active, this.grid.selected[1] + 1];
    const stays = this.#placeAt(active);
    const step = this.#mark(places, places.map(() => letter.charCodeAt(0)));
    if (this.#placeAt(active) === stays) this.#goTo(next); // else the next one has its place
    else this.#goTo(Math.min(active, this.grid.selected[0]));
    step.next = this.#placeAt(this.grid.active);
    if (places.length > 1) notice(`${count(places.length, "picture")} ${pickOf(letter.charCodeAt(0)).name}.`);
  }

  /** Pick the active picture, and reject all others that were made of the same one. */
  async #best() {
    const place = this.#placeAt(this.grid.active);
    if (!this.mayChoose) return this.#say("p", [place]);
    if (this.#strip.states[place] !== COMPLETED) return;
    try {
      const others = await this.#othersOf(place);
      if (!others.length) return notice("Nothing else was made of this picture.");
      const [pick, reject] = PICKS.map(({ code }) => code);
      const step = this.#mark([place, ...others], [pick, ...others.map(() => reject)]);
      step.at = place;
      notice(`1 picked, ${number(others.length)} rejected.`);
      this.#goTo(this.#nextUndecided());
      step.next = this.#placeAt(this.grid.active);
    } catch (error) {
      if (error.name !== "AbortError") notice(error.message);
    }
  }

  async #othersOf(place) {
    const { states } = this.#strip;
    return (await this.#alikeOf(place)).filter((other) => other !== place && states[other] === COMPLETED);
  }

  /** The index of the next picture of which nothing is said; the active one if there is none. */
  #nextUndecided() {
    const { states, picks } = this.#strip;
    const { active } = this.grid;
    const found = this.#shown.findIndex((place, index) => index >= active && states[place] === COMPLETED && !picks[place]);
    return found < 0 ? active : found;
  }

  /** Say how many others there are of the picture that is looked at. */
  #moved() {
    clearTimeout(this.#settled);
    if (!this.mayChoose) return;
    this.#settled = setTimeout(async () => {
      const place = this.#placeAt(this.grid.active);
      const completed = place !== undefined && this.#strip.states[place] === COMPLETED;
      const others = completed ? await this.#othersOf(place).catch(() => []) : [];
      for (const button of [this.best, this.viewer.best]) {
        button.disabled = !others.length;
        button.replaceChildren(others.length ? `Pick it, reject the ${count(others.length, "other")}` : "Pick it, reject the others", h("kbd", {}, "r"));
      }
    }, SETTLED_MS);
  }

  /** Clear these, if anything is said of them, and stay; else take back what was said last, and go there. */
  #takeBack(places) {
    const { picks } = this.#strip;
    const last = this.#said.last(picks);
    const marked = places.filter((place) => picks[place]);
    const active = this.#placeAt(this.grid.active);
    const stayed = last?.next === active && last.places.includes(active); // at the end, from which nothing went on
    if (marked.length && !stayed) return void this.#mark(marked, marked.map(() => 0), false);
    if (!last) return notice("Nothing was said here that could be taken back.");
    this.#mark(last.places, last.before, false);
    const index = this.#shown.indexOf(last.at);
    if (index >= 0) this.#goTo(index);
    if (last.places.length > 1) notice(`Taken back of ${count(last.places.length, "picture")}.`);
  }

  /** Write what is said of places, a code for each; `again`: it can be taken back. It is kept in the order it was said. */
  #mark(places, codes, again = true) {
    const { picks } = this.#strip;
    const step = { places, codes, before: places.map((place) => picks[place]), at: this.#placeAt(this.grid.active) };
    if (again) this.#said.add(step);
    const word = this.#words.say(this.#strip, places, codes);
    this.#filtered();
    const said = places.map((place, i) => ({ place, word, letter: pickOf(codes[i]).letter }));
    this.#keeping = this.#keeping.then(() => this.#keep(said));
    return step;
  }

  async #keep(said) {
    try {
      const rows = await this.pictures.all(said.map(({ place }) => place));
      const names = new Map(rows.map((row) => [row.place, row.custom_id]));
      this.picks.say(said.filter(({ place }) => names.has(place)).map((one) => ({ ...one, name: names.get(one.place) })));
      this.#lose(said.filter(({ place }) => !names.has(place)));
    } catch (error) {
      this.#unsaid(said, error);
    }
  }

  #goTo(index) {
    this.grid.reveal(index, !this.viewer.open);
    if (this.viewer.open) this.#view();
  }

  #kept(said, at) {
    byWord(said, (word, places) => this.#words.kept(word, places, at, this.#strip, this.#loading > 0));
    this.#filtered();
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
    byWord(said, (word, places) => this.#words.lost(word, places, this.#strip));
    if (said.length) this.#filtered();
  }

  // --- one picture -----------------------------------------------------------------------------

  /** Open the active picture. It has an address of its own: Back leads from it to the grid. */
  async #open() {
    await this.#leaving;
    const place = this.#placeAt(this.grid.active);
    if (this.viewer.open) return;
    if (this.#strip.states[place] !== COMPLETED) return this.#openEdit(place);
    history.pushState({ ofGrid: true }, "", location.hash);
    this.#show();
  }

  /** Of an edit without a picture its own panel says why. */
  #openEdit(place) {
    const row = this.pictures.at(place);
    if (row) location.hash = `#/batches/${encodeURIComponent(this.batch)}/edits/${encodeURIComponent(row.custom_id)}`;
  }

  #show() {
    this.viewer.show();
    this.#view();
  }

  async #openNamed(name) {
    try {
      if (!(await this.#found(name))) notice(`${name} is not among the pictures shown.`);
    } catch (error) {
      if (error.name !== "AbortError") notice(error.message);
    }
  }

  async #found(name) {
    const places = this.#shown;
    for (let first = 0; first < Math.min(places.length, 2000); first += 500) {
      const rows = await this.pictures.all(Array.from(places.subarray(first, first + 500)));
      const at = rows.findIndex((row) => row.custom_id === name);
      if (at < 0) continue;
      this.grid.reveal(first + at);
      this.#show();
      return true;
    }
    return false;
  }

  #step(by) {
    let index = this.grid.active + by;
    while (index >= 0 && index < this.#shown.length && this.#strip.states[this.#placeAt(index)] !== COMPLETED) index += by;
    if (index < 0 || index >= this.#shown.length) return;
    this.grid.reveal(index);
    this.#view();
  }

  #view() {
    if (!this.#shown.length) return this.viewer.close();
    const place = this.#placeAt(this.grid.active);
    const row = this.pictures.at(place);
    if (!row) return this.pictures.want([place]);
    const pick = pickOf(this.#strip.picks[place]).name;
    this.viewer.fill(row, pick, `${number(this.grid.active + 1)} of ${number(this.#shown.length)}${this.decided ? ", all are decided" : ""}`);
    history.replaceState(history.state, "", `${this.address}/${encodeURIComponent(row.custom_id)}`);
  }

  #closed() {
    if (this.#closing.signal.aborted) return; // the address is that of another view already
    if (history.state?.ofGrid || location.hash !== this.address) this.#leave();
    if (this.#shown.length) this.grid.reveal(this.grid.active, true);
  }

  /** From the address of a picture to that of the grid: back, where it was opened from there. */
  #leave() {
    if (!history.state?.ofGrid) return void history.replaceState(null, "", this.address);
    this.#leaving = new Promise((left) => addEventListener("popstate", left, { once: true, signal: this.#closing.signal }));
    history.back();
  }
}

/** Tell of each word, which several may have been sent of, with its places. */
function byWord(said, tell) {
  for (const [word, some] of Map.groupBy(said, ({ word }) => word)) tell(word, some.map(({ place }) => place));
}

/** Whether nothing has the focus that would do something with a key. */
const isNowhere = (element) => element === document.body || element.id === "main";

function makeCell() {
  const parts = Object.fromEntries(["note", "more", "mark", "name"].map((name) => [name, h("span", { class: name })]));
  parts.image = h("img", { alt: "", decoding: "async" });
  const frame = h("div", { class: "frame" }, parts.image, parts.note, parts.more);
  return Object.assign(h("div", {}, frame, parts.name, parts.mark), { parts });
}

/** Show what is at a path; what does not come, as while many are asked for, is asked for again. */
function paint(image, path) {
  if (image.path === path) return;
  image.path = path;
  image.hidden = true;
  if (!path) return image.removeAttribute("src");
  let tries = 0;
  image.onload = () => (image.hidden = false);
  image.onerror = () => {
    if (tries >= AGAIN_MS.length || !image.isConnected) return;
    setTimeout(() => image.path === path && (image.src = path), AGAIN_MS[tries++]);
  };
  image.src = path;
}
