// A dialog before something is changed: what it does, and the button that does it. Esc changes nothing.
import { h, notice, renew } from "../dom.js";

export class Decision {
  #act = h("button", { class: "main", type: "submit" });
  #title = h("h2", { id: "decision" });
  #body = h("div", { class: "stack tight" });
  #trouble = h("p", { class: "note bad", role: "alert", hidden: true });

  /** `act`: called for the button; what it throws is told, and the dialog stays. */
  constructor(title, act) {
    const leave = h("button", { type: "button", on: { click: () => this.dialog.close() } }, "Leave as it is");
    const form = h("form", { class: "stack" }, this.#title, this.#body, this.#trouble, h("div", { class: "bar end" }, leave, this.#act));
    this.dialog = h("dialog", { "aria-labelledby": "decision" }, form);
    this.#title.textContent = title;
    this.wait();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#do(act);
    });
    this.dialog.addEventListener("close", () => this.dialog.remove());
    document.body.append(this.dialog);
    this.dialog.showModal();
  }

  /** Say what it is about; without a `button` there is nothing to decide. */
  say(title, body, button) {
    this.#title.textContent = title;
    renew(this.#body, body.filter(Boolean).map((one) => (one instanceof Node ? one : h("p", {}, one))));
    this.#act.textContent = button ?? "";
    this.#act.hidden = this.#act.disabled = !button;
    this.#trouble.hidden = true;
    return this;
  }

  /** Nothing can be decided before it is said anew: neither by the button nor by Enter. */
  wait() {
    this.#act.hidden = this.#act.disabled = true;
  }

  fail(text) {
    this.#trouble.textContent = text;
    this.#trouble.hidden = false;
  }

  async #do(act) {
    this.#act.disabled = true;
    try {
      await act();
      this.dialog.close();
    } catch (error) {
      if (this.dialog.open) this.fail(error.message);
      else notice(error.message); // it was left while the button was at work
    } finally {
      this.#act.disabled = false;
    }
  }
}
