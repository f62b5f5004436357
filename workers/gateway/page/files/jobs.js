// What is done to many edits at once: counted first, with its price; started, when a person has read both.
import { json, v1 } from "./api.js";
import { h } from "./dom.js";
import { OTHER, asWritten, capital, count, digits, money, number, when } from "./format.js";
import { holdsText } from "./holds.js";
import { adviceOf } from "./parts/advice.js";
import { age } from "./parts/age.js";
import { Decision } from "./parts/decision.js";

const CANCEL = "cancel";
const REASONS_SHOWN = 3;

/**
 * Ask a person about a job; `which`: `{ action, states, groups, custom_ids }`. `started` is called with it. `holds`: what keeps them
 * from being submitted; `standing`: how many edits of the batch are in each of the states, where all of these are meant.
 */
export function decide(batch, which, started, { holds = () => [], standing = [] } = {}) {
  let job = null;
  const dialog = new Decision(`Counting edits of ${batch}…`, async () => started(await json(v1("jobs", job.job, "start"), { method: "POST" })));
  const anew = h("input", { type: "checkbox" });
  const choice = h("label", { class: "choice" }, anew, "Submit all again, and ask for no results");
  anew.addEventListener("change", () => counted(anew.checked ? "anew" : which.action));

  let asked = 0; // what is counted for a choice that was changed meanwhile is not what the person wants

  async function counted(action) {
    const mine = ++asked;
    dialog.wait();
    try {
      const counted = json(v1("batches", batch, "jobs"), { method: "POST", body: { ...which, action } });
      const [found, groups] = await Promise.all([counted, failuresOf(batch, which)]);
      if (mine !== asked) return;
      job = found;
      const mayAsk = job.to_ask || action === "anew";
      const [title, sentences, button] = told(job, which, holdsText(holds()));
      const list = button && listed([...reasons(groups), ...(standing.length > 1 ? stands(standing, groups) : [])]);
      dialog.say(title, [list, ...sentences, mayAsk && which.action === "retry" && choice], button);
    } catch (error) {
      if (mine === asked) dialog.fail(error.message);
    }
  }
  counted(which.action);
}

/** Why the edits failed that would be tried again, the most frequent reason first; of a single edit its panel says it. */
async function failuresOf(batch, { action, states, groups: chosen = [], custom_ids: names }) {
  if (action === CANCEL || names || !states.includes("failed")) return [];
  const { groups } = await json(v1("batches", batch, "failures"));
  const meant = groups.filter(({ group }) => !chosen.length || chosen.includes(group));
  return meant.map((group) => ({ ...group, words: asWritten(group.words, group.message ?? "") }));
}

/** The reasons for which most failed, and how many others there are: the same may fail again, and be paid for. */
function reasons(groups) {
  const [first, others] = [groups.slice(0, REASONS_SHOWN), groups.slice(REASONS_SHOWN)];
  const items = first.map(({ count: failed, code, words, advice }) => {
    const said = advice && adviceOf(advice, true);
    return row(failed, h("code", {}, code), " ", words || OTHER, said);
  });
  const rest = others.reduce((sum, group) => sum + group.count, 0);
  return rest ? [...items, row(rest, `for ${count(others.length, "other reason")}`)] : items;
}

/** How many are in each state, if they are in several; of those that failed the reasons say it. */
function stands(standing, groups) {
  const others = standing.filter(([state]) => state !== "failed" || !groups.length);
  return others.map(([state, some]) => row(some, h("code", {}, state), " ", state === "held" ? "sent and not answered" : ""));
}

const row = (some, ...words) => h("li", {}, h("span", { class: "count" }, number(some)), h("span", {}, words));

const listed = (items) => (items.length ? h("ul", { class: "reasons", "aria-label": "Of which" }, items) : null);

/** The title, the sentences and the button of a job that can be started. */
function told(job, { states = [], custom_ids: names = [] }, holds) {
  const edits = count(job.counted, "edit");
  const which = names.length === 1 ? `${names[0]} of ${job.batch}` : `${edits} of ${job.batch}`;
  if (!job.counted) return [`Nothing to do in ${job.batch}`, [`No edit is ${states.join(" or ") || "left"} any more.`, atWork(job)], null];
  const later = job.counted > 1 && "This is done edit by edit. One that is no longer as it was counted is left alone, and the batch says how many those were.";
  if (job.action === CANCEL) {
    const held = states.includes("held") && "A held edit was sent and not answered: the API may have accepted it.";
    return [`Cancel ${which}?`, ["They are not submitted. They can be tried again later.", atWork(job), held, later], `Cancel ${edits}`];
  }
  const { cost } = job;
  const asked = job.to_ask && `${count(job.to_ask, "edit")} had been taken by the API: it is asked for the results first, which costs nothing.`;
  const places = cost && digits(cost.amount, job.to_ask ? cost.at_most : 0);
  const sent = job.to_send && resubmitted(job, holds, places);
  const waits = job.to_send && holds && h("p", { class: "note" }, `Nothing is submitted now. ${capital(holds)}.`);
  const most = cost && job.to_ask && `What the API has no longer is submitted again too: ${money(cost.at_most, cost.currency, places)} at most.`;
  const held = states.includes("held") && "A held edit may be paid for twice.";
  return [`Try ${which} again?`, [asked, sent, waits, most, held, later], `Try ${edits} again`];
}

/** What is paid for again; what is held up is paid for when it is submitted. */
function resubmitted({ to_send: edits, cost }, holds, places) {
  const price = cost ? money(cost.amount, cost.currency, places) : "";
  const [they, are] = [count(edits, "edit"), edits === 1 ? "is" : "are"];
  if (!holds) return `${they} ${are} submitted again${price && `, for ${price}`}.`;
  return `${they} ${are} queued again${price && `, and ${edits === 1 ? "costs" : "cost"} ${price} when submitted`}.`;
}

const atWork = ({ at_work: left }) => left && `${count(left, "edit")} at the API ${left === 1 ? "is" : "are"} paid for, so finished and kept.`;

const DOES = { retry: "Queueing again", anew: "Queueing again", cancel: "Cancelling" };

/** The jobs of a batch: those at work as bars, with a button that stops each; and what became of the last ones. */
export class Jobs {
  #hidden = new Set();
  #shown = new Map();
  #known = new Map(); // as each was told furthest on
  #queued = false; // by one that is shown

  /** `holds`: what keeps edits of the batch from being submitted. */
  constructor(may, failed, holds) {
    Object.assign(this, { may, failed, holds });
    this.waits = h("p", { class: "note", hidden: true });
    this.element = h("section", { class: "card jobs", "aria-label": "Jobs", hidden: true });
  }

  /** Show them as they are; `jobs`: the newest first. What is told may be older than what was done here. */
  show(told) {
    const latest = told.map(({ started }) => started ?? "").sort().at(-1) ?? "";
    const later = [...this.#known.values()].filter(({ job, started }) => started > latest && !told.some((one) => one.job === job));
    const jobs = [...later, ...told].map((job) => this.#furthest(job));
    const ended = jobs.filter((job) => recent(job) && !this.#hidden.has(job.job)).slice(0, ENDED_SHOWN);
    const seen = [...jobs.filter((job) => job.state === "running"), ...ended];
    this.element.hidden = !seen.length;
    this.#queued = seen.some(({ action, changed, asked }) => action !== CANCEL && changed > asked);
    for (const [id, item] of this.#shown) if (!seen.some((job) => job.job === id)) this.#remove(id, item);
    for (const job of seen.reverse()) this.#draw(job);
  }

  /** Say what keeps those from being submitted that were queued again; `queued`: how many of the batch are. */
  wait(queued) {
    const text = this.#queued && queued ? holdsText(this.holds()) : "";
    this.waits.hidden = !text;
    this.waits.textContent = text && `What is queued is not submitted now. ${capital(text)}.`;
    if (!this.waits.isConnected) this.element.append(this.waits);
  }

  /** Show one that was started here: the others are as they were. */
  add(job) {
    this.element.hidden = false;
    this.#draw(this.#furthest(job));
  }

  /** A job never goes back: of two tellings the one that is further on is the later one. */
  #furthest(job) {
    const known = this.#known.get(job.job);
    if (!known || progress(job) >= progress(known)) this.#known.set(job.job, job);
    return this.#known.get(job.job);
  }

  #draw(job) {
    (this.#shown.get(job.job) ?? this.#made(job)).show(job);
  }

  #remove(id, item) {
    item.element.remove();
    this.#shown.delete(id);
  }

  #made({ job: id }) {
    const words = h("p", { role: "status" });
    const [bar, far] = [h("progress", {}), h("span", { class: "quiet small", "aria-hidden": "true" })];
    const at = h("span", { class: "at quiet small", hidden: true });
    const stop = h("button", { on: { click: () => this.#stop(id) } }, "Stop");
    const hide = h("button", { class: "plain", "aria-label": "Hide this job", on: { click: () => this.#hide(id) } }, "✕");
    const element = h("div", { class: "job" }, words, far, bar, stop, hide, at);
    const show = (job) => {
      const runs = job.state === "running";
      words.textContent = sentence(job);
      bar.hidden = far.hidden = !runs;
      [bar.max, bar.value] = [job.counted, job.changed + job.skipped];
      far.textContent = `${number(bar.value)} of ${number(bar.max)}`;
      bar.setAttribute("aria-label", `${DOES[job.action]}: ${number(bar.value)} of ${number(job.counted)}`);
      stop.hidden = !runs || !this.may;
      hide.hidden = at.hidden = runs;
      if (!runs && !at.firstChild) at.append(age(job.ended)); // beside the words: these are read out when they change
    };
    this.element.prepend(element);
    this.#shown.set(id, { element, show });
    return this.#shown.get(id);
  }

  async #stop(id) {
    try {
      this.add(await json(v1("jobs", id, "stop"), { method: "POST" }));
    } catch (error) {
      this.failed(error.message);
    }
  }

  #hide(id) {
    this.#hidden.add(id);
    this.#remove(id, this.#shown.get(id));
    this.element.hidden = !this.#shown.size;
  }
}

const RECENT_MS = 3_600_000; // what has ended is told for an hour
const ENDED_SHOWN = 2;

const progress = ({ ended, changed, skipped }) => (ended ? Infinity : changed + skipped);

const recent = (job) => job.ended && Date.now() - Date.parse(job.ended) < RECENT_MS;

const left = ({ left_since: since }) => `. Nobody has gone on with it since ${when(since)}: the log of the gateway says why (jobs.held_up)`;

/** What became of those that were changed: nothing was sent yet. */
function done({ action, changed, asked }) {
  if (action === CANCEL) return "cancelled";
  const sent = changed - asked;
  if (!asked) return "queued again";
  return sent ? `tried again: ${number(sent)} queued, and the API is asked about ${number(asked)}` : "tried again: the API is asked for the results";
}

function sentence(job) {
  const by = job.by ? ` (${job.by})` : "";
  if (job.state === "running") return `${DOES[job.action]} ${count(job.counted, "edit")}${by}${job.left_since ? left(job) : ""}`;
  const skipped = job.skipped ? `, ${number(job.skipped)} skipped since they had changed` : "";
  const stopped = job.state === "stopped" ? "Stopped: " : "";
  return `${stopped}${number(job.changed)} of ${count(job.counted, "edit")} ${done(job)}${skipped}${by}`;
}
