// What was picked, for others: ids to copy, a file of them, and the command that downloads the pictures.
import { json, v1 } from "../api.js";
import { h, notice } from "../dom.js";
import { count, number } from "../format.js";
import { copyLine } from "../parts/copy-line.js";

export function exportDialog(batch, counts) {
  const close = h("button", { class: "main", on: { click: () => dialog.close() } }, "Close");
  const dialog = h(
    "dialog",
    { "aria-labelledby": "export" },
    h("h2", { id: "export" }, "Export"),
    h("div", { class: "stack" }, ["picked", "rejected"].map((name) => ids(batch, name, counts[name])), download(batch, counts.picked)),
    close,
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function ids(batch, name, value) {
  const path = `${v1("batches", batch, "picks")}?is=${name}`;
  const copy = h("button", { disabled: !value, on: { click: () => copyIds(path) } }, "Copy the ids");
  const file = h("a", { class: "button", href: `${path}&format=text`, download: `${batch}-${name}.txt`, hidden: !value }, "Download the ids");
  return h("section", { class: "bar between" }, h("span", {}, h("strong", {}, number(value)), ` ${name}`), h("span", { class: "bar" }, copy, file));
}

function download(batch, picked) {
  return h("section", { class: "stack tight" }, h("p", { class: "quiet" }, `A browser saves no folder of pictures. This command does, of ${picked === 1 ? "the one" : "those"} picked:`), copyLine(`retouch download ${batch} --picked`));
}

async function copyIds(path) {
  try {
    const { custom_ids: found } = await json(path);
    await navigator.clipboard.writeText(found.map((id) => `${id}\n`).join(""));
    notice(`${count(found.length, "id")} copied.`);
  } catch (error) {
    notice(error.status ? error.message : "The browser does not let the page copy: download the ids.");
  }
}
