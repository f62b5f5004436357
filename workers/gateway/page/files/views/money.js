// What submits cost: all batches of a time together, by who sent them, each of them, and by day.
import { addressOf, setAddress, textOf } from "../address.js";
import { h, retell } from "../dom.js";
import { count, digits, exact, money, number, used } from "../format.js";
import { copyLine } from "../parts/copy-line.js";
import { DataTable } from "../parts/data-table.js";
import { TableView } from "../parts/table-view.js";
import { Columns, PARTS } from "./money-columns.js";
import { TIMES, timeOf, timeOfDay } from "./money-times.js";

const [FEW, ALL] = [10, 1000]; // in a table

export function open(root, _session, filters) {
  const view = new Money(root, chosenIn(filters));
  return Object.assign(() => view.end(), { goTo: (others) => view.goTo(chosenIn(others)) });
}

/** What an address is filtered by: when batches were made, and by whom they were sent. */
const chosenIn = (filters) => ({ made: timeOf(textOf(filters, "made")).name, by: textOf(filters, "by") });

class Money {
  #places = 2; // digits after the point: the same in all that is shown
  #most = { batches: FEW, senders: FEW };
  #found = null;

  constructor(root, chosen) {
    this.chosen = chosen;
    this.columns = new Columns((value, row) => this.#money(value, row), (by) => this.#to({ by }));
    this.time = h("select", { "aria-label": "Batches made", on: { change: () => this.#filter({ made: this.time.value }) } });
    this.by = h("span", { class: "bar" });
    this.facts = h("section", { class: "card", "aria-label": "Together", hidden: true });
    this.price = h("p", { class: "bar quiet small" });
    this.about = h("p", { class: "quiet small" });
    this.senders = this.#table("By sender", this.columns.senders, (row) => row.senders.join(" "), 2, "No batch of this time cost anything.");
    this.days = this.#table("Days", this.columns.days, (row) => row.day, 0, "No day has cost anything, or this key is bound to some batches.");
    this.all = { senders: this.#allOf("senders"), batches: this.#allOf("batches") };
    const [bySender, byBatch, byDay] = ["By sender", "By batch", "The last 30 days"].map((text) => h("h2", { tabindex: "-1" }, text));
    this.jumps = h("nav", { class: "bar", "aria-label": "On this page" }, jump("By sender", bySender), jump("By batch", byBatch), jump("By day", byDay));
    const above = [h("div", { class: "bar between" }, h("div", { class: "bar" }, "Batches", this.time, this.by), this.jumps), this.facts, this.price, this.about];
    this.sections = [this.jumps, bySender, this.senders.element, byBatch];
    this.view = new TableView(root, {
      title: "Money",
      path: this.#path,
      rows: (found) => this.#rows(found),
      said: () => "",
      more: { elements: [...above, bySender, this.senders.element, this.all.senders, byBatch], show: (found) => this.#show(found) },
      table: { columns: this.columns.batches, key: (row) => row.batch, sort: 5, descending: true, empty: this.#empty() },
    });
    root.append(this.all.batches, byDay, this.days.element);
    this.#offer([]);
  }

  end() {
    this.view.end();
  }

  /** Show what an address is filtered by. */
  goTo(chosen) {
    this.chosen = chosen;
    this.#most = { batches: FEW, senders: FEW };
    this.#offer(this.#found?.days ?? []);
    this.view.ask(this.#path);
    return true;
  }

  get #path() {
    const span = Object.fromEntries(Object.entries(timeOf(this.chosen.made).span()).map(([name, at]) => [name, at.toISOString()]));
    const { by } = this.chosen;
    return `/v1/money?${new URLSearchParams({ days: 30, limit: this.#most.batches, ...span, ...(by ? { by } : {}) })}`;
  }

  /** The address of what is shown, with other filters. */
  #to(chosen) {
    return addressOf(["money"], { ...this.chosen, ...chosen });
  }

  #filter(chosen) {
    this.goTo({ ...this.chosen, ...chosen });
    setAddress(this.#to({}), true);
  }

  /** The times that can be chosen: those that are always there, each day that cost something, and what the address names. */
  #offer(days) {
    const { made, by } = this.chosen;
    const times = [...TIMES, ...days.filter(costly).map(({ day }) => timeOfDay(day))];
    if (!times.some(({ name }) => name === made)) times.push(timeOf(made));
    if (String(times.map(({ name }) => name)) !== String([...this.time.options].map(({ value }) => value))) {
      this.time.replaceChildren(...times.map(({ name, text }) => h("option", { value: name }, text)));
    }
    this.time.value = made;
    const anybody = this.#to({ by: "" });
    retell(this.by, [by, anybody], () => (by ? [`sent by ${by}`, h("a", { href: anybody }, "by anybody")] : []));
  }

  // --- what is shown ---------------------------------------------------------------------------

  #rows(found) {
    const amounts = [...found.batches.map((row) => row.money), ...found.senders, ...found.days];
    this.#places = digits(...amounts.flatMap((one) => [...PARTS.map(([, field]) => one[field] ?? 0), one.budget ?? 0]));
    return found.batches;
  }

  #show(found) {
    const { total, price, batches, senders } = (this.#found = found);
    this.#offer(found.days);
    this.facts.hidden = !total;
    if (total) this.facts.replaceChildren(h("dl", { class: "facts use" }, this.#facts(found)));
    retell(this.price, price, () => (price ? [`One image costs ${exact(price.amount, price.currency)}; to come is what is queued, at that price. What the API has taken is spent, also while it is at work on it; under way is what is being sent. Doubtful was sent and not answered: it may have been paid for.`] : ["No price is known. Say what an image costs:", copyLine('retouch price "0.01 USD"')]));
    this.about.hidden = !total;
    this.about.textContent = aboutBatches(this.chosen.made !== "", found);
    const few = senders.slice(0, this.#most.senders);
    this.senders.show(few);
    this.#tellAll("senders", few.length, senders.length, "senders");
    this.#tellAll("batches", batches.length, total?.batches ?? 0, "batches");
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

  #table(label, columns, key, sort, nothing) {
    return new DataTable({ label, columns, key, sort, descending: true, cards: columns.length > 4, empty: [h("p", { class: "quiet" }, nothing)] });
  }

  /** A button that shows all of a table of which only the dearest are there. */
  #allOf(what) {
    return h("div", { class: "bar", hidden: true }, h("button", { on: { click: () => this.#showAll(what) } }));
  }

  #showAll(what) {
    this.#most[what] = ALL;
    if (what === "batches") this.view.ask(this.#path);
    else this.#show(this.#found);
  }

  #tellAll(what, shown, all, words) {
    this.all[what].hidden = shown >= all;
    this.all[what].firstChild.textContent = `Show all ${number(all)} ${words}, not the ${number(shown)} dearest`;
  }

  #empty() {
    return [h("p", { class: "big" }, "No batch of this time has cost anything"), h("p", { class: "quiet" }, "With a budget a batch is paused before it costs more:"), copyLine("retouch budget BATCH 20")];
  }
}

/** A button that leads to a part of the view: what stands after `#` is the address of the view itself. */
function jump(text, heading) {
  const go = () => {
    heading.scrollIntoView();
    heading.focus({ preventScroll: true });
  };
  return h("button", { class: "plain small", on: { click: go } }, text);
}

const costly = (day) => used(day) > 0;

function aboutBatches(bounded, { older, batches }) {
  const made = bounded ? "Batches that were made in this time, each with all that it has cost, also later. What each day cost is below." : "All batches that are kept; the days below count also those that have been removed since.";
  const finishing = batches.some(({ state }) => state === "finishing");
  return [
    made,
    older && "There are more than 1,000: older ones are in no sum but the days.",
    finishing && "Finishing: all edits of a batch have ended, and the files of its results are being written.",
  ].filter(Boolean).join(" ");
}
