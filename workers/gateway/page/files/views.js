// Each view by its path after `#`, and those that the navigation has.
import { openBatch } from "./views/batch.js";
import { openBatches } from "./views/batches.js";
import { openGallery } from "./views/gallery.js";
import { openKeys } from "./views/keys.js";
import { openMoney } from "./views/money.js";
import { openProvider } from "./views/provider.js";
import { openSinks } from "./views/sinks.js";
import { openWorkers } from "./views/workers.js";

const ID = "([^/]+)";

const oversees = (session) => session.scopes.includes("operate") && !session.prefix;

const VIEWS = [
  { path: /^(?:batches)?$/, nav: { href: "#/batches", text: "Batches" }, title: () => "Batches", open: openBatches },
  { path: new RegExp(`^batches/${ID}/gallery(?:/${ID})?$`), title: (batch) => `Gallery of ${batch}`, open: openGallery },
  { path: new RegExp(`^batches/${ID}(?:/edits/${ID})?$`), title: (batch) => batch, open: openBatch },
  { path: /^provider$/, nav: { href: "#/provider", text: "Provider" }, title: () => "Provider", open: openProvider },
  { path: /^workers$/, nav: { href: "#/workers", text: "Workers" }, title: () => "Workers", open: openWorkers },
  { path: /^money$/, nav: { href: "#/money", text: "Money" }, title: () => "Money", open: openMoney },
  { path: /^sinks$/, nav: { href: "#/sinks", text: "Sinks", whom: oversees }, title: () => "Sinks", open: openSinks },
  { path: /^keys$/, nav: { href: "#/keys", text: "Keys", whom: oversees }, title: () => "Keys", open: openKeys },
];

/** What the navigation has for whoever is signed in. */
export const navigationOf = (session) => VIEWS.map((view) => view.nav).filter((nav) => nav && (nav.whom?.(session) ?? true));

/** A part of a fragment; one that is mistyped stays as it is, and names nothing. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * The view of a fragment: its title, what it shows (`parts`: those of its path, then its filters as URLSearchParams), and
 * how it is opened in an element; that returns how it is closed, with `goTo(...parts)` where it can show another part of
 * itself: whether it does.
 */
export function viewOf(hash) {
  const [, path, query] = /^#?\/?([^?]*)\??(.*)$/.exec(hash);
  for (const { path: pattern, title, open } of VIEWS) {
    const found = pattern.exec(path)?.slice(1).map((part) => part && decoded(part));
    const parts = found && [...found, new URLSearchParams(query)];
    if (parts) return { opener: open, parts, title: title(...parts), open: (root, session) => open(root, session, ...parts) };
  }
  return viewOf("");
}
