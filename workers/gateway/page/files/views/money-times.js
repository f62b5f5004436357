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

/** Each as it is chosen, and its `span` at this moment. */
export const TIMES = [
  { text: "made at any time", span: () => ({}) },
  { text: `made since ${EVENING}:00`, span: () => ({ since: evening() }) },
  { text: "made in the last 24 h", span: before(24 * HOUR) },
  { text: "made in the last 7 days", span: before(7 * DAY) },
];
