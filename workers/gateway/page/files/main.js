// The page begins here: who is looking, which view that shows, and what all views share.
import { Problem, ask, json } from "./api.js";
import { h, notice } from "./dom.js";
import { header } from "./header.js";
import { installation } from "./installation.js";
import { installKeys } from "./keys.js";
import { live } from "./live.js";
import { keepAges } from "./parts/age.js";
import { watchWorkers } from "./parts/no-worker.js";
import { Reads } from "./reads.js";
import { loadAll, viewOf } from "./views.js";
import { signIn } from "./views/sign-in.js";

const OTHERS_MS = 2000; // after the first view: its own requests go first
const LINK = /^#link=([\w-]+)$/;
const main = document.querySelector("#main");
const tabs = new BroadcastChannel("retouch-session"); // all have one cookie: who signs in or out in one does it in all
const reads = new Reads(); // of who is looking
let session; // undefined: it is not known yet; null: nobody is signed in
let close = () => {};
let shown = null;

async function begin() {
  const link = LINK.exec(location.hash);
  if (link) history.replaceState(null, "", "/"); // it is good once: nothing of it stays in the history
  viewOf(location.hash).load().catch(() => {}); // beside the session, without which it is not shown
  leave();
  main.replaceChildren(loading());
  if (!link) return look(show);
  try {
    entered(await byLink(link[1]));
  } catch (error) {
    show(error);
    if (session) notice(error.message); // whoever was signed in is so still
  }
}

/** A person has signed in here, or (null) out: what was asked before that says nothing any more. */
function entered(found) {
  reads.drop();
  signedIn(found);
  tabs.postMessage(null);
}

/** Show what there is for whoever is signed in; null: nobody is any more, as `error` says. */
function signedIn(found, error) {
  session = found;
  if (found) installation.begin();
  show(error);
  setTimeout(loadAll, OTHERS_MS);
}

/** Somebody has signed in or out elsewhere, or an answer says that the session has ended: which may be one before this. */
const lookAgain = () => look(() => {});

function look(failed) {
  return reads.read(() => json("/page/session"), told, failed);
}

function told(found) {
  if (JSON.stringify(found) === JSON.stringify(session)) return;
  if (session === undefined) return signedIn(found);
  closeDialogs();
  signedIn(found, new Problem(401, "Your session has ended. Sign in again."));
}

async function byLink(secret) {
  return (await ask("/page/session", { method: "POST", body: { by: "link", secret } })).json();
}

/** Nothing of the view that was shown is at work any more. */
function leave() {
  close();
  close = () => {};
  shown = null;
  live.watch(null, {});
}

function show(error) {
  leave();
  document.querySelector("#header").replaceChildren(...header(session, signOut));
  if (!session) {
    installation.end();
    main.replaceChildren(signIn(error instanceof Problem ? error.message : "", entered));
    main.querySelector("#key").focus(); // nothing else can be done here
    document.title = "Sign in – Retouch";
    return;
  }
  const view = viewOf(location.hash);
  document.title = `${view.title} – Retouch`;
  const root = h("div", { class: "stack" }, loading());
  main.replaceChildren(root);
  shown = view;
  open(view, root);
}

async function open(view, root) {
  const module = await view.load().catch(() => null);
  if (shown !== view) return;
  root.replaceChildren();
  try {
    close = module.open(root, session, ...view.parts) ?? close;
  } catch (error) {
    console.info(error);
    tellUnloaded(root);
  }
}

/** In place of a view whose modules do not come, or do not fit those that are here. */
function tellUnloaded(root) {
  live.watch(null, {});
  const again = h("button", { on: { click: () => location.reload() } }, "Load the page again");
  const why = "This view cannot be loaded: is the gateway running, and is this machine online? Or it was upgraded since this page was opened. ";
  root.replaceChildren(h("div", { class: "note bad", role: "alert" }, why, again));
}

const loading = () => h("p", { class: "quiet late", role: "status" }, "Loading…");

/** A dialog is about what was shown when it was opened. A picture of the gallery is in the address itself. */
function closeDialogs() {
  document.querySelectorAll("dialog:not(.viewer)").forEach((dialog) => dialog.close());
}

async function signOut() {
  try {
    await ask("/page/session", { method: "DELETE" });
  } catch (error) {
    return notice(`You are signed in still. ${error.message}`);
  }
  closeDialogs();
  history.replaceState(null, "", "/");
  entered(null);
}

window.addEventListener("hashchange", () => {
  closeDialogs();
  if (LINK.test(location.hash)) return void begin(); // pasted where the page is open already
  if (!session) return; // what the address says is shown to whoever signs in
  const next = viewOf(location.hash);
  if (shown?.load === next.load && close.goTo?.(...next.parts)) return;
  show();
  main.focus();
});
window.addEventListener("signed-out", lookAgain);
tabs.addEventListener("message", lookAgain);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment says which view is shown
  main.focus();
});
installKeys();
keepAges();
watchWorkers(document.querySelector("#banner"));
begin();
