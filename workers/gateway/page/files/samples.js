// The minutes of the last day, as lists: what is new is put behind what is known.

const DAY_MS = 86_400_000;

/** The samples of before with those of after that are not among them; what is older than a day is dropped. */
export function joined(before, after) {
  const lists = (found) => [...listsOf(found)];
  const fresh = after.at.map((at, i) => (before.at.includes(at) ? -1 : i)).filter((i) => i >= 0);
  const kept = before.at.map((at, i) => (Date.parse(at) > Date.now() - DAY_MS ? i : -1)).filter((i) => i >= 0);
  const made = structuredClone(after);
  const [old, recent, targets] = [lists(before), lists(after), lists(made)];
  targets.forEach((target, n) => {
    target.splice(0, target.length, ...kept.map((i) => old[n][i]), ...fresh.map((i) => recent[n][i]));
  });
  return made;
}

/** How many requests of a kind there were, by minutes. */
export const sums = (of) => of.good.map((good, i) => good + of.throttled[i] + of.refused[i] + of.broken[i] + of.silent[i]);

function* listsOf(found) {
  for (const name of Object.keys(found).sort()) {
    if (Array.isArray(found[name])) yield found[name];
    else if (found[name] && typeof found[name] === "object") yield* listsOf(found[name]);
  }
}
