// What submits cost: the batches that have a budget, and the last days.
import { h } from "../dom.js";
import { money } from "../format.js";
import { copyLine } from "../parts/copy-line.js";
import { DataTable } from "../parts/data-table.js";
import { TableView } from "../parts/table-view.js";

const amount = (name, of, field) => ({
  name,
  number: true,
  value: (row) => of(row)[field] ?? Infinity,
  text: (row) => (!of(row)[field] ? "–" : money(of(row)[field], of(row).currency)),
});
const ofBatch = (row) => row.money;
const ofDay = (row) => row;

const BATCHES = [
  {
    name: "Batch",
    value: (row) => row.batch,
    cell: (row) => h("a", { href: `#/batches/${encodeURIComponent(row.batch)}` }, row.batch),
  },
  { name: "State", value: (row) => row.state, cell: (row) => h("span", { class: `pill ${row.state}` }, row.state) },
  amount("Budget", ofBatch, "budget"),
  amount("Spent", ofBatch, "spent"),
  amount("Under way", ofBatch, "committed"),
  amount("Doubtful", ofBatch, "doubtful"),
  amount("To come", ofBatch, "to_come"),
];
const DAYS = [
  { name: "Day (UTC)", value: (row) => row.day },
  amount("Spent", ofDay, "spent"),
  amount("Under way", ofDay, "committed"),
  amount("Doubtful", ofDay, "doubtful"),
];

export function openBudgets(root) {
  const days = new DataTable({
    label: "Days",
    columns: DAYS,
    key: (row) => row.day,
    sort: 0,
    descending: true,
    cards: false,
    empty: [h("p", { class: "quiet" }, "No day has cost anything, or this key is bound to some batches.")],
  });
  const [today, price] = [h("p", {}), h("p", { class: "bar quiet small" })];
  const about = h("p", { class: "quiet small" }, "Batches that have a budget, and no others; the days below count all.");
  const view = new TableView(root, {
    title: "Budgets",
    path: "/v1/money?days=30",
    rows: (found) => found.batches,
    more: { elements: [today, price, about], show: (found) => show(found, today, price, days) },
    table: {
      columns: BATCHES,
      key: (row) => row.batch,
      empty: [
        h("p", { class: "big" }, "No batch has a budget"),
        h("p", { class: "quiet" }, "With one a batch is paused before it costs more:"),
        copyLine("retouch budget BATCH 20"),
      ],
    },
  });
  root.append(h("h2", {}, "The last 30 days"), days.element);
  return () => view.end();
}

function show(found, today, price, days) {
  today.replaceChildren(...spentToday(found));
  const known = found.price ? ["One image costs ", money(found.price.amount, found.price.currency), ". Doubtful is what was sent and not answered: it may have been paid for."] : ["No price is known. Say what an image costs:", copyLine('retouch price "0.01 USD"')];
  price.replaceChildren(...known);
  days.show(found.days.filter((day) => day.spent || day.committed || day.doubtful));
}

/** What today cost so far; nothing, where whoever looks is not told of days. */
function spentToday({ days, price }) {
  const now = new Date().toISOString().slice(0, 10);
  const currency = days[0]?.currency ?? price?.currency;
  if (!days.length || !currency) return [];
  const { spent, committed, doubtful } = days.find(({ day }) => day === now) ?? { spent: 0, committed: 0, doubtful: 0 };
  const more = [committed && `${money(committed, currency)} under way`, doubtful && `${money(doubtful, currency)} doubtful`].filter(Boolean);
  return ["Today (UTC): ", h("b", {}, money(spent, currency), " spent"), more.length ? `, ${more.join(", ")}` : "", "."];
}
