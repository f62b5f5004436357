// Elements made by hand: text goes in as text, never as markup.

/** An element. In `props`: `class`, `data`, `on` (event → handler); all else is an attribute (true: without a value). */
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") made.className = value;
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "on") for (const [type, handler] of Object.entries(value)) made.addEventListener(type, handler);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** The same of SVG: an element of a drawing. */
export function svg(tag, props = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) if (value !== undefined) made.setAttribute(name, value);
  made.append(...children.flat().filter(Boolean));
  return made;
}

const CONTROLS = "a, button, input, select, summary";

/**
 * Put others in the place of the children. What had the focus has it again in what is new, or a key that is pressed then would be for
 * nothing: it is found by its words, and by the `data-key` of what it stands in, if there are several.
 */
export function renew(root, children) {
  const held = document.activeElement;
  const inHand = root !== held && root.contains(held) && sameAs(held);
  root.replaceChildren(...children);
  if (inHand) (root.contains(held) ? held : [...root.querySelectorAll(CONTROLS)].find(inHand))?.focus({ preventScroll: true });
}

const told = new WeakMap(); // root → what its children tell

/** The same, of children that tell a value; if it is as before, they stay: one of them may be about to be pressed, or be selected. */
export function retell(root, value, make) {
  const text = JSON.stringify(value);
  if (told.get(root) === text) return;
  told.set(root, text);
  renew(root, make());
}

function sameAs({ localName, textContent, ariaLabel, parentElement }) {
  const keyOf = (element) => element.closest("[data-key]")?.dataset.key;
  const key = keyOf(parentElement);
  const words = (element) => element.localName === localName && element.textContent === textContent && element.ariaLabel === ariaLabel;
  return (other) => words(other) && keyOf(other) === key;
}

/** Say something to whoever looks, and to whoever listens; it goes by itself. */
export function notice(text) {
  const place = document.querySelector("#notices");
  if (place.matches(":popover-open")) place.hidePopover();
  place.showPopover(); // above a dialog too that was opened since the last one
  const said = h("p", {}, text);
  place.append(said);
  setTimeout(() => {
    said.remove();
    if (!place.childElementCount) place.hidePopover();
  }, 6000);
}

/** Whether a key is meant for a field, and not for the page. */
export function isTyping(event) {
  return event.target.closest?.("input, select, textarea, dialog") || event.ctrlKey || event.metaKey || event.altKey;
}

/** Whether nothing has the focus that would do something with a key. */
export const isNowhere = (element) => element === document.body || element.id === "main";
