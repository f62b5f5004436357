// Words from outside. Characters that turn, or hide, what stands beside them are shown as a sign that there was one.

const TURNING = /[\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;
const MAY_TURN = /[\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff]|\\u(?:20[026]|feff)/i; // as they are, or as JSON may write them

const plain = (text) => text.replace(TURNING, "\ufffd");

function shown(_name, value) {
  if (typeof value === "string") return plain(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [plain(name), one]));
}

/** What a text of JSON says, as it can be shown. */
export const parsed = (text) => JSON.parse(text, MAY_TURN.test(text) ? shown : undefined);
