// What was picked, for others: the pictures as one file, their ids, and the command that downloads the pictures.
import { json, v1 } from "../api.js";
import { h, notice } from "../dom.js";
import { count, number } from "../format.js";
import { copyLine } from "../parts/copy-line.js";
import { saveImage } from "../pictures.js";

export function exportDialog(batch, counts) {
  const close = h("button", { class: counts.picked ? null : "main", on: { click: () => dialog.close() } }, "Close");
  const dialog = h(
    "dialog",
    { "aria-labelledby": "export" },
    h("h2", { id: "export" }, `Export from ${batch}`),
    h("div", { class: "stack" }, ["picked", "rejected"].map((name) => ids(batch, name, counts[name])), pictures(batch, counts.picked)),
    h("div", { class: "bar end" }, close),
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

function pictures(batch, picked) {
  const command = copyLine(`retouch download ${batch} --picked`);
  if (!picked) return h("section", { class: "stack tight" }, h("p", { class: "quiet" }, "This command downloads the pictures that are picked:"), command);
  const archive = h("a", { class: "button main", href: `${v1("batches", batch, "pictures.zip")}?is=picked`, download: `${batch}-picked.zip` }, `Save ${count(picked, "picked picture")}`);
  const save = picked > 1 ? archive : h("button", { class: "main", on: { click: () => saveOne(batch, archive) } }, "Save the picked picture");
  const zip = picked > 1 && "As they are, in one zip file. A list in it names those that are gone.";
  const words = "This command loads several at a time, and the same again goes on where it was interrupted: for thousands it is better.";
  return h("section", { class: "stack tight" }, h("div", { class: "bar" }, save, zip && h("span", { class: "quiet small" }, zip)), h("p", { class: "quiet small" }, words), command);
}

/** A single image comes from S3 as it is; where the browser cannot have it from there, as all others do. */
async function saveOne(batch, archive) {
  try {
    const { custom_ids: [name] } = await json(`${v1("batches", batch, "picks")}?is=picked`);
    const { result } = await json(v1("edits", batch, name));
    if (result.outputs.length !== 1 || !(await saveImage(batch, result.outputs[0].uri))) archive.click();
  } catch (error) {
    notice(error.message);
  }
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
