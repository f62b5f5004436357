// What was asked of the API in all, by its answers.
import { h } from "../dom.js";
import { number, when } from "../format.js";
import { DataTable } from "../parts/data-table.js";

const MEANINGS = {
  200: "taken, or told",
  201: "taken, or told",
  202: "taken, or told",
  400: "refused: something is wrong with the edit",
  401: "refused: the API key",
  402: "refused: credit",
  403: "refused",
  404: "unknown to the API",
  422: "refused: something is wrong with the edit",
  429: "asked to wait",
  none: "sent, and not answered",
  unreached: "not sent: no connection",
};

const meaning = (code) => MEANINGS[code] ?? (code.startsWith("5") ? "an error of the API's server" : code.startsWith("2") ? "taken, or told" : "refused");

export class Codes {
  constructor() {
    this.since = h("p", { class: "quiet small" });
    const amount = (name, field) => ({ name, number: true, value: (row) => row[field], text: (row) => number(row[field]) });
    this.table = new DataTable({
      label: "Requests by answer",
      columns: [
        { name: "Answer", value: (row) => row.code },
        { name: "Means", value: (row) => meaning(row.code) },
        amount("Submits", "submits"),
        amount("Polls", "statuses"),
      ],
      key: (row) => row.code,
      sort: 2,
      descending: true,
      cards: false,
      empty: [h("p", { class: "quiet" }, "Nothing was asked of the API yet.")],
    });
    const head = h("div", { class: "bar between" }, h("h2", {}, "Requests by answer"), this.since);
    this.element = h("div", { class: "stack tight" }, head, this.table.element);
  }

  /** Show the counts; null: whoever looks is not told of them. */
  show(counted) {
    this.element.hidden = !counted;
    if (!counted) return;
    const codes = [...new Set([...Object.keys(counted.submits), ...Object.keys(counted.statuses)])];
    this.table.show(codes.map((code) => ({ code, submits: counted.submits[code] ?? 0, statuses: counted.statuses[code] ?? 0 })));
    this.since.textContent = counted.since ? `since ${when(counted.since)}` : "";
  }
}
