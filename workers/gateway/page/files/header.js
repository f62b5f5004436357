// The header: where one can go, whether the page is live, the theme, the keys, and who is signed in.
import { h } from "./dom.js";
import { installation } from "./installation.js";
import { showKeys } from "./keys.js";
import { live } from "./live.js";
import { nextTheme, themeName } from "./theme.js";
import { navigationOf } from "./views.js";

const ICON = new URL("icon.svg", import.meta.url).pathname;
const LIVE = { on: "live", away: "no connection", off: "" };

export function header(session, signOut) {
  const themeText = h("span", {}, themeName());
  const theme = h("button", { class: "plain", "aria-label": `Theme: ${themeName()}` }, h("span", { "aria-hidden": "true" }, "◐"), themeText);
  theme.addEventListener("click", () => {
    themeText.textContent = nextTheme();
    theme.setAttribute("aria-label", `Theme: ${themeText.textContent}`);
  });
  const brand = h("a", { class: "brand", href: "#/batches" }, h("img", { src: ICON, alt: "" }), "Retouch");
  const keys = h("button", { class: "plain keys", "aria-label": "Keys of this page", on: { click: showKeys } }, h("kbd", {}, "?"));
  if (!session) return [brand, h("div", { class: "tools" }, theme)];
  return [
    brand,
    navigation(session),
    h(
      "div",
      { class: "tools" },
      LIVENESS,
      theme,
      keys,
      h("span", { class: "who quiet small" }, session.scopes.includes("read") ? session.key : `${session.key}, prompts are hidden`),
      h("button", { class: "plain", on: { click: signOut } }, "Sign out"),
    ),
  ];
}

function navigation(session) {
  const views = navigationOf(session);
  const here = location.hash || views[0].href;
  const links = views.map(({ href, text }) => {
    const current = here === href ? "page" : here.startsWith(href) ? "true" : undefined;
    return h("li", {}, h("a", { href, "aria-current": current }, text));
  });
  return h("nav", { "aria-label": "Views" }, h("ul", {}, links));
}

const LIVENESS = liveness(); // one for all headers: what it hears it would hear for ever

function liveness() {
  const text = h("span", {});
  const shown = h("span", { class: "live quiet small", data: { live: "off" } }, text);
  const show = () => {
    const state = live.state === "on" && installation.away ? "away" : live.state;
    const idle = state === "on" && installation.unattended; // what is heard is that nothing moves
    shown.dataset.live = state;
    shown.classList.toggle("idle", idle);
    text.textContent = idle ? "no worker" : LIVE[state];
  };
  live.addEventListener("state", show);
  installation.hear(show);
  show();
  return shown;
}
