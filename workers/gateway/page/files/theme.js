// Light, dark, or as the reader's machine has it; kept in this browser.

const NAMES = ["auto", "light", "dark"];
const KEPT = "retouch-theme";

export const themeName = () => document.documentElement.dataset.theme ?? "auto";

function set(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  window.dispatchEvent(new Event("theme"));
}

/** Change to the next one, and return its name. */
export function nextTheme() {
  const name = NAMES[(NAMES.indexOf(themeName()) + 1) % NAMES.length];
  localStorage.setItem(KEPT, name);
  set(name);
  return name;
}

set(NAMES.includes(localStorage.getItem(KEPT)) ? localStorage.getItem(KEPT) : "auto");
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.dispatchEvent(new Event("theme")));
