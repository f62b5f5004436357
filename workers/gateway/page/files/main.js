// The page begins here: who is looking, which view that shows, and what all views share.
import { Problem, ask, json } from "./api.js";
import { h } from "./dom.js";
import { header } from "./header.js";
import { installation } from "./installation.js";
import { installKeys } from "./keys.js";
import { live } from "./live.js";
import { watchWorkers } from "./parts/no-worker.js";
import { viewOf } from "./views.js";
import { signIn } from "./views/sign-in.js";

const LINK = /^#link=([\w-]+)$/;
const main = document.querySelector("#main");
let session = null;
let close = () => {};
let shown = null;

async function begin() {
  const link = LINK.exec(location.hash);
  if (link) history.replaceState(null, "", "/"); // it is good once: nothing of it stays in the history
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
  close = view.open(root, session) ?? close;
  shown = view;
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
  if (shown?.opener === next.opener && close.goTo?.(...next.parts)) return;
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
