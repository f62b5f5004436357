// What submits cost: all batches of a time together, each of them, by who sent them, and by day.
import { addressOf } from "../address.js";
import { h } from "../dom.js";
import { ago, count, digits, exact, money, number, sendersText, used, when } from "../format.js";
import { copyLine } from "../parts/copy-line.js";
import { DataTable } from "../parts/data-table.js";
import { TableView } from "../parts/table-view.js";
import { TIMES, spanOf } from "./money-times.js";

const [FEW, ALL] = [100, 1000]; // batches in the table
const PARTS = [["Spent", "spent"], ["Under way", "committed"], ["Doubtful", "doubtful"], ["To come", "to_come"]];
const MOST_SENDERS = 10; // that a batch keeps: there may be more

export function open(root, _session, filters) {
  const view = new Money(root, filters.get("by") ?? "");
  return () => view.end();
}

class Money {
  #places = 2; // digits after the point: the same in all that is shown
  #limit = FEW;
  #time = TIMES[0];

  constructor(root, by) {
    this.by = by;
    this.time = h("select", { "aria-label": "Batches made" });
    this.time.addEventListener("change", () => this.#ask({ time: this.times[this.time.selectedIndex] }));
    this.#offer([]);
    const sent = by && [`sent by ${by}`, h("a", { href: "#/money" }, "by anybody")];
    this.facts = h("section", { class: "card", "aria-label": "Together", hidden: true });
    this.price = h("p", { class: "bar quiet small" });
    this.about = h("p", { class: "quiet small" });
    this.all = h("button", { on: { click: () => this.#ask({ limit: ALL }) } });
    this.allBar = h("div", { class: "bar", hidden: true }, this.all);
    this.senders = this.#table("By sender", [this.#sender(), { name: "Batches", number: true, value: (row) => row.batches }, ...PARTS.map(this.#amount)], (row) => row.senders.join(" "), 2, "No batch of this time cost anything.");
    this.days = this.#table("Days", [{ name: "Day (UTC)", value: (row) => row.day }, ...PARTS.slice(0, 3).map(this.#amount)], (row) => row.day, 0, "No day has cost anything, or this key is bound to some batches.");
    this.view = new TableView(root, {
      title: "Money",
      path: this.#path,
      rows: (found) => this.#rows(found),
      more: { elements: [h("div", { class: "bar" }, "Batches", this.time, sent || null), this.facts, this.price, this.about], show: (found) => this.#show(found) },
      table: { columns: this.#columns(), key: (row) => row.batch, sort: 5, descending: true, empty: this.#empty() },
    });
    this.sections = [h("h2", {}, "By sender"), this.senders.element];
    root.append(this.allBar, ...this.sections, h("h2", {}, "The last 30 days"), this.days.element);
  }

  end() {
    this.view.end();
  }

  get #path() {
    const span = Object.fromEntries(Object.entries(this.#time.span()).map(([name, at]) => [name, at.toISOString()]));
    return `/v1/money?${new URLSearchParams({ days: 30, limit: this.#limit, ...span, ...(this.by ? { by: this.by } : {}) })}`;
  }

  #ask({ time = this.#time, limit = FEW }) {
    [this.#time, this.#limit] = [time, limit];
    this.view.ask(this.#path);
  }

  /** The times that can be chosen: those that are always there, and each day that cost something. */
  #offer(days) {
    this.times = [...TIMES, ...days.map(({ day }) => ({ text: `made on ${day} (UTC)`, span: () => spanOf(day) }))];
    const texts = this.times.map(({ text }) => text);
    if (texts.join() === [...this.time.options].map(({ text }) => text).join()) return;
    this.time.replaceChildren(...texts.map((text) => h("option", {}, text)));
    this.time.selectedIndex = Math.max(0, texts.indexOf(this.#time.text));
  }

  // --- what is shown ---------------------------------------------------------------------------

  #rows(found) {
    const amounts = [...found.batches.map((row) => row.money), ...found.senders, ...found.days];
    this.#places = digits(...amounts.flatMap((one) => [...PARTS.map(([, field]) => one[field] ?? 0), one.budget ?? 0]));
    return found.batches;
  }

  #show(found) {
    const { total, price, batches } = found;
    this.#offer(found.days.filter(costly));
    this.facts.hidden = !total;
    if (total) this.facts.replaceChildren(h("dl", { class: "facts use" }, this.#facts(found)));
    this.price.replaceChildren(...(price ? [`One image costs ${exact(price.amount, price.currency)}; to come is what is queued, at that price. Doubtful was sent and not answered: it may have been paid for.`] : ["No price is known. Say what an image costs:", copyLine('retouch price "0.01 USD"')]));
    this.about.hidden = !total;
    this.about.textContent = aboutBatches(this.#time !== TIMES[0], found.older);
    this.allBar.hidden = !total || batches.length >= total.batches;
    this.all.textContent = total ? `Show all ${number(total.batches)} batches, not the ${number(batches.length)} dearest` : "";
    this.senders.show(found.senders);
    this.days.show(found.days.filter(costly));
    this.sections.forEach((part) => part.classList.toggle("hidden", !total));
  }

  #facts({ total, days }) {
    const now = new Date().toISOString().slice(0, 10);
    const today = days.find(({ day }) => day === now);
    const of = `by ${count(total.batches, "batch", "batches")}`;
    const facts = PARTS.map(([name, field]) => [name, this.#money(total[field], total), field === "spent" ? of : ""]);
    if (today) facts.push(["Today (UTC)", this.#money(used(today), today), "all batches"]);
    return facts.map(([name, value, more]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, " ", h("small", {}, more))));
  }

  #money(value, { currency }) {
    return money(value, currency, this.#places);
  }

  #amount = ([name, field]) => ({
    name,
    number: true,
    value: (row) => moneyOf(row)[field] ?? Infinity,
    text: (row) => (moneyOf(row)[field] ? this.#money(moneyOf(row)[field], moneyOf(row)) : "–"),
  });

  #columns() {
    const link = ({ batch }) => h("a", { href: `#/batches/${encodeURIComponent(batch)}` }, batch);
    return [
      { name: "Batch", value: (row) => row.batch, cell: link },
      { name: "State", value: (row) => row.state, cell: (row) => h("span", { class: `pill ${row.state}` }, row.state) },
      { name: "Made", value: (row) => row.created, text: (row) => ago(row.created), cell: (row) => h("time", { datetime: row.created, title: when(row.created) }, ago(row.created)) },
      { name: "Sent by", value: (row) => sendersOf(row) },
      this.#amount(["Budget", "budget"]),
      ...PARTS.map(this.#amount),
    ];
  }

  /** One sender leads to its batches; what several have sent to together is not split. */
  #sender() {
    const cell = ({ senders }) => (senders.length === 1 ? h("a", { href: addressOf(["money"], { by: senders[0] }) }, senders[0]) : together(senders));
    return { name: "Sent by", value: ({ senders }) => together(senders), cell };
  }

  #table(label, columns, key, sort, nothing) {
    return new DataTable({ label, columns, key, sort, descending: true, cards: columns.length > 4, empty: [h("p", { class: "quiet" }, nothing)] });
  }

  #empty() {
    return [h("p", { class: "big" }, "No batch of this time has cost anything"), h("p", { class: "quiet" }, "With a budget a batch is paused before it costs more:"), copyLine("retouch budget BATCH 20")];
  }
}

const moneyOf = (row) => row.money ?? row;
const costly = (day) => used(day) > 0;
const sendersOf = ({ senders }) => (senders.length ? sendersText(senders) : "–");

function together(senders) {
  if (senders.length < 2) return senders[0] ?? "not said by whom";
  return `${senders.join(" and ")}${senders.length < MOST_SENDERS ? "" : ", maybe more,"} together (not split)`;
}

function aboutBatches(bounded, older) {
  const made = bounded ? "Batches that were made in this time, each with all that it has cost, also later. What each day cost is below." : "All batches that Redis holds; the days below count those too that have left it.";
  return older ? `${made} There are more than 1,000: older ones are in no sum but the days.` : made;
}
