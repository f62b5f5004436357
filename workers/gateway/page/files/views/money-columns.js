// The columns of the tables of money: amounts, batches, who sent them, days.
import { h } from "../dom.js";
import { ago, sendersText, when } from "../format.js";

export const PARTS = [["Spent", "spent"], ["Under way", "committed"], ["Doubtful", "doubtful"], ["To come", "to_come"]];
const MOST_SENDERS = 10; // that a batch keeps: there may be more

/** `write`: an amount of a row as a text; `bySender`: the address of what a sender has cost. */
export class Columns {
  constructor(write, bySender) {
    Object.assign(this, { write, bySender });
  }

  get batches() {
    const link = ({ batch }) => h("a", { href: `#/batches/${encodeURIComponent(batch)}` }, batch);
    return [
      { name: "Batch", value: (row) => row.batch, cell: link },
      { name: "State", value: (row) => row.state, cell: (row) => h("span", { class: `pill ${row.state}` }, row.state) },
      { name: "Made", value: (row) => row.created, text: (row) => ago(row.created), cell: (row) => h("time", { datetime: row.created, title: when(row.created) }, ago(row.created)) },
      this.#sender((senders) => (senders.length ? sendersText(senders) : "–")),
      this.#amount(["Budget", "budget"]),
      ...PARTS.map(this.#amount),
    ];
  }

  get senders() {
    return [this.#sender(together), { name: "Batches", number: true, value: (row) => row.batches }, ...PARTS.map(this.#amount)];
  }

  get days() {
    return [{ name: "Day (UTC)", value: (row) => row.day }, ...PARTS.slice(0, 3).map(this.#amount)];
  }

  #amount = ([name, field]) => ({
    name,
    number: true,
    value: (row) => moneyOf(row)[field] ?? Infinity,
    text: (row) => (moneyOf(row)[field] ? this.write(moneyOf(row)[field], moneyOf(row)) : "–"),
  });

  /** One sender leads to what it has cost; of what several have sent to together no part is known. */
  #sender(said) {
    const alone = ({ senders }) => (senders.length === 1 ? this.bySender(senders[0]) : "");
    return {
      name: "Sent by",
      value: ({ senders }) => said(senders),
      text: (row) => `${said(row.senders)} ${alone(row)}`.trim(), // it is drawn again when the address is another
      cell: (row) => (alone(row) ? h("a", { href: alone(row) }, row.senders[0]) : said(row.senders)),
    };
  }
}

const moneyOf = (row) => row.money ?? row;

function together(senders) {
  if (senders.length < 2) return senders[0] ?? "not said by whom";
  return `${senders.join(" and ")}${senders.length < MOST_SENDERS ? "" : ", maybe more,"} together (not split)`;
}
