// One batch: how it stands and why, the map and the list of its edits, its failures in groups, and one of its edits.
import { addressOf, setAddress } from "../address.js";
import { ask, json, v1 } from "../api.js";
import { h, isTyping, notice } from "../dom.js";
import { number } from "../format.js";
import { holdsOf } from "../holds.js";
import { Jobs, decide } from "../jobs.js";
import { live } from "../live.js";
import { PausesNote } from "../parts/pauses-note.js";
import "../parts/state-map.js";
import "../parts/virtual-list.js";
import { Reads } from "../reads.js";
import { Rows } from "../rows.js";
import { STATES, ended, stateOf } from "../states.js";
import { Strip } from "../strip.js";
import { BatchActions } from "./batch-actions.js";
import { BatchFilters } from "./batch-filters.js";
import { BatchHead } from "./batch-head.js";
import { EditPanel } from "./edit.js";
import { EditSearch } from "./edit-search.js";
import { Groups } from "./groups.js";

const ASIDE_MS = 2000; // between two looks at what is not streamed: why it waits, the groups
const MOVES = ["ArrowDown", "ArrowUp", "j", "k"];
const FIRST = [...Array(40).keys()]; // the places that are seen first

export function open(root, session, batch, customId, filters) {
  const view = new Batch(root, batch, session.scopes.includes("operate"));
  view.filters.choose(filters);
  view.begin(customId);
  return Object.assign(() => view.end(), { goTo: (other, name, others) => other === batch && view.goTo(name, others) });
}

class Batch {
  #closing = new AbortController();
  #strip = new Strip();
  #shown = null;
  #tags = {};
  #reads = new Reads(() => this.#load());
  #loading = false;
  #again = false;
  #asides = new Reads();
  #aside = 0;
  #newer = null; // what has come since the last look aside
  #opened = null; // the place that somebody wants to see: its name may have to be asked for
  #gone = false; // as the stream has said
  #follows = false; // an edit that an address names: the list goes there, once both have come

  constructor(root, batch, may) {
    this.batch = batch;
    this.may = may; // decide about edits, and about the batch
    this.head = new BatchHead(batch, may);
    this.pauses = new PausesNote(this.#closing.signal, () => this.#headed());
    this.rows = new Rows(batch, this.#closing.signal, () => this.list.draw(), (error) => this.#noNames(error));
    this.actions = new BatchActions(batch, may, (states) => this.#decide({ action: "cancel", states }));
    const holds = () => holdsOf(this.record);
    this.jobs = new Jobs(may, notice, holds);
    const retryGroups = (groups) => this.#decide({ action: "retry", states: ["failed"], groups });
    this.groups = new Groups((byThemselves) => this.#chosen(!byThemselves), may && retryGroups);
    const decideOne = (action, edit) => this.#decide({ action, states: [edit.state], custom_ids: [edit.custom_id] });
    this.edit = new EditPanel(batch, { close: () => this.#closeEdit(), showAll: () => this.#clear(), found: () => this.#follow(), holds }, may && decideOne);
    this.map = document.createElement("state-map");
    this.list = document.createElement("virtual-list");
    const searched = { changed: () => this.#strip.length && this.#filtered(), typed: () => this.#addressed(), leave: (opens) => this.#toTheFound(opens), failed: (error) => this.#noNames(error) };
    this.search = new EditSearch(batch, this.#closing.signal, searched);
    this.filters = new BatchFilters(this.#strip, this.groups, this.search, () => this.#chosen(), may && ((which) => this.#decide(which)));
    this.trouble = h("div", { class: "note bad", role: "alert", hidden: true });
    const card = h("section", { class: "card list", "aria-label": "Edits" }, this.list);
    this.split = h("div", { class: "split" }, card, this.edit.element);
    this.mapCard = h("section", { class: "card map stack", "aria-label": "Map" }, this.search.element, this.filters.element, this.map);
    this.mapCard.hidden = this.split.hidden = true; // until they have something to show
    root.append(this.head.element, this.pauses.element, this.actions.element, this.trouble, this.jobs.element, this.mapCard, this.groups.element, this.split);
    this.#listen(root);
  }

  #listen(root) {
    Object.assign(this.list, { makeRow, fillRow: (row, i) => this.#fill(row, i), onWindow: (a, b) => this.#seen(a, b) });
    this.list.setAttribute("aria-label", "Edits");
    this.list.addEventListener("open", ({ detail }) => this.#open(this.#placeAt(detail)));
    this.list.addEventListener("move", ({ detail }) => this.edit.place !== null && this.#open(this.#placeAt(detail)));
    this.map.addEventListener("rest", ({ detail }) => this.#nameOnMap(detail));
    this.map.addEventListener("pick", ({ detail }) => this.#pick(detail));
    this.onKey = (event) => this.#key(event);
    document.addEventListener("keydown", this.onKey);
    root.tabIndex = -1;
  }

  begin(customId) {
    this.#load();
    this.rows.want(FIRST); // beside it, so that the list has names at once
    live.watch(`/page/live?batch=${encodeURIComponent(this.batch)}`, {
      watching: () => this.#load(),
      reset: () => this.#load(),
      strip: (change) => this.#changed(change),
      jobs: ({ jobs, at }) => {
        this.#reads.hear(() => this.jobs.show(jobs), at);
        this.#headed();
        this.edit.again();
      },
      batch: (record) => this.#reads.hear(() => this.#heard(record), record.at),
      away: ({ detail }) => this.#told(detail),
      back: () => this.#told(""),
      gone: () => this.#told("This batch is not in Redis any more. What came of it is in S3.", true),
    });
    if (customId) this.#openNamed(customId);
  }

  /** Show an edit, or none, and what an address is filtered by. */
  goTo(customId, filters) {
    this.filters.choose(filters);
    if (!customId && this.edit.place !== null) this.#hideEdit();
    this.#filtered(true);
    if (customId) this.#openNamed(customId);
    return true;
  }

  end() {
    this.#closing.abort();
    this.edit.hide();
    clearTimeout(this.#aside);
    document.removeEventListener("keydown", this.onKey);
  }

  // --- what comes ------------------------------------------------------------------------------

  /** Read all of it. What is on its way may be older than what has asked for more: it is read once more then. */
  async #load() {
    if (this.#loading) return void (this.#again = true);
    [this.#loading, this.#again] = [true, false];
    let same = false;
    const taken = await this.#reads.read((dated) => this.#asked(dated), (found) => (same = this.#take(...found)), (error) => this.#failed(error));
    this.#loading = false;
    if (taken && !same) this.#filtered();
    if (taken) this.#follow();
    if (this.#again) this.#load();
  }

  #asked(dated) {
    const path = v1("batches", this.batch);
    const asked = { signal: this.#closing.signal, dated };
    return Promise.all([json(path, asked), json(`${path}/jobs`, asked), this.#bytes(`${path}/strip`, dated), this.#bytes(`${path}/strip?of=groups`, dated)]);
  }

  /** Whether its edits are as they were. */
  #take(record, { jobs }, states, groups) {
    for (const found of [states, groups]) if (found) this.#tags[found.path] = found.tag; // each, once all is known: else it would not come again
    if (states || groups) this.#strip.take(states?.bytes ?? this.#strip.states, groups?.bytes ?? this.#strip.groups);
    this.mapCard.hidden = this.split.hidden = false;
    this.#trouble("");
    this.jobs.show(jobs);
    this.#record(record);
    return !states && !groups;
  }

  #failed(error) {
    if (error.status !== 404) this.#trouble(error.message);
    else if (!this.#again) this.#lost(error.message); // else it has come meanwhile
  }

  #noNames(error) {
    if (error.status !== 404) notice(error.message); // that there is no such batch is told once
  }

  /** There is no such batch: nothing is to be heard of it either. */
  #lost(text) {
    live.watch(null, {});
    this.#trouble(text);
    this.trouble.append(" ", h("a", { href: "#/batches" }, "All batches"));
  }

  /** A strip, `{ path, tag, bytes }`; null if it is as it was. */
  async #bytes(path, dated) {
    const known = this.#tags[path] ? { "If-None-Match": this.#tags[path] } : {};
    const answer = await ask(path, { signal: this.#closing.signal, headers: known, dated });
    if (answer.status === 304) return null;
    return { path, tag: answer.headers.get("ETag"), bytes: new Uint8Array(await answer.arrayBuffer()) };
  }

  #changed(change) {
    this.#reads.hear(() => {
      this.#tags = {}; // what the gateway has is another strip now
      this.#strip.change(change);
    }, change.at);
    this.#filtered();
    this.#headed();
    this.edit.changed(this.#strip);
  }

  #heard(record) {
    this.#record(record);
    if (this.#gone) this.#load(); // another one of its name
  }

  #record(record) {
    this.record = record;
    this.#headed();
    this.actions.show(record);
    if (this.#aside) this.#newer = record;
    else this.#lookAside(record);
  }

  /** The head has the counts of the map, which may be ahead of the record. */
  #headed() {
    if (!this.record) return;
    const counts = this.#strip.counts();
    const known = STATES.map(({ name, code }) => [name, counts[code]]).filter(([, value]) => value);
    const record = this.#strip.length ? { ...this.record, counts: Object.fromEntries(known), total: this.#strip.length } : this.record;
    this.head.show(record);
    this.jobs.wait(record.counts.queued ?? 0);
    this.pauses.element.classList.toggle("hidden", ended(record) === record.total);
  }

  async #lookAside(record) {
    this.#newer = null;
    this.#aside = setTimeout(() => {
      this.#aside = 0;
      if (this.#newer) this.#lookAside(this.#newer);
    }, ASIDE_MS);
    const path = v1("batches", this.batch);
    const { signal } = this.#closing;
    const asked = () => Promise.all([json(`${path}/why`, { signal }), record.counts.failed ? json(`${path}/failures`, { signal }) : { groups: [] }]);
    const take = ([why, failures]) => {
      this.head.tell(why.reasons, record);
      this.groups.show(failures.groups);
      this.list.draw();
    };
    await this.#asides.read(asked, take, (error) => this.#trouble(error.message));
  }

  /** The stream says what is wrong, or nothing any more; `gone`: for ever. */
  #told(text, gone = false) {
    this.#reads.hear(() => this.#trouble(text, gone));
  }

  #trouble(text, gone = false) {
    this.#gone = gone;
    this.trouble.textContent = text;
    this.trouble.hidden = !text;
  }

  // --- filters ---------------------------------------------------------------------------------

  /** Others are shown; `step`: somebody has chosen that, and Back leads to those before. */
  #chosen(step = true) {
    this.#filtered(step);
    this.#addressed(step);
  }

  #addressed(step = false) {
    const edit = this.edit.place === null ? [] : ["edits", this.edit.name];
    setAddress(addressOf(["batches", this.batch, ...edit], this.filters.chosen), step);
  }

  #filtered(fromTheTop = false) {
    this.#shown = this.filters.places();
    this.filters.draw(this.#shown);
    if (fromTheTop) this.list.scrollTop = 0;
    this.list.length = this.#shown?.length ?? this.#strip.length;
    this.edit.hides(this.edit.placed && this.#indexOf(this.edit.place) < 0);
    this.map.show(this.#strip, this.#shown);
  }

  // --- decisions -------------------------------------------------------------------------------

  #decide(which) {
    const counts = this.#strip.counts();
    const all = !which.custom_ids && !which.groups?.length;
    const meant = STATES.filter(({ name, code }) => all && which.states.includes(name) && counts[code]);
    const standing = meant.map(({ name, code }) => [name, counts[code]]);
    decide(this.batch, which, (job) => this.jobs.add(job), { holds: () => holdsOf(this.record), standing });
  }

  /** Where a place is in the list; less than 0: it is not shown. */
  #indexOf(place) {
    if (place === null || place >= this.#strip.length) return -1;
    return this.#shown ? this.#shown.indexOf(place) : place;
  }

  #placeAt(index) {
    return this.#shown ? this.#shown[index] : index;
  }

  #key(event) {
    if (isTyping(event)) return;
    const elsewhere = event.target !== document.body && event.target.id !== "main";
    if (MOVES.includes(event.key) && !elsewhere && this.list.length) this.#toTheList();
    else if (event.key === "Escape" && this.edit.place !== null) this.#closeEdit();
    else if (event.key === "g") location.hash = `#/batches/${encodeURIComponent(this.batch)}/gallery`;
    else if (event.key === "0") this.#clear();
    else if (/^[1-8]$/.test(event.key)) this.filters.pressAt(event.key - 1);
    else return;
    event.preventDefault();
  }

  /** The keys that move in the list move in it, as long as nothing else has the focus. */
  #toTheList() {
    this.list.scrollIntoView({ block: "nearest" });
    this.list.reveal(this.list.active, { focus: true });
  }

  /** From the search to what it has found. */
  #toTheFound(opens) {
    this.list.reveal(0, { focus: true });
    if (opens) this.#open(this.#placeAt(0));
  }

  #clear() {
    this.filters.clear();
    this.#follows = this.edit.place !== null;
    this.#chosen();
    this.#follow();
  }

  // --- the list --------------------------------------------------------------------------------

  #fill(row, index) {
    const place = this.#placeAt(index);
    const [at, name, swatch, state, words] = row.parts;
    const { name: stateName } = stateOf(this.#strip.states[place]);
    at.textContent = number(place + 1);
    name.textContent = name.title = this.rows.nameAt(place) ?? "…";
    swatch.dataset.state = stateName;
    state.textContent = stateName;
    words.textContent = stateName === "failed" ? this.groups.wordsOf(this.#strip.groups[place]) : "";
    row.setAttribute("aria-selected", String(place === this.edit.place));
  }

  #seen(from, to) {
    const places = [];
    for (let index = from; index <= to; index++) places.push(this.#placeAt(index));
    this.rows.want(places);
  }

  #pick(place) {
    const index = this.#indexOf(place);
    if (index >= 0) this.list.reveal(index);
    this.#open(place);
  }

  // --- an edit ---------------------------------------------------------------------------------

  async #open(place) {
    if (place === undefined) return;
    this.#opened = place;
    const name = this.rows.nameAt(place) ?? (await this.#nameOf(place));
    if (name !== undefined && this.#opened === place) this.#show(name, place);
  }

  async #nameOnMap(place) {
    const name = this.rows.nameAt(place) ?? (await this.#nameOf(place));
    if (name !== undefined) this.map.name(place, name);
  }

  async #nameOf(place) {
    try {
      const { edits } = await json(`${v1("batches", this.batch, "edits")}?at=${place}`, { signal: this.#closing.signal });
      return edits[0]?.custom_id;
    } catch (error) {
      return void (error.name === "AbortError" || notice(error.message));
    }
  }

  #openNamed(name) {
    this.#follows = true;
    this.#show(name, -1); // its place comes with it
    this.edit.keepInView(this.#closing.signal);
  }

  /** The list goes to an edit that was not opened in it. */
  #follow() {
    if (!this.#follows || !this.edit.placed || !this.#strip.length) return;
    this.#follows = false;
    const index = this.#indexOf(this.edit.place);
    this.edit.hides(index < 0);
    if (index >= 0) this.list.reveal(index, { block: "center" });
  }

  #show(name, place) {
    this.#opened = place;
    this.split.classList.add("open");
    this.edit.show(name, place);
    this.edit.hides(place >= 0 && this.#indexOf(place) < 0);
    this.list.draw();
    this.#addressed();
  }

  #closeEdit() {
    this.#hideEdit();
    this.#addressed();
    this.list.reveal(this.list.active, { focus: true });
  }

  #hideEdit() {
    this.#opened = null;
    this.split.classList.remove("open");
    this.edit.hide();
    this.list.draw();
  }
}

function makeRow() {
  const cells = ["quiet", "mono", "state", "quiet"].map((name) => h("span", { class: name, role: "gridcell" }));
  const [swatch, state] = [h("span", { class: "swatch" }), h("span", {})];
  cells[2].append(swatch, state);
  return Object.assign(h("div", {}, cells), { parts: [cells[0], cells[1], swatch, state, cells[3]] });
}
