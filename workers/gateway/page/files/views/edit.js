// One edit: where it stands and why, what it is made of, and what came of it.
import { addressOf } from "../address.js";
import { json, v1 } from "../api.js";
import { h, notice, retell } from "../dom.js";
import { bytes, capital, count, money, seconds, when } from "../format.js";
import { holdsText } from "../holds.js";
import { copyLine } from "../parts/copy-line.js";
import { small } from "../pictures.js";
import { Reads } from "../reads.js";
import { stateOf } from "../states.js";

const [RETRIED, CANCELLED] = [["failed", "held", "cancelled"], ["queued", "held"]];
const THUMBNAIL = 160; // pixels of its longer side
const SETTLED_MS = 5000; // when nothing has grown for so long, all of the page is there
const AGAIN_MS = 2000; // an edit that is under way is looked at again

export class EditPanel {
  place = null;
  #name = "";
  #state = ""; // as it is shown, or being asked for
  #reads = new Reads();
  #timer = 0;

  /**
   * `close`, `showAll`: called for their buttons; `found`: when the place of the edit has come; `holds`: what keeps edits of the batch
   * from being submitted; `decide`: with what is done to an edit, where somebody may do that.
   */
  constructor(batch, { close, showAll, found, holds }, decide) {
    Object.assign(this, { batch, close, found, holds, decide });
    this.body = h("div", { class: "stack" });
    const all = h("button", { on: { click: showAll } }, "Show all");
    const said = h("span", { class: "quiet" }, "The filters hide it in the list.");
    this.hidden = h("div", { class: "bar between", role: "status", hidden: true }, said, all);
    this.element = h("aside", { class: "card edit stack", "aria-label": "Edit", hidden: true }, this.hidden, this.body);
  }

  /** Its custom id; of the one that is shown. */
  get name() {
    return this.#name;
  }

  /** Whether one is shown whose place is known. */
  get placed() {
    return this.place !== null && this.place >= 0;
  }

  /** Say that the list does not show it. */
  hides(yes) {
    this.hidden.hidden = !yes;
  }

  /** Show an edit; its place is -1 where it is not known yet. */
  show(name, place) {
    const opens = this.element.hidden;
    this.#reads.drop();
    if (name !== this.#name) this.#rest(true); // until its own has come, no button decides about the one before
    [this.#name, this.place] = [name, place];
    this.element.hidden = false;
    this.#load().then(() => opens && this.#bringIntoView()); // the map may be long
  }

  /** While the page above it still grows it is kept in view, until somebody does something. */
  keepInView(signal) {
    let timer = 0;
    const grows = new ResizeObserver(() => {
      this.#bringIntoView();
      clearTimeout(timer);
      timer = setTimeout(stop, SETTLED_MS);
    });
    const stop = () => grows.disconnect();
    grows.observe(document.querySelector("#main"));
    for (const type of ["wheel", "touchstart", "pointerdown", "keydown"]) window.addEventListener(type, stop, { once: true, signal });
    signal.addEventListener("abort", stop);
  }

  #bringIntoView() {
    const { top } = this.element.getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2) this.element.scrollIntoView({ block: "start" });
  }

  hide() {
    this.place = null;
    this.#reads.drop();
    clearTimeout(this.#timer);
    this.element.hidden = true;
    this.#name = "";
    retell(this.body, null, () => []);
  }

  /** Look again, since something was done to edits. */
  again() {
    if (this.place !== null) this.#load();
  }

  /** Look again if its state has changed. */
  changed(strip) {
    if (!this.placed) return;
    const { name } = stateOf(strip.states[this.place]);
    if (name === this.#state) return;
    this.#state = name;
    this.#load();
  }

  #load() {
    clearTimeout(this.#timer);
    const name = this.#name;
    const path = v1("edits", this.batch, name);
    const asked = () => Promise.all([json(path), json(`${path}/why`), json(`${path}/history`)]);
    const failed = ({ message }) => this.#tell([name, message], () => [this.#head(name), h("p", { class: "note bad" }, message)]);
    return this.#reads.read(asked, (found) => this.#take(...found), failed);
  }

  #take(edit, why, { history }) {
    const waits = edit.state === "queued" ? holdsText(this.holds()) : "";
    this.#state = edit.state;
    this.#tell([edit, why, history, waits], () => [...this.#shown(edit, why, history, waits), ...past(history, waits, edit.result?.error?.message)]);
    this.#place(edit.place);
    clearTimeout(this.#timer);
    if (!edit.result) this.#timer = setTimeout(() => document.hidden || this.#load(), AGAIN_MS);
  }

  #tell(value, make) {
    retell(this.body, value, make);
    this.#rest(false);
  }

  /** Whether what stands below the head takes no clicks and no keys. */
  #rest(yes) {
    for (const part of [...this.body.children].slice(1)) part.inert = yes;
  }

  #place(place) {
    if (this.placed || place === null) return;
    this.place = place;
    this.found();
  }

  #head(name) {
    const close = h("button", { class: "plain", "aria-label": "Close the edit", on: { click: this.close } }, "✕");
    return h("div", { class: "bar between" }, h("h2", { class: "mono" }, name), close);
  }

  #shown(edit, { stands, why }, history, waits) {
    const failed = edit.state === "failed" ? "failed" : "";
    const outputs = edit.result?.outputs ?? []; // they say it, where there are some
    return [
      this.#head(edit.custom_id),
      h("p", { class: "bar" }, h("span", { class: "pill" }, h("span", { class: "swatch", data: { state: edit.state } }), stands)),
      !outputs.length && h("p", { class: `why ${failed}` }, withCopy(this.#why(edit, why, waits))),
      this.#decisions(edit),
      edit.possible_duplicate && h("p", { class: "note" }, "It was sent more than once, and may have been paid for more than once."),
      ...outputs.map((output, number) => this.#output(edit, output, number)),
      h("h2", {}, "Parameters"),
      facts(edit.result?.parameters ?? edit.parameters),
      h("h2", {}, "So far"),
      facts({
        "sent to the API": sent(edit, history),
        "asked about": edit.polls ? count(edit.polls, "time") : null,
        "id at the API": edit.provider_id,
        cost: edit.result?.cost && money(edit.result.cost.amount, edit.result.cost.currency),
        submitted: when(edit.submitted_at ?? edit.result?.submitted_at),
        ended: when(edit.result?.completed_at),
        deadline: edit.result ? null : when(edit.deadline),
        worker: edit.holder,
        "picture sent": edit.result?.init_image,
        "does again": doneBefore(edit.result?.redo_of),
      }),
      ...about(edit.result?.metadata),
    ].filter(Boolean);
  }

  /** In words for whoever has the buttons, where the reason is one that they end. */
  #why({ note }, why, waits) {
    if (!this.decide) return capital(why.replace(COMMANDS, "").replace(CORRECTED, ""));
    if (!waits) return capital(why.replace(COMMANDS, ""));
    return `It is not submitted now. ${capital(waits)}.${note ? ` The last answer to it: ${note}.` : ""}`;
  }

  #decisions(edit) {
    const button = (action, text) => h("button", { on: { click: () => this.decide(action, edit) } }, text);
    const found = [
      RETRIED.includes(edit.state) && button("retry", "Try it again…"),
      CANCELLED.includes(edit.state) && button("cancel", "Cancel it…"),
    ].filter(Boolean);
    return this.decide && found.length ? h("div", { class: "bar", role: "group", "aria-label": "Decisions" }, found) : null;
  }

  #output(edit, output, number) {
    const picture = h("img", { src: small(this.batch, edit, number, THUMBNAIL), alt: "", on: { error: () => picture.remove() } });
    const open = h("button", { on: { click: () => this.#open(output.uri) } }, "Open the picture");
    const told = `${output.width} × ${output.height}, ${bytes(output.bytes)}, ${output.content_type}`;
    const trouble = output.filtered ? "The API's safety filter took the picture away." : output.blank ? "It is blank, or may be." : "";
    return h(
      "div",
      { class: "output" },
      picture,
      h("span", {}, told),
      h("code", { class: "small" }, output.uri),
      h("span", { class: "small quiet" }, "sha256 ", h("span", { class: "mono" }, output.sha256)),
      trouble && h("span", { class: "note" }, trouble),
      h("div", {}, open),
    );
  }

  async #open(uri) {
    const tab = window.open("about:blank", "_blank"); // at once, or the browser takes it for an advertisement
    try {
      const path = v1("batches", this.batch, "links");
      const { links } = await json(path, { method: "POST", body: { uris: [uri], expires_s: 300 } });
      if (tab) {
        tab.opener = null;
        tab.location.replace(links[uri]);
      }
    } catch (error) {
      tab?.close();
      notice(error.message);
    }
  }
}

function facts(values) {
  const found = Object.entries(values ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const parts = found.flatMap(([name, value]) => [
    h("dt", {}, name),
    h("dd", {}, typeof value === "object" && !(value instanceof Node) ? JSON.stringify(value) : value instanceof Node ? value : String(value)),
  ]);
  return h("dl", {}, parts);
}

/** A submit that the API turned away is in the history, and does not count. */
function sent({ submits }, history) {
  if (submits) return count(submits, "time");
  return history.some(({ what }) => what === "sent") ? "not taken yet" : "not yet";
}

/** The edit that this one does once more. */
function doneBefore(name) {
  const [, batch, edit] = /^([^/]+)\/([^/]+)$/.exec(name ?? "") ?? [];
  return edit ? h("a", { href: addressOf(["batches", batch, "edits", edit]) }, name) : name;
}

function about(metadata) {
  return metadata && Object.keys(metadata).length ? [h("h2", {}, "Metadata"), facts(metadata)] : [];
}

/**
 * What was done about it, the oldest first; each step with the time since the one before; `waits`: what keeps it from being submitted;
 * `message`: why it failed.
 */
function past(steps, waits, message) {
  if (!steps.length) return [];
  const items = steps.map((step, i) => {
    const since = i ? (Date.parse(step.at) - Date.parse(steps[i - 1].at)) / 1000 : 0;
    const at = h("time", { class: "quiet small", datetime: step.at, title: when(step.at) }, i ? `+ ${seconds(since)}` : when(step.at));
    return h("li", { data: { what: step.what } }, h("span", {}, i === steps.length - 1 && message ? inItsWords(step, message) : step.text), at);
  });
  if (waits) items.push(h("li", { data: { what: "waited" } }, h("span", {}, `it waits now: ${waits}`)));
  return [h("h2", {}, "History"), h("ol", { class: "past" }, items)];
}

/** A failure in the words of this edit: its history has those of all that failed alike, with … for what differs. */
function inItsWords({ what, reason, text }, message) {
  return what === "failed" && reason ? `failed (${reason.split(": ")[0]}): ${message}` : text;
}

/** What sends it corrected can be copied. */
function withCopy(text) {
  const command = CORRECTED.exec(text)?.[1];
  return command ? [`${text.replace(CORRECTED, "")}. To send it corrected: `, copyLine(command)] : text;
}

const CORRECTED = / \(to send it corrected: (retouch redo \S+ --set FIELD=VALUE)\)$/;

// What buttons do as well.
const COMMANDS = / \(to (retry|put it back): retouch retry \S+( --cancelled)?\)|; as it was: retouch retry [^\s)]+(?=\))|: retouch retry \S+ --held, or retouch cancel \S+ --held/;
