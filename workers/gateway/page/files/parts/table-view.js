// A view that is one table, read again and again while it is looked at.
import { json } from "../api.js";
import { h } from "../dom.js";
import { Reads } from "../reads.js";
import { DataTable } from "./data-table.js";

const EVERY_MS = 5000;

const shown = (rows) => (rows.length ? `${rows.length} shown` : "");

/**
 * `rows`: those of what `path` answers with; `more`: elements above the table, and how that is shown in them; `said`: what
 * stands beside the title, by the rows.
 */
export class TableView {
  #closing = new AbortController();
  #reads = new Reads();

  constructor(root, { title, path, table, rows, more = null, said = shown }) {
    Object.assign(this, { path, rows, more, words: said });
    this.said = h("p", { class: "quiet small", role: "status" });
    this.trouble = h("div", { class: "note bad", role: "alert", hidden: true });
    this.table = new DataTable({ label: title, ...table });
    const head = h("div", { class: "bar between" }, h("h1", {}, title), this.said);
    root.append(head, this.trouble, ...(more?.elements ?? []), this.table.element);
    this.load();
    this.timer = setInterval(() => document.hidden || this.load(), EVERY_MS);
  }

  /** Show what another path answers with. */
  ask(path) {
    this.#reads.drop();
    this.path = path;
    this.load();
  }

  load() {
    const read = () => json(this.path, { signal: this.#closing.signal });
    return this.#reads.read(read, (found) => this.#show(found), (error) => this.tell(error.message));
  }

  #show(found) {
    const rows = this.rows(found);
    this.table.show(rows);
    this.more?.show(found);
    this.said.textContent = this.words(rows);
    this.tell("");
  }

  /** Say what is wrong; nothing: all is well. */
  tell(text) {
    this.trouble.textContent = text;
    this.trouble.hidden = !text;
  }

  end() {
    clearInterval(this.timer);
    this.#closing.abort();
  }
}
