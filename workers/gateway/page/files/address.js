// The address of what is shown: after `#` a path, and by what it is filtered. A link that is copied shows the same.

/** `#/batches/oil?state=failed,held`: of the parts of a path, and of filters (a text, or several; empty: none). */
export function addressOf(parts, filters = {}) {
  const found = Object.entries(filters).filter(([, value]) => value.length);
  const query = found.map(([name, value]) => `${name}=${[value].flat().map(encodeURIComponent).join(",")}`).join("&");
  return `#/${parts.map(encodeURIComponent).join("/")}${query && `?${query}`}`;
}

/** What an address filters by, of those that can be: of old or mistyped ones nothing is left. */
export const chosenOf = (filters, name, known) => (filters.get(name)?.split(",") ?? []).filter((one) => known.includes(one));

/** Have the address say what is shown now. `step`: Back leads to what was shown before. */
export function setAddress(address, step = false) {
  if (address !== location.hash) history[step ? "pushState" : "replaceState"](null, "", address);
}

export const LONGEST = 80; // letters of a text by which something is filtered

/** A text that an address filters by; empty: none, or one that the gateway does not look for. */
export function textOf(filters, name) {
  const text = filters.get(name)?.trim() ?? "";
  return text.length > LONGEST ? "" : text;
}
