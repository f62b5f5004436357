// The API from outside: how it is used, how it answers, why requests to it pause, and what was not answered.
import { ask, json } from "../api.js";
import { h } from "../dom.js";
import { installation } from "../installation.js";
import { live } from "../live.js";
import { Reads } from "../reads.js";
import { Codes } from "./provider-codes.js";
import { ProviderCharts } from "./provider-charts.js";
import { ProviderFacts } from "./provider-facts.js";
import { Kinds } from "./provider-kinds.js";
import { Pauses } from "./provider-pauses.js";
import { Verdict } from "./provider-verdict.js";
import { joined } from "../samples.js";
import { oversees } from "../views.js";

export function open(root, session) {
  const view = new Provider(root, session);
  view.begin();
  return () => view.end();
}

class Provider {
  #samples = null;
  #found = null;
  #reads = new Reads(() => this.#load());
  #closing = new AbortController();

  constructor(root, session) {
    this.trouble = h("div", { class: "note bad", role: "alert", hidden: true });
    this.verdict = new Verdict();
    this.pauses = new Pauses(oversees(session), (path) => this.#change(path));
    this.facts = new ProviderFacts();
    this.charts = new ProviderCharts();
    this.kinds = new Kinds();
    this.codes = new Codes();
    this.whole = h("div", { class: "stack", hidden: true }, this.verdict.element, this.pauses.element, this.facts.element, this.charts.element, h("div", { class: "charts" }, this.kinds.element, this.codes.element));
    root.append(h("div", { class: "bar between" }, h("h1", {}, "Provider"), this.pauses.button), this.trouble, this.whole);
  }

  begin() {
    this.#load();
    installation.hear(() => this.#found && this.#tellUse(), this.#closing.signal);
    live.watch("/page/live?provider=1", {
      watching: () => this.#load(), // what has changed between the first look and now
      reset: () => this.#load(),
      provider: (found) => this.#reads.hear(() => this.#show(found), found.at),
      away: ({ detail }) => this.#reads.hear(() => this.#tell(detail)),
      back: () => this.#load(),
    });
  }

  end() {
    this.#closing.abort();
  }

  #load() {
    const take = (found) => {
      this.#samples = null;
      this.#show(found);
      this.#tell("");
    };
    return this.#reads.read((dated) => json("/v1/provider", { signal: this.#closing.signal, dated }), take, (error) => this.#tell(error.message));
  }

  #show(found) {
    if (found.samples) this.#samples = this.#samples ? joined(this.#samples, found.samples) : found.samples;
    this.whole.hidden = false;
    this.#found = found;
    this.#tellUse();
    this.charts.show(this.#samples, found.limits);
    this.kinds.show(found.kinds, found.kind_edges_s);
    this.codes.show(found.counted);
  }

  #tellUse() {
    this.pauses.show(this.#found.pauses, installation.unattended);
    this.verdict.show(this.#found, this.#samples, installation.unattended);
    this.facts.show(this.#found, this.#samples, installation.unattended);
  }

  /** Whether it was done. */
  async #change(path) {
    try {
      await ask(path, { method: "POST" });
      installation.look();
      await this.#load();
      return true;
    } catch (error) {
      this.#tell(error.message);
      return false;
    }
  }

  #tell(text) {
    this.trouble.textContent = text;
    this.trouble.hidden = !text;
  }
}
