// The times for which money is told: since when batches were made, by the clock of whoever looks; a day by that of the ledger.

const [HOUR, DAY] = [3600_000, 86400_000];
const EVENING = 18; // when people leave, and a night's work begins

const before = (ms) => () => ({ since: new Date(Date.now() - ms) });

/** The last time that it was so late. */
export function evening(now = new Date()) {
  const at = new Date(now);
  at.setHours(EVENING, 0, 0, 0);
  if (at > now) at.setDate(at.getDate() - 1);
  return at;
}

/** A day in UTC, such as `2026-11-27`, as the ledger counts its money. */
export function spanOf(day) {
  const since = new Date(`${day}T00:00:00Z`);
  return { since, until: new Date(since.getTime() + DAY) };
}

/** Each as an address names it, as it is chosen, and its `span` at this moment. */
export const TIMES = [
  { name: "", text: "made at any time", span: () => ({}) },
  { name: `${EVENING}:00`, text: `made since ${EVENING}:00`, span: () => ({ since: evening() }) },
  { name: "24h", text: "made in the last 24 h", span: before(24 * HOUR) },
  { name: "7d", text: "made in the last 7 days", span: before(7 * DAY) },
];

/** The time of a day. */
export const timeOfDay = (day) => ({ name: day, text: `made on ${day} (UTC)`, span: () => spanOf(day) });

/** The time that an address names; of one that cannot be: any. */
export function timeOf(name) {
  const day = /^\d{4}-\d\d-\d\d$/.test(name) && new Date(`${name}T00:00:00Z`);
  const known = day && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(name); // no 31st of February
  return TIMES.find((time) => time.name === name) ?? (known ? timeOfDay(name) : TIMES[0]);
}
