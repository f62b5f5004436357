// The pictures of a batch: looked through, compared with what they were made of, picked and rejected.
import { Alike } from "../alike.js";
import { h, isNowhere, isTyping, notice } from "../dom.js";
import { number } from "../format.js";
import { live } from "../live.js";
import { LiveStrip } from "../live-strip.js";
import "../parts/picture-grid.js";
import { PICKS, pickOf } from "../picks.js";
import { AT_ONCE, Pictures } from "../pictures.js";
import { COMPLETED, stateOf } from "../states.js";
import { againDialog } from "./again.js";
import { exportDialog } from "./export.js";
import { fillCell, fillHead, makeCell } from "./gallery-cells.js";
import { GalleryFilters } from "./gallery-filters.js";
import { Picking } from "./picking.js";
import { SideBySide } from "./side-by-side.js";
import { Viewer } from "./viewer.js";

const REMEMBERED_MS = 100;

export function open(root, session, batch, customId) {
  const view = new Gallery(root, session, batch);
  view.begin(customId);
  return Object.assign(() => view.end(), { goTo: (other, name) => other === batch && view.goTo(name) });
}

class Gallery {
  #closing = new AbortController();
  #shown = new Int32Array(0); // places
  #looking = 0; // for a picture by its name: which time it is
  #named = ""; // the picture that an address names; empty: it is that of the grid
  #ready = false; // the pictures are known
  #leaving = null; // the way back in the browser's history, from a picture to the grid

  constructor(root, session, batch) {
    Object.assign(this, { session, batch, address: `#/batches/${encodeURIComponent(batch)}/gallery` });
    const { signal } = this.#closing;
    const mayChoose = session.scopes.some((scope) => scope === "submit" || scope === "operate");
    this.strip = new LiveStrip(batch, signal, { loaded: () => this.#loaded(), failed: (error) => this.#failed(error) });
    this.pictures = new Pictures(batch, signal, () => this.#came(), (error) => notice(error.message));
    this.alike = new Alike(batch, signal, this.pictures);
    this.grid = document.createElement("picture-grid");
    this.sides = new SideBySide(this.grid, this.#closing.signal, () => this.#filtered());
    this.filters = new GalleryFilters(this.strip, this.sides.button, { changed: (fromTheTop) => this.#chosen(fromTheTop), all: () => this.#toggleOnly() });
    this.picking = new Picking(batch, mayChoose, this, this.#stage());
    this.viewer = new Viewer(batch, mayChoose, this.picking, { step: (by) => this.#step(by), closed: () => this.#closed() });
    this.trouble = h("div", { class: "note bad", role: "alert", hidden: true });
    this.empty = h("section", { class: "card empty", hidden: true });
    root.append(this.#head(), this.trouble, this.filters.element, this.#keys(mayChoose), this.empty, this.sides.card);
    this.#listen();
  }

  /** What picking knows of the view. */
  #stage() {
    const view = this;
    return {
      get active() { return view.grid.active; },
      get selected() { return view.grid.selected; },
      get length() { return view.#shown.length; },
      placeAt: (index) => this.#placeAt(index),
      indexOf: (place) => this.#shown.indexOf(place),
      goTo: (index) => this.#goTo(index),
      changed: () => this.#filtered(),
    };
  }

  #head() {
    const back = h("a", { href: `#/batches/${encodeURIComponent(this.batch)}`, class: "small" }, "← the batch");
    const again = h("button", { on: { click: () => againDialog(this.batch, this.session, this.filters.counts(), (which) => this.#strengthsOf(which)) } }, "Again…");
    const out = h("button", { on: { click: () => exportDialog(this.batch, this.filters.counts()) } }, "Export…");
    const title = h("div", {}, back, h("h1", {}, this.batch));
    this.actions = h("div", { class: "bar", hidden: true }, again, out); // until there is such a batch
    return h("div", { class: "bar between gallery-head" }, title, this.actions);
  }

  /** The strengths of the first of those of which this was said. */
  async #strengthsOf(which) {
    const { code } = PICKS.find(({ name }) => name === which);
    const { states, picks } = this.strip;
    const places = [...states.keys()].filter((place) => states[place] === COMPLETED && picks[place] === code).slice(0, AT_ONCE);
    const rows = await this.pictures.all(places);
    const strengths = rows.map(({ result }) => result?.parameters.strength).filter((strength) => typeof strength === "number");
    return [...new Set(strengths)].sort((a, b) => a - b);
  }

  /** What the keys do here, and the one thing that says of how many. */
  #keys(mayChoose) {
    const chooses = [["p", "pick"], ["x", "reject"], ["u", "take back"]];
    const looks = [["Shift", "select several"], ["Enter", "open"]];
    const told = [...(mayChoose ? chooses : []), ...looks].map(([key, does]) => h("span", {}, h("kbd", {}, key), ` ${does}`));
    const only = h("button", { on: { click: () => this.#toggleOnly() } }, "Only of this picture", h("kbd", {}, "o"));
    return h("div", { class: "bar between gallery-keys" }, h("p", { class: "quiet small" }, told), h("div", { class: "bar" }, only, this.picking.bestButton()));
  }

  #listen() {
    Object.assign(this.grid, {
      makeCell,
      fillCell: (cell, index) => this.#fill(cell, this.#placeAt(index)),
      fillHead: (head, row) => fillHead(head, this.batch, this.pictures.at(this.#placeAt(row * this.sides.columns))?.custom_id),
      onWindow: (indexes) => this.pictures.want(indexes.map((index) => this.#placeAt(index))),
    });
    this.grid.setAttribute("aria-label", "Pictures");
    this.grid.setAttribute("aria-multiselectable", "true");
    this.grid.addEventListener("open", () => this.#open());
    this.grid.addEventListener("active", () => {
      this.picking.look();
      this.#remember();
    });
    this.onKey = (event) => this.#key(event);
    document.addEventListener("keydown", this.onKey);
  }

  begin(customId) {
    this.#named = customId;
    this.strip.load();
    live.watch(`/page/live?batch=${encodeURIComponent(this.batch)}`, {
      watching: () => this.strip.load(),
      reset: () => this.strip.load(),
      strip: (change) => this.#changed(change),
      away: ({ detail }) => this.#trouble(detail),
      back: () => this.#trouble(""),
      gone: () => this.#trouble("This batch is not in Redis any more. What came of it is in S3."),
    });
  }

  /** Show what the address names, once there is something to be shown. */
  #started() {
    if (this.#ready) return;
    this.#ready = true;
    if (this.#named) this.#openNamed(this.#named);
    else this.#begun();
  }

  /** Have the keys move what looks selected: where one was before, where Back has led here. */
  #begun() {
    if (!this.#shown.length) return;
    const at = this.#shown.indexOf(history.state?.place ?? -1);
    this.grid.reveal(at < 0 ? this.grid.active : at, isNowhere(document.activeElement));
  }

  /** Keep in the browser's history where one is; not at each step of a key that is held, of which browsers take few. */
  #remember() {
    clearTimeout(this.remembering);
    const { hash } = location;
    const keep = () => location.hash === hash && history.replaceState({ ...history.state, place: this.#placeAt(this.grid.active) }, "");
    this.remembering = setTimeout(keep, REMEMBERED_MS);
  }

  end() {
    clearTimeout(this.remembering);
    this.picking.end();
    this.#closing.abort();
    this.viewer.close();
    document.removeEventListener("keydown", this.onKey);
  }

  /** Show what an address of this gallery says, as Back and Forward do: a picture, or the grid. */
  goTo(name) {
    this.#looking += 1;
    this.#named = name;
    if (!this.#ready) return true;
    if (name) this.#openNamed(name);
    else this.viewer.close();
    return true;
  }

  // --- what comes ------------------------------------------------------------------------------

  async #loaded() {
    try {
      await this.sides.look(this.batch, this.strip.length, this.#closing.signal);
      this.#trouble("");
      this.actions.hidden = false;
      this.#filtered();
      this.#started();
    } catch (error) {
      if (error.name !== "AbortError") this.#failed(error);
    }
  }

  #failed(error) {
    if (error.status === 404) live.watch(null, {});
    this.#trouble(error.message);
  }

  #changed(change) {
    if (change.total !== this.strip.length) this.alike.forget();
    this.strip.heard(change);
    for (const [place, letters] of change.states) this.pictures.forget(place, letters.length);
    this.#filtered();
  }

  #came() {
    this.grid.draw();
    this.picking.look();
    if (this.viewer.open) this.#view();
  }

  #trouble(text) {
    this.trouble.textContent = text;
    this.trouble.hidden = !text;
  }

  // --- what is shown ---------------------------------------------------------------------------

  #chosen(fromTheTop) {
    if (fromTheTop) this.grid.scrollTop = 0;
    this.#filtered();
  }

  #filtered() {
    const found = this.filters.places();
    this.#shown = this.sides.arrange(found, this.strip.length);
    this.filters.draw(found.length);
    this.empty.hidden = found.length > 0;
    this.sides.card.hidden = !found.length;
    if (!found.length) this.empty.replaceChildren(...this.filters.nothing());
    this.sides.draw(); // its heads are above the grid, which takes what is left of the screen
    this.grid.show(this.#shown.length, this.sides.columns);
    this.picking.look();
    if (this.viewer.open) this.#view();
  }

  /** Show only what was made of the same picture as the active one; or all again. */
  async #toggleOnly() {
    if (this.filters.narrow) this.filters.narrowTo(null);
    else if (!(await this.#choosePicture())) return;
    this.#filtered();
    if (this.#shown.length) this.grid.reveal(0, !this.viewer.open);
  }

  async #choosePicture() {
    const place = this.#placeAt(this.grid.active);
    if (place === undefined) return false;
    try {
      const [row] = await this.pictures.all([place]);
      if (!row) return false;
      this.filters.narrowTo(await this.alike.of(place), row.custom_id);
      return true;
    } catch (error) {
      return void (error.name === "AbortError" || notice(error.message));
    }
  }

  #placeAt(index) {
    return this.#shown[index];
  }

  #fill(cell, place) {
    fillCell(cell, {
      batch: this.batch,
      row: this.pictures.at(place),
      state: stateOf(this.strip.states[place]).name,
      pick: pickOf(this.strip.picks[place]).name,
      faint: this.sides.isFaint(place),
      varies: this.sides.varies,
    });
  }

  #key(event) {
    if (isTyping(event)) return;
    const pick = PICKS.find(({ key }) => key === event.key);
    if (pick) this.picking.saySelected(pick.letter);
    else if (event.key === "r") this.picking.best();
    else if (event.key === "o") this.#toggleOnly();
    else if (event.key === "g") location.hash = `#/batches/${encodeURIComponent(this.batch)}`;
    else if (/^[0-3]$/.test(event.key)) this.filters.chooseAt(event.key);
    else if (isNowhere(event.target)) return this.grid.press(event);
    else return;
    event.preventDefault();
  }

  #goTo(index) {
    this.grid.reveal(index, !this.viewer.open);
    if (this.viewer.open) this.#view();
  }

  // --- one picture -----------------------------------------------------------------------------

  /** Open the active picture. It has an address of its own: Back leads from it to the grid. */
  async #open() {
    await this.#leaving;
    const place = this.#placeAt(this.grid.active);
    if (this.viewer.open) return;
    if (this.strip.states[place] !== COMPLETED) return this.#openEdit(place);
    history.pushState({ ofGrid: true }, "", location.hash);
    this.#show();
  }

  /** Of an edit without a picture its own panel says why. */
  async #openEdit(place) {
    const mine = ++this.#looking;
    try {
      const [row] = await this.pictures.all([place]);
      if (row && mine === this.#looking) location.hash = `#/batches/${encodeURIComponent(this.batch)}/edits/${encodeURIComponent(row.custom_id)}`;
    } catch (error) {
      if (error.name !== "AbortError") notice(error.message);
    }
  }

  #show() {
    this.#looking += 1;
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

  /** Show it; false: it is not among those that are shown. Nothing is done if somebody has gone elsewhere meanwhile. */
  async #found(name) {
    const [places, mine] = [this.#shown, this.#looking];
    for (let first = 0; first < Math.min(places.length, 2000); first += 500) {
      const rows = await this.pictures.all(Array.from(places.subarray(first, first + 500)));
      if (mine !== this.#looking) return true;
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
    while (index >= 0 && index < this.#shown.length && this.strip.states[this.#placeAt(index)] !== COMPLETED) index += by;
    if (index < 0 || index >= this.#shown.length) return;
    this.grid.reveal(index);
    this.#view();
  }

  #view() {
    if (!this.#shown.length) return this.viewer.close();
    const place = this.#placeAt(this.grid.active);
    const row = this.pictures.at(place);
    if (!row) return this.pictures.want([place]);
    const pick = pickOf(this.strip.picks[place]).name;
    this.viewer.fill(row, pick, `${number(this.grid.active + 1)} of ${number(this.#shown.length)}${this.filters.decided ? ", all are decided" : ""}`);
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
