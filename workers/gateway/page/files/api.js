// Requests to the gateway. The browser sends the session's cookie by itself, and no script can read it.
import { parsed } from "./plain.js";

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const PATIENCE_MS = 20_000; // for a key whose rate is used up: its other users count too

/** A good answer; `dated(at)`: called with the time as of which it was read. Raises Problem; tells the page (`signed-out`) if the session has ended. */
export async function ask(path, { method = "GET", body, signal, headers, dated } = {}) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const type = body === undefined ? {} : { "Content-Type": "application/json" };
  const options = { method, signal, headers: { ...type, ...headers }, ...sent, redirect: "error" };
  let answer = await fetched(path, options);
  for (const end = Date.now() + PATIENCE_MS; answer.status === 429 && Date.now() < end; ) {
    await new Promise((go) => setTimeout(go, 1000 * (Number(answer.headers.get("Retry-After")) || 1)));
    answer = await fetched(path, options);
  }
  if (answer.ok || answer.status === 304) {
    dated?.(answer.headers.get("Retouch-As-Of"));
    return answer;
  }
  const problem = await answer.json().catch(() => ({}));
  if (answer.status === 401 && path !== "/page/session") window.dispatchEvent(new Event("signed-out"));
  throw new Problem(answer.status, problem.detail ?? `the gateway answered ${answer.status}`);
}

async function fetched(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The gateway cannot be reached: is it running, and is this machine online?");
  }
}

/** The object that a path answers with. */
export const json = async (path, options) => parsed(await (await ask(path, options)).text());

/** A path under `/v1`, of parts that are written as they are. */
export const v1 = (...parts) => `/v1/${parts.map(encodeURIComponent).join("/")}`;
