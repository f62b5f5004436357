// That no worker is alive, above every view: whatever a view shows then does not move.
import { h } from "../dom.js";
import { installation } from "../installation.js";
import { copyLine } from "./copy-line.js";

export function watchWorkers(banner) {
  installation.hear(() => {
    const said = installation.unattended;
    if (said === banner.childElementCount > 0) return; // what somebody copies from stays
    banner.replaceChildren(...(said ? [note()] : []));
  });
}

function note() {
  const words = h("span", {}, h("b", {}, "No worker is alive."), " No edit is processed, and no batch ends, until one is started: ");
  return h("p", { class: "note" }, h("span", { class: "bar" }, words, copyLine("celery -A workers worker")));
}
