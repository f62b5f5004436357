// The workers that are alive, and in what they differ.
import { h } from "../dom.js";
import { ago, count, when } from "../format.js";
import { TableView } from "../parts/table-view.js";

const time = (iso) => (iso ? h("time", { datetime: iso, title: when(iso) }, ago(iso)) : "–");

const COLUMNS = [
  { name: "Worker", value: (row) => row.worker },
  { name: "Host", value: (row) => row.host ?? "–" },
  { name: "Version", value: (row) => row.version ?? "–" },
  { name: "Started", value: (row) => row.since ?? "", text: (row) => (row.since ? ago(row.since) : "–"), cell: (row) => time(row.since) },
  { name: "Last seen", value: (row) => row.seen, text: (row) => ago(row.seen), cell: (row) => time(row.seen) },
  { name: "Working on", number: true, value: (row) => row.steps ?? -1, text: (row) => (row.steps === null ? "–" : count(row.steps, "task")) },
];

const DETAIL = {
  name: "Settings",
  label: ({ worker }) => `Settings of ${worker}`,
  said: ({ settings, differing }) => (Object.keys(settings).length ? JSON.stringify([settings, differing]) : ""),
  element: ({ settings, differing }) => h("dl", { class: "settings" }, Object.entries(settings).map(([variable, value]) => setting(variable, value, differing.includes(variable)))),
};

/** A value as README.md has it, and people write it: `1800`, and not `1800.0`. */
const plain = (value) => (/^(True|False)$/.test(value) ? value.toLowerCase() : value.replace(/^(\d+)\.0$/, "$1"));

function setting(variable, value, differs) {
  const mark = differs ? h("span", { class: "pill paused", title: "Another worker has another value" }, "differs") : null;
  return h("div", {}, h("dt", {}, variable, " ", mark), h("dd", {}, plain(value) || h("span", { class: "quiet" }, "not set")));
}

const EMPTY = [
  h("p", { class: "big" }, "No worker is alive"),
  h("p", { class: "quiet" }, "Each is here a moment after it has started, with where it runs and what it works on."),
];

export function open(root) {
  const about = h("p", { class: "quiet small", hidden: true }, "A task is one thing that is done for an edit, a batch or a sink: to send an edit to the API, to ask for its picture, to keep that.");
  const list = h("ul", {});
  const note = h("section", { class: "note", "aria-label": "Settings that differ", hidden: true }, list);
  const view = new TableView(root, {
    title: "Workers",
    path: "/v1/workers",
    rows: ({ workers }) => workers.map((row) => ({ ...row, differing: differing(workers) })),
    more: {
      elements: [note, about],
      show: ({ workers, differences }) => {
        about.hidden = !workers.length;
        tell(note, list, differences);
      },
    },
    table: { columns: COLUMNS, key: (row) => row.worker, sort: 0, empty: EMPTY, detail: DETAIL },
  });
  return () => view.end();
}

/** The variables of which not all who tell them say the same. */
function differing(workers) {
  const values = new Map();
  for (const [variable, value] of workers.flatMap(({ settings }) => Object.entries(settings))) {
    values.set(variable, (values.get(variable) ?? new Set()).add(value));
  }
  return [...values].filter(([, said]) => said.size > 1).map(([variable]) => variable);
}

/** Settings that all must have alike, with both values: what becomes of an edit is chance else. */
function tell(note, list, differences) {
  const said = Object.entries(differences).map(([variable, values]) => [
    h("code", {}, variable),
    " differs: ",
    Object.entries(values).map(([value, workers], at) => [at ? "; " : "", h("code", {}, plain(value) || "nothing"), ` (${workers.join(", ")})`]),
    ". Give all workers the same, and start them again.",
  ]);
  note.hidden = !said.length;
  list.replaceChildren(...said.map((parts) => h("li", {}, parts)));
}
