// The head of a batch: its name and state, how far it is, how fast, and why it does not move.
import { addressOf } from "../address.js";
import { h } from "../dom.js";
import { count, digits, money, number, percent, range, span, spent, used } from "../format.js";
import { stallsOf } from "../holds.js";
import { age } from "../parts/age.js";
import "../parts/progress-bar.js";
import { Rate } from "../rate.js";
import { ended, markState, shownState } from "../states.js";

export class BatchHead {
  #rate = new Rate();

  /** `may`: whoever looks has buttons for what else is told as a command. */
  constructor(batch, may) {
    this.may = may;
    this.state = h("span", { class: "pill", hidden: true });
    this.held = h("span", { class: "pill paused", hidden: true }, "paused");
    this.made = h("span", {});
    this.redo = h("span", {});
    this.by = h("span", {});
    this.took = h("span", {});
    const made = h("p", { class: "quiet small" }, this.made, this.took, this.redo, this.by);
    this.gallery = h("a", { href: `#/batches/${encodeURIComponent(batch)}/gallery`, hidden: true }, "Gallery");
    this.bar = document.createElement("progress-bar");
    this.bar.className = "large";
    this.facts = Object.fromEntries(
      ["Ended", "Failed", "Cancelled", "Rate", "Time left", "Spent", "Maybe paid twice", "Blank pictures"].map((name) => [name, h("dd", {})]),
    );
    const list = Object.entries(this.facts).map(([name, shown]) => h("div", {}, h("dt", {}, name), shown));
    [this.cancelled, this.spent] = [list[2], list[5]];
    this.why = h("ul", {});
    this.note = h("section", { class: "note", "aria-label": "Why it waits", hidden: true }, this.why);
    const facts = h("section", { class: "card", "aria-label": "Progress" }, h("dl", { class: "facts" }, list));
    this.progress = h("div", { class: "stack", hidden: true }, facts, this.bar);
    this.element = h(
      "div",
      { class: "stack" },
      h("div", { class: "bar between" }, h("div", { class: "bar" }, h("h1", {}, batch), this.state, this.held, this.gallery), made),
      this.progress,
      this.note,
    );
  }

  show(record) {
    const [shown, done, failed] = [shownState(record), ended(record), record.counts.failed ?? 0];
    const [held] = stallsOf(record);
    this.#rate.update(Date.now(), done, !held && shown !== "paused");
    this.state.hidden = this.progress.hidden = false;
    this.held.hidden = shown !== "completed" || !record.paused.length; // what is tried again waits
    this.gallery.hidden = !record.counts.completed;
    markState(this.state, record, held);
    if (!this.made.firstChild) this.made.append("made ", age(record.created)); // which stays the same
    this.#took(record);
    if (record.redo_of && !this.redo.firstChild) this.redo.append(", does ", h("a", { href: addressOf(["batches", record.redo_of]) }, record.redo_of), " again");
    this.#sent(record.senders ?? []);
    this.bar.counts = record.counts;
    const moving = !held && shown === "open" && done < record.total;
    const cancelled = record.counts.cancelled ?? 0;
    const left = moving ? this.#rate.left(record.total - done - (record.counts.held ?? 0)) : null;
    this.#fact("Ended", number(done), `of ${number(record.total)}, ${percent(done, record.total)}`);
    this.#fact("Failed", number(failed), record.max_failures ? `at most ${record.max_failures}` : percent(failed, record.total));
    this.cancelled.hidden = !cancelled;
    this.#fact("Cancelled", number(cancelled), percent(cancelled, record.total));
    const known = moving && this.#rate.perSecond >= 0.05;
    this.#fact("Rate", known ? this.#rate.perSecond.toFixed(1) : "–", known ? "edits/s" : "");
    this.#fact("Time left", left ? range(left) : "–", shown === "paused" ? "paused" : (held?.short ?? ""));
    this.#money(record.money);
    this.#fact("Maybe paid twice", number(record.possible_duplicates), "");
    this.#fact("Blank pictures", number(record.blank), "");
  }

  /** When it ended, and after how long. */
  #took({ created, completed_at: at }) {
    if (this.took.dataset.at === String(at)) return;
    this.took.dataset.at = at;
    const lasted = () => span((Date.parse(at) - Date.parse(created)) / 1000);
    this.took.replaceChildren(...(at ? [", completed ", age(at), ` after ${lasted()}`] : []));
  }

  /** What it has cost; nothing is said where no price is known. */
  #money(found) {
    this.spent.hidden = !found;
    if (!found) return;
    const places = digits(used(found), found.to_come, found.budget ?? 0);
    const coming = found.to_come ? `about ${money(found.to_come, found.currency, places)} to come` : "";
    const bound = found.budget === null ? "" : `of ${money(found.budget, found.currency, places)}`;
    this.#fact("Spent", spent(found, places), [bound, coming].filter(Boolean).join(", "));
  }

  /** Who sent it; each name leads to all that this sender has sent. */
  #sent(senders) {
    if (this.by.textContent === said(senders)) return; // else a link would lose its focus
    const links = senders.map((name) => [", ", h("a", { href: `#/batches?by=${encodeURIComponent(name)}` }, name)]);
    this.by.replaceChildren(...(senders.length ? [", sent by ", ...links.flat().slice(1)] : []));
  }

  #fact(name, value, more) {
    this.facts[name].replaceChildren(value, " ", h("small", {}, more));
  }

  /** Say why the batch does not move, or why it has not ended; what holds up all batches is said beside it. */
  tell(reasons, record) {
    const own = reasons.filter(({ name }) => !OF_ALL.test(name));
    this.note.hidden = !own.length;
    this.why.replaceChildren(...own.map((one) => h("li", {}, inWords(one, record, this.may) || one.text)));
  }
}

const OF_ALL = /^(submit|status):|^workers$/; // which are said above

const REMEDIES = {
  person: "Resume… lets it go on.",
  refusals: "Fix the cause; then Resume…, and retry what has failed. Or cancel what is queued.",
  failures: "Why is said below. Resume… lets it go on however many fail; or retry those that have failed, or cancel what is queued.",
  budget: "Budget… allows it more. Or cancel what is queued.",
};

const WHY = {
  refusals: ({ reason }) => `the API refuses its edits, in these words: ${reason}`,
  budget: () => "its next edit does not fit into the budget", // the sums above go on
};

const OF_OTHERS = "Whoever has the scope operate can let it go on.";

/** A reason whose remedy is a button of this page, for whoever has that; nothing: it has none. */
function inWords({ name }, record, may) {
  const cause = name.replace("batch:", "");
  const held = record.counts.held ?? 0;
  if (name === "held" && held) return `${count(held, "edit")} ${held === 1 ? "is" : "are"} held: sent and not answered. ${may ? "Choose “held” below, then retry or cancel." : "Whoever has the scope operate decides about that."}`;
  const pause = record.paused.find((one) => name === `batch:${cause}` && one.cause === cause);
  if (!pause || !REMEDIES[cause]) return "";
  const why = WHY[cause]?.(pause) ?? pause.reason;
  const stops = record.counts.queued ? "Queued edits are not submitted." : "What is tried again, or added, is not submitted.";
  return `Paused: ${why}. ${stops} ${may ? REMEDIES[cause] : OF_OTHERS}`;
}

const said = (senders) => (senders.length ? `, sent by ${senders.join(", ")}` : "");
