// A question before something is lost.
import { h } from "../dom.js";

/** Whether whoever looks says yes; `does` is what the button says. */
export function confirm(title, text, does) {
  return new Promise((decided) => {
    const yes = h("button", { class: "main", on: { click: () => dialog.close("yes") } }, does);
    const no = h("button", { on: { click: () => dialog.close() } }, "Cancel");
    const dialog = h("dialog", { "aria-labelledby": "question", class: "stack" }, h("h2", { id: "question" }, title), h("p", {}, text), h("div", { class: "bar" }, yes, no));
    dialog.addEventListener("close", () => {
      dialog.remove();
      decided(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}
