// The failures of a batch in groups: how many failed in the same words, and which.
import { h, retell } from "../dom.js";
import { OTHER, asWritten, count, number } from "../format.js";
import { adviceOf } from "../parts/advice.js";

const LOOKS = "This key may look, and not retry: that needs the scope operate.";

export class Groups {
  #groups = [];
  chosen = new Set();

  /**
   * `changed`: called when others are shown, with true: since none has failed for what was chosen any more; `retry`: with
   * the numbers of groups, where somebody may do that.
   */
  constructor(changed, retry) {
    this.changed = changed;
    this.retry = retry;
    this.title = h("h2", {});
    const all = h("button", { on: { click: () => retry([]) } }, "Retry all…");
    this.list = h("ul", { class: "groups", "aria-label": "Reasons" });
    this.element = h("section", { class: "card", "aria-label": "Failures", hidden: true }, h("div", { class: "list-head bar between" }, this.title, retry ? all : h("span", { class: "quiet small" }, LOOKS)), this.list);
  }

  /** Show the groups, the most frequent first. The head counts those that stand there: the record may be older or newer. */
  show(groups) {
    this.#groups = groups.map((group) => ({ ...group, words: asWritten(group.words, group.message ?? "") }));
    this.element.hidden = !groups.length;
    const failed = groups.reduce((sum, group) => sum + group.count, 0);
    this.title.textContent = `${count(failed, "edit")} failed, in ${count(groups.length, "group")}`;
    retell(this.list, this.#groups, () => this.#groups.map((group) => this.#item(group)));
    const gone = [...this.chosen].filter((group) => !groups.some((one) => one.group === group));
    for (const group of gone) this.chosen.delete(group);
    this.#mark();
    if (gone.length) this.changed(true);
  }

  wordsOf(group) {
    const found = this.#groups.find((one) => one.group === group);
    return found?.words ?? "";
  }

  /** Have these numbers chosen, as an address has them. */
  choose(groups) {
    this.chosen = new Set(groups);
    this.#mark();
  }

  #item({ group, code, words, count: failed, example, message, advice }) {
    const button = h("button", { class: "chip", "aria-pressed": "false" }, "Show these");
    button.addEventListener("click", () => {
      if (!this.chosen.delete(group)) this.chosen.add(group);
      this.#mark();
      this.changed(false);
    });
    const again = this.retry && h("button", { on: { click: () => this.retry([group]) } }, "Retry these…");
    const item = h(
      "li",
      { class: "group", data: { key: group } },
      h("span", { class: "count" }, number(failed)),
      h("span", { class: "words" }, h("code", {}, code), " ", words || OTHER, one(words, example, message), code && adviceOf(advice, this.retry)),
      h("span", { class: "bar" }, again, button),
    );
    return Object.assign(item, { group, button });
  }

  #mark() {
    for (const item of this.list.children) {
      const on = this.chosen.has(item.group);
      item.dataset.on = on;
      item.button.setAttribute("aria-pressed", String(on));
    }
  }
}

/** One of them in its own words, where those of all leave something out. */
function one(words, example, message) {
  if (!message || message === words) return null;
  return h("span", { class: "quiet small one" }, `${example}: ${message}`);
}
