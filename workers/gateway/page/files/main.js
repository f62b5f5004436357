// The page begins here: who is looking, which view that shows, and what all views share.
import { Problem, ask, json } from "./api.js";
import { h } from "./dom.js";
import { header } from "./header.js";
import { installation } from "./installation.js";
import { installKeys } from "./keys.js";
import { live } from "./live.js";
import { watchWorkers } from "./parts/no-worker.js";
import { loadAll, viewOf } from "./views.js";
import { signIn } from "./views/sign-in.js";

const OTHERS_MS = 2000; // after the first view: its own requests go first
const LINK = /^#link=([\w-]+)$/;
const main = document.querySelector("#main");
let session = null;
let close = () => {};
let shown = null;

async function begin() {
  const link = LINK.exec(location.hash);
  if (link) history.replaceState(null, "", "/"); // it is good once: nothing of it stays in the history
  viewOf(location.hash).load().catch(() => {}); // beside the session, without which it is not shown
  try {
    signedIn(await (link ? entered(link[1]) : json("/page/session")));
  } catch (error) {
    show(error);
  }
}

function signedIn(found) {
  session = found;
  installation.begin();
  show();
  setTimeout(loadAll, OTHERS_MS);
}

async function entered(secret) {
  return (await ask("/page/session", { method: "POST", body: { by: "link", secret } })).json();
}

function show(error) {
  close();
  close = () => {};
  shown = null;
  live.watch(null, {});
  document.querySelector("#header").replaceChildren(...header(session, signOut));
  if (!session) {
    installation.end();
    main.replaceChildren(signIn(error instanceof Problem ? error.message : "", signedIn));
    document.title = "Sign in – Retouch";
    return;
  }
  const view = viewOf(location.hash);
  document.title = `${view.title} – Retouch`;
  const root = h("div", { class: "stack" });
  main.replaceChildren(root);
  shown = view;
  open(view, root);
}

async function open(view, root) {
  const module = await view.load().catch(() => ({ open: tellUnloaded }));
  if (shown === view) close = module.open(root, session, ...view.parts) ?? close;
}

/** In place of a view whose modules do not come. */
function tellUnloaded(root) {
  const again = h("button", { on: { click: () => location.reload() } }, "Load the page again");
  root.append(h("div", { class: "note bad", role: "alert" }, "This view cannot be loaded: is the gateway running, and is this machine online? ", again));
}

/** A dialog is about what was shown when it was opened. A picture of the gallery is in the address itself. */
function closeDialogs() {
  document.querySelectorAll("dialog:not(.viewer)").forEach((dialog) => dialog.close());
}

async function signOut() {
  await ask("/page/session", { method: "DELETE" });
  session = null;
  closeDialogs();
  history.replaceState(null, "", "/");
  show();
}

window.addEventListener("hashchange", () => {
  closeDialogs();
  const next = viewOf(location.hash);
  if (shown?.load === next.load && close.goTo?.(...next.parts)) return;
  show();
  main.focus();
});
window.addEventListener("signed-out", () => {
  if (!session) return;
  session = null;
  closeDialogs();
  show(new Problem(401, "Your session has ended. Sign in again."));
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment says which view is shown
  main.focus();
});
installKeys();
watchWorkers(document.querySelector("#banner"));
begin();
