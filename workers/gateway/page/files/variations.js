// Variations of one picture (`--vary`) as a grid: which parameters an edit's name says, and whether a batch is regular.

const FIELDS = "seed|strength|guidance_scale|num_inference_steps|prompt|negative_prompt|init_image|model_id|scheduler|width|height|samples|size";
const PART = new RegExp(`\\.((?:${FIELDS}|[a-z]+(?:_[a-z]+)+)-)`);

/** What a name says: of what it is a variation, and `[field, value]` for each that varies, the innermost last. */
export function parse(name) {
  const [base, ...rest] = name.split(PART);
  const varied = [];
  for (let i = 0; i < rest.length; i += 2) varied.push([rest[i].slice(0, -1), rest[i + 1]]);
  return { base, varied };
}

/**
 * How the first names of a batch lie in a grid: a column for each value of the innermost parameter; null if they do not.
 * `whole`: these are all its names, and may be one row.
 */
export function gridOf(names, whole) {
  const parsed = names.map(parse);
  if (!parsed.length || !parsed[0].varied.length) return null;
  const rowOf = ({ base, varied }) => JSON.stringify([base, ...varied.slice(0, -1)]);
  const next = parsed.findIndex((one) => rowOf(one) !== rowOf(parsed[0]));
  const columns = next < 0 && whole ? parsed.length : next;
  if (columns < 2) return null;
  const field = parsed[0].varied.at(-1)[0];
  const values = parsed.slice(0, columns).map((one) => one.varied.at(-1)[1]);
  const regular = parsed.every((one, i) => {
    const last = one.varied.at(-1);
    return last?.[0] === field && last[1] === values[i % columns] && rowOf(one) === rowOf(parsed[i - (i % columns)]);
  });
  return regular ? { columns, field, values } : null;
}

/** What stands before a row: the picture, and the other parameters. */
export function rowOf(name) {
  const { base, varied } = parse(name);
  return { base, other: varied.slice(0, -1).map(told).join(", ") };
}

/** `seed 7`: an edit's own parameters as people read them; without any the name says it all. */
export const varied = (name) => parse(name).varied.map(told).join(", ");

const told = ([field, value]) => `${field.replaceAll("_", " ")} ${value}`;
