// Who is not signed in: by a key of the gateway, which is sent once, and then forgotten by the page.
import { ask } from "../api.js";
import { h } from "../dom.js";

const UNSAFE =
  "This address is http:// and leads to another machine, so that a key could be read on the way: open the page by https://.";

export function signIn(problem, signedIn) {
  const said = h("p", { class: "note bad", role: "alert", hidden: !problem }, problem);
  const field = h("input", {
    id: "key", type: "password", autocomplete: "off", spellcheck: "false", placeholder: "rt_…", required: true,
  });
  const button = h("button", { class: "main" }, "Sign in");
  const form = h("form", {}, h("label", { for: "key" }, "Key of this gateway"), field, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const answer = await ask("/page/session", { method: "POST", body: { by: "key", secret: field.value } });
      signedIn(await answer.json());
    } catch (error) {
      said.textContent = isSecureContext ? error.message : UNSAFE;
      said.hidden = false;
      field.select();
    } finally {
      button.disabled = false;
    }
  });
  return h(
    "section",
    { class: "card sign-in stack" },
    h("h1", {}, "Sign in"),
    said,
    form,
    h(
      "p",
      { class: "quiet small" },
      "On the machine that has Retouch, ",
      h("code", {}, "retouch page"),
      " prints a link that signs you in. A key comes from ",
      h("code", {}, "retouch keys create NAME --scope read"),
      ": it may look; with ",
      h("code", {}, "--scope read,operate"),
      " it may decide too.",
    ),
  );
}
