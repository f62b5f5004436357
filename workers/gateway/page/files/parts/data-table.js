// A table that is sorted by the heads of its columns, and says what to do where there is nothing in it.
import { h, renew } from "../dom.js";

/**
 * `columns`: `{ name, value, text, cell, number }`: by what a row is sorted, what it shows (by default its value), or an
 * element that shows it; `still`: nothing is sorted by it. `key`: what a row is called. `sort`: the column by which it is sorted first. `cards`: on narrow screens
 * each row is one. `detail`: what is shown below a row when its button is pressed: `{ name, label, said, element }`: the head of that
 * column, what the button is called, what is shown in a text (by that it is made anew; nothing: there is no button), and the element.
 */
export class DataTable {
  #rows = [];
  #shown = new Map();

  constructor({ label, columns, key, empty, sort = null, descending = false, cards = true, detail = null }) {
    Object.assign(this, { key, sort, descending, detail });
    this.columns = detail ? [...columns, { name: detail.name, still: true, value: detail.said, cell: () => "" }] : columns;
    this.heads = this.columns.map((column, at) => this.#head(column, at));
    this.body = h("tbody", { role: "rowgroup" });
    const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, this.heads));
    this.table = h("table", { class: cards ? "data cards" : "data", role: "table", "aria-label": label }, head, this.body);
    this.scroll = h("div", { class: "card scroll", tabindex: "0", role: "region", "aria-label": label, hidden: true }, this.table);
    this.empty = h("section", { class: "card empty", hidden: true }, empty);
    this.element = h("div", { class: "stack" }, this.scroll, this.empty);
    this.#mark();
  }

  show(rows) {
    this.#rows = rows;
    this.scroll.hidden = !rows.length;
    this.empty.hidden = rows.length > 0;
    this.#draw();
  }

  #head(column, at) {
    if (column.still) return h("th", { role: "columnheader", scope: "col", class: "still" }, column.name);
    const button = h("button", { class: "plain", on: { click: () => this.#sortBy(at) } }, column.name);
    return h("th", { role: "columnheader", scope: "col", class: column.number ? "number" : "" }, button);
  }

  #sortBy(at) {
    this.descending = this.sort === at ? !this.descending : false;
    this.sort = at;
    this.#mark();
    this.#draw();
  }

  #mark() {
    this.heads.forEach((head, at) => {
      if (!this.columns[at].still) head.setAttribute("aria-sort", at !== this.sort ? "none" : this.descending ? "descending" : "ascending");
    });
  }

  #draw() {
    const rows = this.sort === null ? this.#rows : [...this.#rows].sort((a, b) => this.#compare(a, b));
    const before = this.#shown;
    this.#shown = new Map(rows.map((row) => [this.key(row), before.get(this.key(row)) ?? this.#row()]));
    rows.forEach((row) => this.#fill(this.#shown.get(this.key(row)), row));
    const items = [...this.#shown.values()].flatMap(({ item, detail }) => (detail ? [item, detail.item] : [item]));
    if (items.some((item, at) => this.body.children[at] !== item) || items.length !== this.body.children.length) {
      renew(this.body, items);
    }
  }

  #compare(a, b) {
    const [one, other] = [a, b].map((row) => this.columns[this.sort].value(row));
    const by = typeof one === "number" && typeof other === "number" ? one - other : String(one ?? "").localeCompare(String(other ?? ""));
    return this.descending ? -by : by;
  }

  #row() {
    const cells = this.columns.map(({ name, number }) => {
      return { said: undefined, cell: h("td", { role: "cell", class: number ? "number" : "", data: { name } }) };
    });
    const item = h("tr", { role: "row" }, cells.map(({ cell }) => cell));
    return { cells, item, detail: this.detail && new Detail(this.detail, this.columns.length) };
  }

  #fill({ cells, detail }, row) {
    cells.forEach((shown, at) => {
      const { value, text = value, cell } = this.columns[at];
      const said = String(text(row) ?? "");
      if (shown.said === said) return; // what somebody has in hand stays
      shown.said = said;
      const last = detail && at === cells.length - 1;
      shown.cell.classList.toggle("none", said === "–");
      shown.cell.replaceChildren(...(last ? detail.show(row, said) : [cell ? cell(row) : said]));
    });
  }
}

/** What is shown below a row when its button is pressed. */
class Detail {
  static #made = 0;

  constructor(of, width) {
    this.of = of;
    Detail.#made += 1;
    this.cell = h("td", { role: "cell", colspan: width });
    this.item = h("tr", { role: "row", class: "detail", id: `detail-${Detail.#made}`, hidden: true }, this.cell);
    this.button = h("button", { "aria-controls": this.item.id, on: { click: () => this.#open(this.item.hidden) } });
    this.#open(false);
  }

  #open(open) {
    this.item.hidden = !open;
    this.button.textContent = open ? "Hide" : "Show";
    this.button.setAttribute("aria-expanded", String(open));
  }

  /** What stands in the row's cell. */
  show(row, said) {
    this.button.setAttribute("aria-label", this.of.label(row));
    this.cell.replaceChildren(said ? this.of.element(row) : "");
    if (!said) this.#open(false);
    return said ? [this.button] : [];
  }
}
