// Each view by its path after `#`, and those that the navigation has. A view's modules are loaded when it is first shown.
const ID = "([^/]+)";

/** Whether somebody may change what is of all batches: a key that is bound to some may not. */
export const oversees = (session) => session.scopes.includes("operate") && !session.prefix;

const VIEWS = [
  { path: /^(?:batches)?$/, nav: { href: "#/batches", text: "Batches" }, title: () => "Batches", load: () => import("./views/batches.js") },
  { path: new RegExp(`^batches/${ID}/gallery(?:/${ID})?$`), title: (batch) => `Gallery of ${batch}`, load: () => import("./views/gallery.js") },
  { path: new RegExp(`^batches/${ID}(?:/edits/${ID})?$`), title: (batch) => batch, load: () => import("./views/batch.js") },
  { path: /^provider$/, nav: { href: "#/provider", text: "Provider" }, title: () => "Provider", load: () => import("./views/provider.js") },
  { path: /^workers$/, nav: { href: "#/workers", text: "Workers" }, title: () => "Workers", load: () => import("./views/workers.js") },
  { path: /^money$/, nav: { href: "#/money", text: "Money" }, title: () => "Money", load: () => import("./views/money.js") },
  { path: /^sinks$/, nav: { href: "#/sinks", text: "Sinks", whom: oversees }, title: () => "Sinks", load: () => import("./views/sinks.js") },
  { path: /^keys$/, nav: { href: "#/keys", text: "Keys", whom: oversees }, title: () => "Keys", load: () => import("./views/keys.js") },
];

/** What the navigation has for whoever is signed in. */
export const navigationOf = (session) => VIEWS.map((view) => view.nav).filter((nav) => nav && (nav.whom?.(session) ?? true));

/** Have the modules of all views, so that each is there at once, whatever becomes of the gateway. */
export const loadAll = () => Promise.allSettled(VIEWS.map(({ load }) => load()));

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
 * `load`, which has its module: `open(element, session, ...parts)` there returns how it is closed, with `goTo(...parts)`
 * where it can show another part of itself: whether it does.
 */
export function viewOf(hash) {
  const [, path, query] = /^#?\/?([^?]*)\??(.*)$/.exec(hash);
  for (const { path: pattern, title, load } of VIEWS) {
    const found = pattern.exec(path)?.slice(1).map((part) => part && decoded(part));
    const parts = found && [...found, new URLSearchParams(query)];
    if (parts) return { load, parts, title: title(...parts) };
  }
  return viewOf("");
}
