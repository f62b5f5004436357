// What a cell of the gallery shows: a small copy, its name, what was said of it; and the head of a row of variations.
import { h } from "../dom.js";
import { before, small } from "../pictures.js";
import { rowOf, varied } from "../variations.js";

const AGAIN_MS = [2000, 5000, 15000]; // a small copy that did not come is asked for again
const MARKS = { picked: "✓ picked", rejected: "✕ rejected", undecided: "" };

export function makeCell() {
  const parts = Object.fromEntries(["note", "more", "mark", "name"].map((name) => [name, h("span", { class: name })]));
  parts.image = h("img", { alt: "", decoding: "async" });
  const frame = h("div", { class: "frame" }, parts.image, parts.note, parts.more);
  return Object.assign(h("div", {}, frame, parts.name, parts.mark), { parts });
}

/** Show an edit: its row (undefined: it has not come yet), its state, what was said of it; `varies`: its head names the rest. */
export function fillCell(cell, { batch, row, state, pick, faint, varies }) {
  const name = row?.custom_id ?? "…";
  const outputs = row?.result?.outputs ?? [];
  cell.dataset.pick = pick;
  cell.classList.toggle("faint", faint);
  cell.setAttribute("aria-label", [name, varied(name), state === "completed" ? pick : state].filter(Boolean).join(", "));
  cell.title = name;
  cell.parts.name.textContent = varies ? varied(name).split(", ").at(-1) : name;
  cell.parts.mark.textContent = MARKS[pick];
  cell.parts.note.textContent = outputs.length || (!row && state === "completed") ? "" : state === "completed" ? "no image" : state;
  cell.parts.more.textContent = outputs.length > 1 ? `${outputs.length} images` : "";
  paint(cell.parts.image, outputs.length ? small(batch, row, 0, cell.clientWidth) : "");
}

/** Show of what a row of variations was made; `name`: of its first edit. */
export function fillHead(head, batch, name) {
  if (head.of === name && head.firstChild) return;
  head.of = name;
  if (!name) return void head.replaceChildren("…");
  const { base, other } = rowOf(name);
  const image = h("img", { alt: "" });
  paint(image, before(batch, name, 160));
  head.replaceChildren(image, h("span", { class: "mono" }, base), h("span", { class: "quiet" }, other));
}

/** Show what is at a path; what does not come, as while many are asked for, is asked for again. */
function paint(image, path) {
  if (image.path === path) return;
  image.path = path;
  image.hidden = true;
  if (!path) return image.removeAttribute("src");
  let tries = 0;
  image.onload = () => (image.hidden = false);
  image.onerror = () => {
    if (tries >= AGAIN_MS.length || !image.isConnected) return;
    setTimeout(() => image.path === path && (image.src = path), AGAIN_MS[tries++]);
  };
  image.src = path;
}
