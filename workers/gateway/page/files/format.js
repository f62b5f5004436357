// How numbers and times are written.

const NUMBER = new Intl.NumberFormat("en");
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const UNITS = [["day", 86400], ["h", 3600], ["min", 60], ["s", 1]];

/** `12,345` */
export const number = (value) => NUMBER.format(value);

/** A sentence of a part of one. */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** In place of the words of failures that are not told apart. */
export const OTHER = "failures of other kinds";

/** What failures have in common is kept in small letters; the same as it is written in one of them: `CUDA … MiB`. */
export function asWritten(words, message) {
  const small = message.toLowerCase();
  if (small.length !== message.length) return words;
  const parts = [];
  let at = 0;
  for (const part of words.split("…")) {
    const found = small.indexOf(part, at);
    if (found < 0) return words;
    at = found + part.length;
    parts.push(message.slice(found, at));
  }
  return parts.join("…");
}

/** `1 edit`, `2 edits`; `many`: where that is not made with an s. */
export const count = (value, word, many = `${word}s`) => `${number(value)} ${value === 1 ? word : many}`;

/** `0.4 %`; what is not nothing is not shown as nothing. */
export function percent(part, whole) {
  if (!whole || !part) return "0 %";
  const share = (100 * part) / whole;
  if (part === whole) return "100 %";
  return `${share < 0.1 ? "< 0.1" : share < 10 || share > 99 ? Math.min(share, 99.9).toFixed(1) : Math.round(share)} %`;
}

/** A time on the wall, as the reader's machine writes it. */
export const when = (iso) => (iso ? WHEN.format(new Date(iso)) : "");

/** `16:38`, as the reader's machine writes it; of a time or of milliseconds. */
export const clock = (time) => CLOCK.format(time);

/** `3 min ago` */
export function ago(iso, now = Date.now()) {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  return seconds < 5 ? "just now" : `${span(seconds)} ago`;
}

/** `40 s`, `12 min`, `3 h 20 min`, `2 days` */
export function span(seconds) {
  if (seconds >= 3600 && seconds < 36000) {
    const minutes = Math.round(seconds / 60);
    return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
  }
  const [unit, size] = UNITS.find(([, least]) => seconds >= least) ?? ["s", 1];
  const value = Math.max(1, Math.round(seconds / size));
  return `${value} ${unit}${unit === "day" && value > 1 ? "s" : ""}`;
}

/** `0.4 s`, and from ten on as `span`. */
export const seconds = (value) => (value < 10 ? `${Math.max(0, value).toFixed(1)} s` : span(value));

/** `4 – 6 min`: a range in the unit of its greater end. */
export function range([low, high]) {
  const [unit, size] = UNITS.find(([, least]) => high >= least) ?? ["s", 1];
  const [from, to] = [low, high].map((one) => Math.max(1, Math.round(one / size)));
  const word = unit === "day" && to > 1 ? "days" : unit;
  return from === to ? `${to} ${word}` : `${from} – ${to} ${word}`;
}

const after = (value) => value.toFixed(6).replace(/0+$/, "").split(".")[1].length;

/** How many digits after the point amounts have that stand beside each other: two, or so many that the least says something. */
export const digits = (...values) => Math.max(2, ...values.map((value) => (value && value < 1 ? after(Number(value.toPrecision(2))) : 0)));

/** The same to the last digit; amounts have six at most. */
export const allDigits = (...values) => Math.max(2, ...values.map(after));

/** `12.40 USD`; `places`: the `digits` of all that it stands beside. */
export function money(value, currency, places = digits(value)) {
  return `${new Intl.NumberFormat("en", { minimumFractionDigits: places, maximumFractionDigits: places }).format(value)} ${currency}`;
}

/** `0.0985 USD`: a sum to its last digit. */
export const exact = (value, currency) => money(value, currency, allDigits(value));

/** What a batch has cost, with what may have been paid and what is under way. */
export const used = (found) => found.spent + found.doubtful + found.committed;
export const spent = (found, places) => money(used(found), found.currency, places);

/** `1.2 MB` */
export function bytes(value) {
  const [unit, size] = [["MB", 1e6], ["kB", 1e3]].find(([, least]) => value >= least) ?? ["bytes", 1];
  return `${size === 1 ? value : (value / size).toFixed(1)} ${unit}`;
}

/** The first sender, and how many others. */
export function sendersText([first, ...others]) {
  return others.length ? `${first} and ${others.length} other${others.length > 1 ? "s" : ""}` : first;
}
