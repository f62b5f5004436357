// Each view by its path after `#`, and those that the navigation has.
import { openBatch } from "./views/batch.js";
import { openBatches } from "./views/batches.js";

const ID = "([^/]+)";

const VIEWS = [
  { path: /^$/, nav: { href: "#/batches", text: "Batches" }, title: () => "Batches", open: openBatches },
  { path: /^batches(?:\?by=([^/]+))?$/, title: () => "Batches", open: openBatches },
  { path: new RegExp(`^batches/${ID}(?:/edits/${ID})?$`), title: (batch) => batch, open: openBatch },
];

/** What the navigation has. */
export const NAVIGATION = VIEWS.map((view) => view.nav).filter(Boolean);

/** The view of a fragment: its title, and how it is opened in an element; that returns how it is closed. */
export function viewOf(hash) {
  const path = hash.replace(/^#\/?/, "");
  for (const { path: pattern, title, open } of VIEWS) {
    const parts = pattern.exec(path)?.slice(1).map((part) => part && decodeURIComponent(part));
    if (parts) return { title: title(...parts), open: (root, session) => open(root, session, ...parts) };
  }
  return viewOf("");
}
