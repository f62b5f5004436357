// All batches, the newest first.
import { json } from "../api.js";
import { h, isTyping } from "../dom.js";
import { ago, number, percent, range, spent, when } from "../format.js";
import { live } from "../live.js";
import "../parts/progress-bar.js";
import { copyLine } from "../parts/copy-line.js";
import { Rate } from "../rate.js";
import { ended, shownState } from "../states.js";

const PAGE = 100;
const FILTERS = ["all", "open", "paused", "finishing", "completed"];
const AGE_MS = 15_000; // after which the words for times are written again

export function openBatches(root) {
  const view = new Batches(root);
  view.begin();
  return () => view.end();
}

class Batches {
  #records = new Map();
  #rates = new Map();
  #rows = new Map();
  #next = null;
  #state = "all";
  #name = "";
  #closing = new AbortController();

  constructor(root) {
    this.search = h("input", { type: "search", placeholder: "Name", "aria-label": "Batches whose name has", id: "search" });
    this.search.addEventListener("input", () => this.#filter({ name: this.search.value.trim() }));
    this.chips = FILTERS.map((name) => {
      const pick = () => this.#filter({ state: name });
      return h("button", { class: "chip", "aria-pressed": String(name === "all"), on: { click: pick } }, name);
    });
    this.list = h("ul", { class: "card batches", "aria-label": "Batches", "aria-busy": "true" });
    this.said = h("p", { class: "quiet small", role: "status" });
    this.more = h("button", { hidden: true, on: { click: () => this.#load() } }, "Show older batches");
    this.trouble = h("div", { class: "note bad", role: "alert", hidden: true });
    this.empty = h("section", { class: "card empty", hidden: true });
    const group = h("div", { class: "bar", role: "group", "aria-label": "Batches by state" }, this.chips);
    root.append(
      h("div", { class: "bar between" }, h("h1", {}, "Batches"), this.said),
      h("div", { class: "bar" }, this.search, group),
      this.trouble,
      this.list,
      this.empty,
      h("div", { class: "bar" }, this.more),
    );
    this.onKey = (event) => this.#key(event);
    document.addEventListener("keydown", this.onKey);
  }

  begin() {
    this.#load();
    live.watch("/page/live", {
      watching: () => this.#load(true), // what has changed between the first look and now
      batches: ({ batches, gone }) => this.#changed(batches, gone),
      away: ({ detail }) => this.#trouble(detail),
      back: () => this.#trouble(""),
    });
    this.timer = setInterval(() => this.#draw(), AGE_MS);
  }

  end() {
    clearInterval(this.timer);
    this.#closing.abort();
    document.removeEventListener("keydown", this.onKey);
  }

  async #load(again = false) {
    try {
      const cursor = again ? null : this.#next;
      const query = new URLSearchParams({ limit: PAGE, ...(cursor ? { cursor } : {}) });
      const page = await json(`/v1/batches?${query}`, { signal: this.#closing.signal });
      if (!again || this.#next === null) this.#next = page.next;
      this.#trouble("");
      this.#changed(page.batches, []);
    } catch (error) {
      if (error.name !== "AbortError") this.#trouble(error.message);
    }
  }

  #changed(batches, gone) {
    for (const record of batches) {
      this.#records.set(record.batch, record);
      if (!this.#rates.has(record.batch)) this.#rates.set(record.batch, new Rate(record.created));
      this.#rates.get(record.batch).update(Date.now(), ended(record));
    }
    for (const batch of gone) {
      this.#records.delete(batch);
      this.#rows.get(batch)?.item.remove();
      this.#rows.delete(batch);
    }
    this.#draw();
  }

  #filter({ state = this.#state, name = this.#name }) {
    [this.#state, this.#name] = [state, name];
    this.chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(FILTERS[i] === state)));
    this.#draw();
  }

  #matches(record) {
    const inState = this.#state === "all" || shownState(record) === this.#state;
    return inState && record.batch.toLowerCase().includes(this.#name.toLowerCase());
  }

  #draw() {
    const all = [...this.#records.values()].sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : 0));
    const shown = all.filter((record) => this.#matches(record));
    const items = shown.map((record) => this.#row(record).item);
    if (items.length !== this.list.children.length || items.some((item, i) => this.list.children[i] !== item)) {
      this.list.replaceChildren(...items);
    }
    this.list.removeAttribute("aria-busy");
    this.list.hidden = !items.length;
    this.more.hidden = !this.#next;
    const found = `${number(shown.length)} of ${number(all.length)}`;
    this.said.textContent = shown.length === all.length ? `${number(all.length)} shown` : `${found} shown`;
    this.#tellEmpty(all.length, shown.length);
  }

  #tellEmpty(all, shown) {
    this.empty.hidden = shown > 0 || !this.trouble.hidden;
    if (this.empty.hidden) return;
    if (all) {
      const clear = h("button", { on: { click: () => this.#clear() } }, "Show all");
      this.empty.replaceChildren(h("p", { class: "big" }, "No batch here is like that."), clear);
    } else {
      this.empty.replaceChildren(
        h("p", { class: "big" }, "No batches yet"),
        h("p", { class: "quiet" }, "Send a folder of pictures, or a manifest. It is here a moment later:"),
        copyLine('retouch enqueue photos/ --prompt "an oil painting of {stem}" --batch oil'),
      );
    }
  }

  #clear() {
    this.search.value = "";
    this.#filter({ state: "all", name: "" });
    this.search.focus();
  }

  #row(record) {
    let row = this.#rows.get(record.batch);
    if (!row) {
      row = new Row(record);
      this.#rows.set(record.batch, row);
    }
    row.show(record, this.#rates.get(record.batch));
    return row;
  }

  #trouble(text) {
    this.trouble.textContent = text;
    this.trouble.hidden = !text;
  }

  #key(event) {
    if (event.key === "Escape" && event.target === this.search) return this.#clear();
    if (isTyping(event)) return undefined;
    const links = [...this.list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    const steps = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, Home: 0, End: links.length - 1 };
    if (!(event.key in steps) || !links.length) return undefined;
    event.preventDefault();
    return links[Math.max(0, Math.min(links.length - 1, steps[event.key]))].focus();
  }
}

class Row {
  constructor({ batch }) {
    this.state = h("span", { class: "pill" });
    this.age = h("time", { class: "quiet small" });
    this.bar = document.createElement("progress-bar");
    this.done = h("span", { class: "quiet small" });
    this.failed = h("span", { class: "number small" });
    this.left = h("span", { class: "number small" });
    const name = h("div", {}, h("div", { class: "name" }, batch), this.age);
    const parts = [name, h("div", { class: "stack tight" }, this.bar, this.done), h("div", {}, this.state), this.left, this.failed];
    this.item = h("li", {}, h("a", { class: "batch-row", href: `#/batches/${encodeURIComponent(batch)}` }, parts));
  }

  show(record, rate) {
    const shown = shownState(record);
    const [done, failed] = [ended(record), record.counts.failed ?? 0];
    this.state.textContent = shown;
    this.state.className = `pill ${shown}`;
    this.age.textContent = ago(record.created);
    this.age.dateTime = record.created;
    this.age.title = when(record.created);
    this.bar.counts = record.counts;
    const cost = record.money ? `, ${spent(record.money)}` : "";
    this.done.textContent = `${number(done)} of ${number(record.total)}, ${percent(done, record.total)}${cost}`;
    this.failed.textContent = failed ? `${number(failed)} failed` : "";
    this.failed.classList.toggle("bad", failed > 0);
    this.left.textContent = shown === "open" && done < record.total ? this.#left(record, rate, done) : "";
  }

  #left(record, rate, done) {
    const left = rate.left(record.total - done - (record.counts.held ?? 0));
    const speed = rate.perSecond >= 0.05 ? `${rate.perSecond.toFixed(1)}/s` : "";
    return left ? `${speed}, ${range(left)} left` : speed;
  }
}
