// All batches, the newest first. Filters look at those that are loaded at once, and have the gateway look at all others.
import { LONGEST, addressOf, chosenOf, setAddress, textOf } from "../address.js";
import { ask, json } from "../api.js";
import { h, isNowhere, isTyping, notice, renew } from "../dom.js";
import { ago, digits, number, percent, range, sendersText, spent, used, when } from "../format.js";
import { stallsOf } from "../holds.js";
import { installation } from "../installation.js";
import { live } from "../live.js";
import { isByPerson, pauseAllButton, resumed } from "../parts/all-submits.js";
import "../parts/progress-bar.js";
import { PausesNote } from "../parts/pauses-note.js";
import { copyLine } from "../parts/copy-line.js";
import { Rate } from "../rate.js";
import { ended, markState, pausedBy, shownState } from "../states.js";
import { oversees } from "../views.js";
import { NamedEdits } from "./named-edits.js";

const PAGE = 100;
const FILTERS = ["all", "open", "paused", "finishing", "completed"];
const AGE_MS = 15_000; // after which the words for times are written again
const QUIET_MS = 200; // while somebody types, nothing is asked for
const ANYBODY = "";
const SEARCHED = "The search takes a part of the name of a batch or of a sender, or the whole name of an edit, as it is written: cat-1, or oil/cat-1. In a batch, a part of an edit's name is enough.";

export function open(root, session, filters) {
  const view = new Batches(root, chosenIn(filters), oversees(session));
  view.begin();
  return Object.assign(() => view.end(), { goTo: (others) => view.goTo(chosenIn(others)) });
}

/** What an address is filtered by. */
const chosenIn = (filters) => ({
  state: chosenOf(filters, "state", FILTERS)[0] ?? "all",
  search: textOf(filters, "search"),
  by: textOf(filters, "by"),
});

class Batches {
  #records = new Map();
  #rates = new Map();
  #rows = new Map();
  #turn = 0; // of what was asked for or heard last
  #turns = new Map(); // by batch: of what is known of it
  #lists = new Map(); // by filter: the cursor of its next page, and down to which time it is known
  #told = 0; // the turn of what is told of trouble
  #asking = 0;
  #types = false; // what is searched for: a search is one step back, not each letter of it
  #closing = new AbortController();
  #left = history.state?.row; // the batch to which one went from here, where Back has led here

  /** `chosen`: the filters: `state`, `search`, and `by`: a sender; `may`: pause all submits, and resume them. */
  constructor(root, chosen, may) {
    Object.assign(this, { chosen, may });
    const label = "Batches whose name or sender has";
    this.search = h("input", { type: "search", placeholder: "Batch, sender or edit", "aria-label": label, id: "search", maxlength: LONGEST });
    this.search.addEventListener("input", () => this.#searched());
    this.search.addEventListener("change", () => (this.#types = false));
    this.senders = h("select", { "aria-label": "Batches sent by" });
    this.senders.addEventListener("change", () => this.#filter({ by: this.senders.value }));
    this.chips = FILTERS.map((name) => {
      const pick = () => this.#filter({ state: name });
      return h("button", { class: "chip", on: { click: pick } }, name);
    });
    this.list = h("ul", { class: "card batches", "aria-label": "Batches", "aria-busy": "true" });
    this.said = h("p", { class: "quiet small", role: "status" });
    this.more = h("button", { hidden: true, on: { click: () => this.#load() } }, "Show older batches");
    this.pauses = new PausesNote(this.#closing.signal, () => this.#timed(), may && ((pause) => this.#resume(pause)));
    this.pauseAll = pauseAllButton(changeAll);
    this.#offerPause();
    this.named = new NamedEdits(this.#closing.signal, () => this.#draw());
    this.trouble = h("div", { class: "note bad", role: "alert", hidden: true });
    this.empty = h("section", { class: "card empty", hidden: true });
    const group = h("div", { class: "bar", role: "group", "aria-label": "Batches by state" }, this.chips);
    root.append(
      h("div", { class: "bar between" }, h("h1", {}, "Batches"), h("div", { class: "bar" }, this.said, this.pauseAll)),
      h("div", { class: "bar" }, this.search, this.senders, group),
      this.trouble,
      this.pauses.element,
      this.named.element,
      this.list,
      this.empty,
      h("div", { class: "bar" }, this.more),
    );
    this.onKey = (event) => this.#key(event);
    document.addEventListener("keydown", this.onKey);
    this.#show();
  }

  begin() {
    this.#load({});
    this.#look();
    live.watch("/page/live", {
      watching: () => this.#load({}, true), // what has changed between the first look and now
      batches: ({ batches, gone }) => this.#changed(batches, gone, ++this.#turn),
      away: ({ detail }) => this.#trouble(detail),
      back: () => this.#trouble(""),
    });
    this.timer = setInterval(() => this.#draw(), AGE_MS);
  }

  end() {
    clearInterval(this.timer);
    clearTimeout(this.typing);
    this.named.end();
    this.#closing.abort();
    document.removeEventListener("keydown", this.onKey);
  }

  /** Show what an address is filtered by. */
  goTo(chosen) {
    this.chosen = chosen;
    this.#types = false;
    this.#show();
    this.#look();
    this.#draw();
    return true;
  }

  /** What is filtered, as the gateway is asked for it, and as the address has it. */
  get #wanted() {
    const { state, by, search } = this.chosen;
    const asked = { state: state === "all" ? "" : state, by, search };
    return Object.fromEntries(Object.entries(asked).filter(([, value]) => value));
  }

  /** Ask for the next page of those that a filter is for; `again`: for the first page. */
  async #load(filter = this.#wanted, again = false) {
    const name = nameOf(filter);
    const known = this.#lists.get(name);
    const cursor = again ? null : known?.next;
    const turn = ++this.#turn;
    this.#asking += 1;
    try {
      const query = new URLSearchParams({ limit: PAGE, ...filter, ...(cursor ? { cursor } : {}) });
      const { batches, next } = await json(`/v1/batches?${query}`, { signal: this.#closing.signal });
      if (!again || !known) this.#lists.set(name, { next, until: next ? batches.at(-1).created : "" });
      this.#trouble("", turn);
      this.#asking -= 1;
      this.#changed(batches, name || cursor ? [] : this.#missing(batches, next), turn);
    } catch (error) {
      this.#asking -= 1;
      if (error.name !== "AbortError") this.#trouble(error.message, turn);
    }
  }

  /** Have the gateway look where not all batches are loaded. */
  #look() {
    clearTimeout(this.typing);
    const name = nameOf(this.#wanted);
    const known = () => !name || this.#lists.has(name) || this.#whole; // all were asked for at the beginning
    if (!known()) this.typing = setTimeout(() => known() || this.#load(), QUIET_MS);
  }

  get #whole() {
    return this.#lists.get("")?.next === null;
  }

  /** Those that are known, and are not on the first page of all, where they would be: they were removed while nothing was heard. */
  #missing(batches, next) {
    const found = new Set(batches.map(({ batch }) => batch));
    const until = next ? batches.at(-1).created : "";
    return [...this.#records.values()].filter(({ batch, created }) => created > until && !found.has(batch)).map(({ batch }) => batch);
  }

  /** `turn`: an answer may be older than what was heard since it was asked for, or than another one. */
  #changed(batches, gone, turn) {
    const isLater = (batch) => turn > (this.#turns.get(batch) ?? 0) && this.#turns.set(batch, turn);
    for (const record of batches.filter(({ batch }) => isLater(batch))) {
      this.#records.set(record.batch, record);
      if (!this.#rates.has(record.batch)) this.#rates.set(record.batch, new Rate());
      this.#time(record);
    }
    for (const batch of gone.filter(isLater)) {
      this.#records.delete(batch);
      this.#rows.get(batch)?.item.remove();
      this.#rows.delete(batch);
    }
    this.#draw();
  }

  #time(record) {
    const moves = shownState(record) !== "paused" && !stallsOf(record).length;
    this.#rates.get(record.batch).update(Date.now(), ended(record), moves);
  }

  /** All are paused, or go on. */
  #timed() {
    this.#offerPause();
    this.#records.forEach((record) => this.#time(record));
    this.#draw();
  }

  #offerPause() {
    this.pauseAll.hidden = !this.may || installation.pauses.some(isByPerson);
  }

  async #resume(pause) {
    try {
      await changeAll("/v1/provider/resume");
      notice(resumed(pause, installation.pauses));
    } catch (error) {
      notice(error.message);
    }
  }

  #filter(chosen, step = true) {
    this.goTo({ ...this.chosen, ...chosen });
    setAddress(addressOf(["batches"], this.#wanted), step);
  }

  #searched() {
    this.#filter({ search: this.search.value.trim() }, !this.#types);
    this.#types = true;
  }

  /** What is chosen, in what chooses it. */
  #show() {
    const { state, search } = this.chosen;
    this.chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(FILTERS[i] === state)));
    if (this.search.value.trim() !== search) this.search.value = search; // else a blank could not be typed
    this.named.look(search);
  }

  #matches(record) {
    const { state, search, by } = this.chosen;
    const inState = state === "all" || shownState(record) === state;
    const has = (text) => text.toLowerCase().includes(search.toLowerCase());
    const senders = record.senders ?? [];
    return inState && [record.batch, ...senders].some(has) && (by === ANYBODY || senders.includes(by));
  }

  /** Down to which time all batches that are like that are loaded; older ones may be here by another filter. */
  get #until() {
    const known = [this.#lists.get(""), this.#lists.get(nameOf(this.#wanted))].filter(Boolean);
    return known.map(({ until }) => until).sort()[0] ?? "";
  }

  #draw() {
    const all = [...this.#records.values()].sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : 0));
    const until = this.#until;
    const shown = all.filter((record) => this.#matches(record) && record.created >= until);
    const places = digits(...shown.map(({ money }) => (money ? used(money) : 0)));
    const items = shown.map((record) => this.#row(record, places).item);
    if (items.length !== this.list.children.length || items.some((item, i) => this.list.children[i] !== item)) {
      renew(this.list, items);
    }
    this.list.removeAttribute("aria-busy");
    this.list.hidden = !items.length;
    const next = this.#lists.get(nameOf(this.#wanted))?.next;
    const more = !this.#whole && next !== null;
    this.more.hidden = !more || !next || this.#asking > 0;
    const found = `${number(shown.length)} of ${number(all.length)}`;
    this.said.textContent = more || shown.length === all.length ? `${number(shown.length)} shown` : `${found} shown`;
    this.#offer(all);
    this.#tellEmpty(all.length, shown.length);
    this.#comeBack();
  }

  /** The senders that can be chosen: those of the batches that are loaded. */
  #offer(records) {
    const names = new Set([ANYBODY, this.chosen.by, ...records.flatMap((record) => record.senders ?? []).sort()]);
    if (String([...names]) !== String([...this.senders.options].map(({ value }) => value))) {
      this.senders.replaceChildren(...[...names].map((name) => h("option", { value: name }, name || "by anybody")));
    }
    this.senders.value = this.chosen.by;
    this.senders.hidden = names.size < 2;
  }

  /** Whoever comes back from a batch stands at its row, as before. */
  #comeBack() {
    const row = this.#rows.get(this.#left);
    if (!row?.item.isConnected) return;
    this.#left = undefined;
    if (isNowhere(document.activeElement)) row.item.querySelector("a").focus();
  }

  #tellEmpty(all, shown) {
    this.empty.hidden = shown > 0 || this.named.found > 0 || !this.trouble.hidden || this.#asking > 0;
    if (this.empty.hidden) return;
    if (all) {
      const clear = h("button", { on: { click: () => this.#clear() } }, "Show all");
      const hint = this.chosen.search ? [h("p", { class: "quiet" }, SEARCHED)] : [];
      this.empty.replaceChildren(h("p", { class: "big" }, "No batch here is like that."), ...hint, clear);
    } else {
      this.empty.replaceChildren(
        h("p", { class: "big" }, "No batches yet"),
        h("p", { class: "quiet" }, "Send a folder of pictures, or a manifest. It is here a moment later:"),
        copyLine('retouch enqueue photos/ --prompt "an oil painting of {stem}" --batch oil'),
      );
    }
  }

  #clear() {
    this.#filter({ state: "all", search: "", by: ANYBODY });
    this.search.focus();
  }

  /** `places`: digits after the point, the same in all that is shown. */
  #row(record, places) {
    let row = this.#rows.get(record.batch);
    if (!row) {
      row = new Row(record);
      this.#rows.set(record.batch, row);
    }
    row.show(record, this.#rates.get(record.batch), places);
    return row;
  }

  #trouble(text, turn = ++this.#turn) {
    if (turn < this.#told) return;
    this.#told = turn;
    this.trouble.textContent = text;
    this.trouble.hidden = !text;
  }

  #key(event) {
    if (event.key === "Escape" && event.target === this.search) return this.#clear();
    const links = [this.named.element, this.list].flatMap((part) => [...part.querySelectorAll("a")]);
    if (event.target === this.search && links.length && ["ArrowDown", "Enter"].includes(event.key)) {
      event.preventDefault();
      return event.key === "Enter" ? links[0].click() : links[0].focus();
    }
    if (isTyping(event)) return undefined;
    const at = links.indexOf(document.activeElement);
    const steps = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, Home: 0, End: links.length - 1 };
    if (!(event.key in steps) || !links.length) return undefined;
    event.preventDefault();
    return links[Math.max(0, Math.min(links.length - 1, steps[event.key]))].focus();
  }
}

/** Pause or resume all submits. */
async function changeAll(path) {
  await ask(path, { method: "POST" });
  await installation.look();
}

const nameOf = (filter) => new URLSearchParams(filter).toString();

class Row {
  constructor({ batch }) {
    this.state = h("span", { class: "pill" });
    this.age = h("time", { class: "quiet small" });
    this.by = h("span", { class: "quiet small" });
    this.bar = document.createElement("progress-bar");
    this.done = h("span", { class: "quiet small" });
    this.failed = h("span", { class: "number small" });
    this.cancelled = h("span", { class: "number small quiet" });
    this.left = h("span", { class: "number small" });
    const name = h("div", {}, h("div", { class: "name" }, batch), this.age, this.by);
    const parts = [name, h("div", { class: "stack tight" }, this.bar, this.done), h("div", {}, this.state), this.left, h("div", { class: "ended" }, this.failed, this.cancelled)];
    const leave = () => history.replaceState({ ...history.state, row: batch }, ""); // Back leads to it
    this.item = h("li", {}, h("a", { class: "batch-row", href: `#/batches/${encodeURIComponent(batch)}`, on: { click: leave } }, parts));
  }

  show(record, rate, places) {
    const shown = shownState(record);
    const [done, failed] = [ended(record), record.counts.failed ?? 0];
    const [held] = stallsOf(record);
    markState(this.state, record, held);
    this.age.textContent = ago(record.created);
    this.age.dateTime = record.created;
    this.age.title = when(record.created);
    this.by.textContent = record.senders?.length ? `, by ${sendersText(record.senders)}` : "";
    this.by.title = record.senders?.join(", ") ?? "";
    this.bar.counts = record.counts;
    const cost = record.money ? `, ${spent(record.money, places)}` : "";
    this.done.textContent = `${number(done)} of ${number(record.total)}, ${percent(done, record.total)}${cost}`;
    this.failed.textContent = failed ? `${number(failed)} failed` : "";
    this.failed.classList.toggle("bad", failed > 0);
    const cancelled = record.counts.cancelled ?? 0;
    this.cancelled.textContent = cancelled ? `${number(cancelled)} cancelled` : "";
    const left = shown === "open" && done < record.total ? this.#left(record, rate, done) : "";
    const paused = record.paused.length ? record.paused.map(pausedBy).join(", ") : "";
    const still = paused && shown === "completed" ? `still paused: ${paused}` : paused; // what is tried again waits
    this.left.textContent = still || held?.short || left;
    this.left.title = paused ? record.paused.map(({ reason }) => reason).join("; ") : held ? held.why : "";
  }

  #left(record, rate, done) {
    const left = rate.left(record.total - done - (record.counts.held ?? 0));
    const speed = rate.perSecond >= 0.05 ? `${rate.perSecond.toFixed(1)}/s` : "";
    return left ? `${speed}, ${range(left)} left` : speed;
  }
}
