// What can be done by a key alone, and the dialog that says so.
import { h, isTyping } from "./dom.js";

const KEYS = [
  [["?"], "this list"],
  [["/"], "search"],
  [["↑", "↓"], "move in a list (also j and k); ↓ from the search to what it has found"],
  [["Page ↑", "Page ↓", "Home", "End"], "move far"],
  [["Enter"], "open what is selected"],
  [["Esc"], "close it, or clear the search"],
  [["g"], "from a batch to its gallery, and back"],
  [["p"], "in the gallery: pick the picture, and go on"],
  [["x"], "reject it, and go on"],
  [["u"], "clear what was said of it; else take back what was said last"],
  [["r"], "pick it, and reject all others of the same picture"],
  [["o"], "only what was made of the same picture, and back"],
  [["Shift", "↑ ↓ ← →"], "select several"],
  [["s"], "of an open picture: save it"],
  [["c"], "of an open picture: another way to compare"],
  [["b"], "while it is held: before"],
  [["1", "…", "8"], "in a batch: the first, the second … of the filters that are seen"],
  [["0"], "show all edits"],
];

export function showKeys() {
  const rows = KEYS.flatMap(([keys, does]) => [h("dt", {}, keys.map((key) => [h("kbd", {}, key), " "])), h("dd", {}, does)]);
  const close = h("button", { class: "main", on: { click: () => dialog.close() } }, "Close");
  const head = h("div", { class: "bar between" }, h("h2", { id: "keys" }, "Keyboard"), close); // what has the focus is in view
  const dialog = h("dialog", { "aria-labelledby": "keys" }, head, h("dl", {}, rows));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

export function installKeys() {
  document.addEventListener("keydown", (event) => {
    if (isTyping(event)) return;
    if (event.key === "?") showKeys();
    else if (event.key === "/") document.querySelector("input[type=search]")?.focus();
    else return;
    event.preventDefault();
  });
}
