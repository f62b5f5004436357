// Where events are delivered, and how that goes; what was not taken is delivered again, and what is not used is removed.
import { ask, v1 } from "../api.js";
import { h, notice } from "../dom.js";
import { installation } from "../installation.js";
import { ago, count, number } from "../format.js";
import { Decision } from "../parts/decision.js";
import { TableView } from "../parts/table-view.js";

const EMPTY = [
  h("p", { class: "big" }, "No worker has a sink"),
  h("p", { class: "quiet" }, "A sink is told when edits and batches end. Name one in ", h("code", {}, "RETOUCH_WEBHOOK_URL"), ", or several in ", h("code", {}, "RETOUCH_SINKS"), ", and start the workers again."),
];

const stateOf = (row) => (row.gone ? "gone" : row.held ? "held" : !row.live ? "no worker has it" : installation.unattended ? "waits for a worker" : "live");
const troubleOf = (row) => row.gone ?? row.held ?? row.last_error ?? "";
const troubleAt = (row) => (row.gone ? row.gone_since : row.held ? row.held_since : row.last_error_at);

export function open(root) {
  const columns = [
    { name: "Sink", value: (row) => row.sink },
    { name: "To", value: (row) => row.to },
    { name: "State", value: stateOf, cell: (row) => h("span", { class: `pill ${stateOf(row) === "live" ? "completed" : "paused"}` }, stateOf(row)) },
    { name: "Events", value: (row) => row.types.map((type) => type.replace("retouch.", "")).join(", ") || "all" },
    { name: "Delivered", number: true, value: (row) => row.delivered, text: (row) => number(row.delivered) },
    { name: "Waiting", number: true, value: (row) => row.waiting, text: (row) => number(row.waiting) },
    { name: "Not taken", number: true, value: (row) => row.undelivered, text: (row) => number(row.undelivered) },
    { name: "Last trouble", value: troubleOf, text: (row) => (troubleOf(row) ? `${troubleOf(row)} (${ago(troubleAt(row))})` : "–") },
    { name: "Do", still: true, value: (row) => row.undelivered, text: (row) => `${row.undelivered > 0} ${row.live}`, cell: (row) => actions(row, view) },
  ];
  const view = new TableView(root, {
    title: "Sinks",
    path: "/v1/sinks",
    rows: (found) => found.sinks,
    table: { columns, key: (row) => row.sink, sort: 0, empty: EMPTY },
  });
  return () => view.end();
}

function actions(row, view) {
  const again = row.undelivered > 0 && h("button", { "aria-label": `Deliver again to ${row.sink}`, on: { click: () => redeliver(row.sink, view) } }, "Deliver again");
  const remove = !row.live && h("button", { "aria-label": `Remove ${row.sink}…`, on: { click: () => drop(row, view) } }, "Remove…");
  return again || remove ? h("span", { class: "bar" }, again, remove) : "";
}

async function redeliver(sink, view) {
  await done(view, async () => {
    const { events } = await (await ask(`${v1("sinks", sink)}/redeliver`, { method: "POST" })).json();
    notice(`${count(events, "event")} to be delivered to ${sink} again.`);
  });
}

function drop({ sink, waiting }, view) {
  const remove = async () => {
    await ask(v1("sinks", sink), { method: "DELETE" });
    notice(`The sink ${sink} is removed.`);
    await view.load();
  };
  new Decision("", remove).say(`Remove the sink ${sink}?`, [`${count(waiting, "event")} waiting for it will not be delivered.`], "Remove it");
}

async function done(view, change) {
  try {
    await change();
    await view.load();
  } catch (error) {
    view.tell(error.message);
  }
}
