// A view that is one table, read again and again while it is looked at.
import { json } from "../api.js";
import { h } from "../dom.js";
import { DataTable } from "./data-table.js";

const EVERY_MS = 5000;

/** `load`: the rows of what `path` answers with; `more`: elements above the table, and how that is shown in them. */
export class TableView {
  #closing = new AbortController();

  constructor(root, { title, path, table, rows, more = null }) {
    Object.assign(this, { path, rows, more });
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
    this.path = path;
    this.load();
  }

  async load() {
    const { path } = this;
    try {
      const found = await json(path, { signal: this.#closing.signal });
      if (path !== this.path) return; // it was asked for something else meanwhile
      const rows = this.rows(found);
      this.table.show(rows);
      this.more?.show(found);
      this.said.textContent = rows.length ? `${rows.length} shown` : "";
      this.tell("");
    } catch (error) {
      if (error.name !== "AbortError") this.tell(error.message);
    }
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
