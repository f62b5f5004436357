// How long ago something was, kept true while somebody looks: else it is written anew only when something else changes.
import { h } from "../dom.js";
import { ago, when } from "../format.js";

const EVERY_MS = 15_000;

/** An element that says it, with the time itself for whoever points at it. */
export const age = (iso) => h("time", { class: "age", datetime: iso, title: when(iso) }, ago(iso));

/** From now on, wherever one is shown. */
export function keepAges() {
  setInterval(() => document.querySelectorAll("time.age").forEach(write), EVERY_MS);
}

function write(element) {
  const text = ago(element.dateTime);
  if (element.textContent !== text) element.textContent = text;
}
