// The keys of the gateway: who may call it, for what. Of a secret only the beginning of its hash is known.
import { h } from "../dom.js";
import { ago, when } from "../format.js";
import { copyLine } from "../parts/copy-line.js";
import { TableView } from "../parts/table-view.js";

const usedAt = (row) => row.secrets.map((secret) => secret.used).filter(Boolean).sort().at(-1) ?? "";

const COLUMNS = [
  { name: "Key", value: (row) => row.name },
  { name: "May", value: (row) => row.scopes.join(", ") },
  { name: "Batches", value: (row) => row.prefix, text: (row) => (row.prefix ? `${row.prefix}…` : "all") },
  { name: "Rate", value: (row) => row.rate },
  { name: "Secrets", number: true, value: (row) => row.secrets.length, text: (row) => String(row.secrets.length) },
  {
    name: "Last used",
    value: usedAt,
    text: (row) => (usedAt(row) ? ago(usedAt(row)) : "never"),
    cell: (row) => (usedAt(row) ? h("time", { datetime: usedAt(row), title: when(usedAt(row)) }, ago(usedAt(row))) : "never"),
  },
  { name: "Made", value: (row) => row.created, text: (row) => ago(row.created), cell: (row) => h("time", { datetime: row.created, title: when(row.created) }, ago(row.created)) },
];

const MAY = "Submit: enqueue edits. Read: see batches, results and pictures. Watch: the same without prompts. Operate: pause, resume, retry, cancel, and set budgets. Metrics: read the numbers for Prometheus.";

const EMPTY = [
  h("p", { class: "big" }, "No keys yet"),
  h("p", { class: "quiet" }, "A key lets a program without Redis send edits:"),
  copyLine("retouch keys create nightly --scope submit,read --prefix nightly-"),
];

export function open(root) {
  const scopes = h("p", { class: "quiet small" }, MAY);
  const hint = h("p", { class: "bar quiet small" }, "A secret that leaked is replaced without a gap:", copyLine("retouch keys rotate NAME"));
  const view = new TableView(root, {
    title: "Keys",
    path: "/v1/keys",
    rows: (found) => found.keys,
    more: { elements: [scopes, hint], show: ({ keys }) => (hint.hidden = scopes.hidden = !keys.length) },
    table: { columns: COLUMNS, key: (row) => row.name, sort: 0, empty: EMPTY },
  });
  return () => view.end();
}
