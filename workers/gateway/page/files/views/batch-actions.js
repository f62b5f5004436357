// What a person can decide about a batch as a whole: pause and resume it, bound what it costs, cancel what is not at the API.
import { json, v1 } from "../api.js";
import { h } from "../dom.js";
import { allDigits, count, money, spent, used } from "../format.js";
import { holdsOfAll, holdsText } from "../holds.js";
import { Decision } from "../parts/decision.js";

const WAITS = ["queued", "held"]; // what can be cancelled
const AT_THE_API = ["submitting", "waiting", "copying"];

export class BatchActions {
  #record = null;

  /** `cancel`: called with the states of what is cancelled. Nobody is shown a button who may not decide. */
  constructor(batch, may, cancel) {
    this.batch = batch;
    this.pause = h("button", { on: { click: () => this.#pause() } }, "Pause…");
    this.resume = h("button", { on: { click: () => this.#resume() } }, "Resume…");
    this.budget = h("button", { on: { click: () => this.#budget() } }, "Budget…");
    this.cancel = h("button", { on: { click: () => cancel(this.#cancelled) } });
    this.element = h("div", { class: "bar", role: "group", "aria-label": "Decisions", hidden: true }, this.pause, this.resume, this.budget, this.cancel);
    this.may = may;
  }

  show(record) {
    this.#record = record;
    const open = record.state !== "completed";
    const [waits, by] = [this.#waiting, record.paused.map((pause) => pause.cause)];
    this.pause.hidden = !open || by.length > 0 || (!waits && record.sealed);
    this.resume.hidden = !by.some((cause) => cause !== "budget"); // also of one that has completed: a retry would wait
    this.budget.hidden = !record.money || (!open && !by.includes("budget"));
    this.cancel.hidden = !waits;
    this.cancel.textContent = `Cancel what is ${this.#cancelled.join(" or ")}…`;
    this.element.hidden = !this.may || [...this.element.children].every((button) => button.hidden);
  }

  get #waiting() {
    return this.#count(WAITS);
  }

  get #cancelled() {
    return WAITS.filter((state) => this.#count([state]));
  }

  #count(states) {
    return states.reduce((sum, state) => sum + (this.#record.counts[state] ?? 0), 0);
  }

  #post(change) {
    return json(`${v1("batches", this.batch)}/${change}`, { method: "POST" });
  }

  #pause() {
    const [queued, sent] = [this.#count(["queued"]), this.#count(AT_THE_API)];
    new Decision("", () => this.#post("pause")).say(
      `Pause ${this.batch}?`,
      [
        `${count(queued, "queued edit")} ${queued === 1 ? "waits" : "wait"} until somebody resumes the batch.`,
        sent && `${count(sent, "edit")} at the API ${sent === 1 ? "is" : "are"} paid for, so finished and kept.`,
      ],
      "Pause it",
    );
  }

  #resume() {
    const { paused } = this.#record;
    const has = (cause) => paused.some((pause) => pause.cause === cause);
    const [queued, others] = [this.#count(["queued"]), holdsText(holdsOfAll())];
    new Decision("", () => this.#post("resume")).say(
      `Resume ${this.batch}?`,
      [
        `It is paused: ${paused.map((pause) => pause.reason).join("; ")}.`,
        queued ? `${count(queued, "queued edit")} ${queued === 1 ? "is" : "are"} submitted in turn.` : "What is tried again, or added, is submitted from then on.",
        others && `Not at once: ${others}.`,
        has("failures") && "From now on it goes on however many of its edits fail.",
        has("budget") && "It still waits for a higher budget.",
      ],
      "Resume it",
    );
  }

  async #bound(budget) {
    const known = this.#record;
    const record = await this.#post(`budget?budget=${encodeURIComponent(budget)}`);
    if (known === this.#record) this.show(record); // else what was heard meanwhile may be newer
  }

  #budget() {
    const { money: found } = this.#record;
    const all = Number((used(found) + found.to_come).toFixed(6));
    const places = allDigits(used(found), found.to_come, all);
    const field = h("input", { inputmode: "decimal", autocomplete: "off", value: found.budget ?? "", size: 12 });
    const label = h("label", { class: "choice" }, "It may cost at most", field, found.currency);
    const warning = h("p", { class: "note", role: "status", hidden: true });
    const warn = () => {
      const given = Number(field.value.trim().replace(",", ".") || Infinity);
      warning.hidden = !(given < used(found)) || !this.#waiting; // what is not a number is refused
      warning.textContent = warning.hidden ? "" : `That is less than what it has cost already, ${spent(found, places)}: it pauses at once. What is spent stays spent.`;
    };
    const take = () => {
      field.value = String(all);
      warn();
    };
    const enough = h("button", { type: "button", on: { click: take } }, `Enough for all (${money(all, found.currency, places)})`);
    field.addEventListener("input", warn);
    const decision = new Decision("", () => this.#bound(field.value.trim() || "none"));
    decision.say(
      `Budget of ${this.batch}`,
      [
        `Spent so far: ${spent(found, places)}${found.to_come ? `, ${money(found.to_come, found.currency, places)} to come for what is queued` : ""}.`,
        label,
        warning,
        found.to_come > 0 && h("div", { class: "bar" }, enough),
        "The batch is paused before it costs more, and goes on with a higher budget. Empty: any amount.",
      ],
      "Set the budget",
    );
    field.select();
  }
}
