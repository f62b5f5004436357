// Edits once more, with other seeds or strengths: how many that are and what they cost comes first, then the new batch.
import { Problem, ask, json, v1 } from "../api.js";
import { h } from "../dom.js";
import { count, money } from "../format.js";
import { copyLine } from "../parts/copy-line.js";

const SOON_MS = 300;
const MOST_SEEDS = 100;

/** `had(which)`: gives the strengths that those had which are `rejected`, or `picked`. */
export function againDialog(batch, session, counts, had) {
  new Again(batch, session.scopes, counts, had);
}

class Again {
  #timer = 0;
  #asked = 0;
  #body = null;

  constructor(batch, scopes, counts, had) {
    const mayEnqueue = scopes.includes("submit");
    Object.assign(this, { batch, mayEnqueue, scopes, had });
    const first = counts.rejected || !counts.picked ? "rejected" : "picked";
    this.which = radios("which", "Of which", [["rejected", `the ${count(counts.rejected, "reject")}`], ["picked", `the ${counts.picked} picked`]], first, () => this.#changed());
    this.how = radios("how", "With", [["seed", "other seeds"], ["strength", "other strengths"]], "seed", () => this.#changed());
    this.number = h("input", { type: "number", min: 1, max: MOST_SEEDS, value: 1, "aria-label": "How many new seeds each" });
    this.strengths = h("input", { type: "text", value: "0.5, 0.7", "aria-label": "Strengths, from 0 to 1", autocomplete: "off" });
    for (const field of [this.number, this.strengths]) field.addEventListener("input", () => this.#changed());
    this.seedWord = h("span", {});
    this.before = h("span", { class: "quiet small" });
    this.seedsOf = h("label", { class: "bar" }, this.number, this.seedWord);
    this.strengthsOf = h("label", { class: "bar" }, this.strengths, "each once with each of these", this.before);
    this.plan = h("p", { role: "status" });
    this.go = h("button", { class: "main", type: "submit", disabled: true }, "Begin");
    this.command = h("div", { class: "stack tight" });
    const close = h("button", { type: "button", on: { click: () => this.dialog.close() } }, "Close");
    const begin = (event) => {
      event.preventDefault();
      if (!this.go.disabled) this.#begin(); // Enter begins what has been counted, and nothing else
    };
    const form = h(
      "form",
      { class: "stack", novalidate: true, on: { submit: begin } },
      h("div", { class: "stack" }, this.which.element, this.how.element, this.seedsOf, this.strengthsOf, this.plan, this.command),
      h("div", { class: "bar end" }, close, mayEnqueue ? this.go : null),
    );
    const title = h("h2", { id: "again" }, `${batch} again, with another seed or strength`);
    this.dialog = h("dialog", { class: "again", "aria-labelledby": "again" }, title, form);
    this.dialog.addEventListener("close", () => this.dialog.remove());
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.#changed();
  }

  #changed() {
    const seeds = this.how.value === "seed";
    [this.seedsOf.hidden, this.strengthsOf.hidden] = [!seeds, seeds];
    this.seedWord.textContent = `new ${Number(this.number.value) === 1 ? "seed" : "seeds"} each; no two edits have the same`;
    this.go.disabled = true;
    this.#body = null;
    this.#asked += 1; // what is on its way is for another choice
    clearTimeout(this.#timer);
    if (!seeds) this.#tellBefore();
    const change = this.#change();
    if (!change) return this.#say(seeds ? `Write how many: 1 to ${MOST_SEEDS}.` : "Write numbers from 0 to 1, with commas between them.");
    if (!this.mayEnqueue) return this.#commands(change);
    this.#timer = setTimeout(() => this.#count(change), SOON_MS);
  }

  /** Which strengths those had that are done again. */
  async #tellBefore() {
    const which = this.which.value;
    const had = await this.had(which).catch(() => []); // that the gateway is away is told beside it
    if (which === this.which.value) this.before.textContent = had.length ? `; they had ${had.join(", ")}` : "";
  }

  /** What is otherwise; null: what was written is nothing. */
  #change() {
    if (this.how.value === "seed") {
      const wanted = Number(this.number.value);
      return Number.isInteger(wanted) && wanted >= 1 && wanted <= MOST_SEEDS ? { new_seeds: wanted } : null;
    }
    const texts = this.strengths.value.split(",").map((text) => text.trim());
    const values = texts.map(Number);
    return texts.every(Boolean) && values.every((value) => value >= 0 && value <= 1) ? { vary: { strength: values } } : null;
  }

  async #count(change) {
    const asked = this.#asked;
    this.#say("Counting…");
    try {
      const { custom_ids: only } = await json(`${v1("batches", this.batch, "picks")}?is=${this.which.value}`);
      if (!only.length) return void (asked === this.#asked && this.#say(`Nothing is ${this.which.value} yet.`));
      const body = { only, ...change };
      const { batch, estimate } = await this.#redo({ ...body, dry_run: true });
      if (asked !== this.#asked) return;
      const price = estimate.price ? `about ${money(estimate.price.amount, estimate.price.currency)}` : "no price is known";
      this.#say(`${count(estimate.edits, "edit")}, ${count(estimate.images, "image")}, ${price}, in a batch of their own: ${batch}.`);
      this.#body = body;
      this.go.disabled = false;
      this.go.textContent = `Begin ${count(estimate.edits, "edit")}`;
    } catch (error) {
      if (asked === this.#asked) this.#say(said(error));
    }
  }

  async #begin() {
    this.go.disabled = true;
    try {
      const { batch, accepted } = await this.#redo(this.#body);
      const link = h("a", { href: `#/batches/${encodeURIComponent(batch)}`, on: { click: () => this.dialog.close() } }, batch);
      this.plan.replaceChildren(`${count(accepted, "edit")} enqueued: `, link);
      link.focus();
    } catch (error) {
      this.#say(said(error));
    }
  }

  async #redo(body) {
    return (await ask(v1("batches", this.batch, "redo"), { method: "POST", body })).json();
  }

  /** Where this page takes no edits: what does the same in a terminal. */
  #commands({ new_seeds: seeds, vary }) {
    if (!this.scopes.includes("operate")) return this.#say("This key may look, and not enqueue: that needs the scope submit.");
    this.#say("With this key the page enqueues nothing (that needs the scope submit). In a terminal:");
    const how = seeds ? `--new-seeds ${seeds}` : `--vary strength=${vary.strength.join(",")}`;
    const option = this.which.value === "rejected" ? " --rejected" : "";
    const lines = [`retouch picks ${this.batch}${option} > ids.txt`, `retouch redo ${this.batch} --only ids.txt ${how}`];
    this.command.replaceChildren(...lines.map(copyLine));
  }

  #say(text) {
    this.plan.textContent = text;
    this.command.replaceChildren();
  }
}

function said(error) {
  if (!(error instanceof Problem)) throw error;
  return error.message;
}

/** A group of radio buttons, and which one is chosen. */
function radios(name, legend, options, chosen, changed) {
  const inputs = options.map(([value]) => h("input", { type: "radio", name, value, checked: value === chosen, on: { change: changed } }));
  const labels = options.map(([, text], i) => h("label", { class: "bar" }, inputs[i], text));
  const element = h("fieldset", { class: "bar" }, h("legend", { class: "quiet small" }, legend), labels);
  return { element, get value() { return inputs.find((input) => input.checked).value; } };
}
