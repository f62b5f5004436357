// All edits of a batch, a byte each: their states, the groups of their failures, and what was picked. Filters ask nobody.

export class Strip {
  states = new Uint8Array(0);
  groups = new Uint8Array(0);
  picks = new Uint8Array(0);
  #counts = null;

  get length() {
    return this.states.length;
  }

  /** Take what the gateway has, whole. */
  take(states, groups, picks = this.picks) {
    [this.states, this.#counts] = [states, null];
    this.groups = padded(groups, states.length);
    this.picks = padded(picks, states.length);
  }

  /** Write what has changed: each `[place, bytes as letters]`; there may be more edits than before. */
  change({ states, groups, picks = [], total }) {
    if (total > this.length) {
      this.#counts = null;
      this.states = padded(this.states, total);
      this.groups = padded(this.groups, total);
      this.picks = padded(this.picks, total);
    }
    if (states.length) this.#counts = null;
    write(this.states, states);
    write(this.groups, groups);
    write(this.picks, picks);
  }

  /** The places that a filter shows, in order. `states`, `groups`: bytes; empty: all. */
  filter(states, groups) {
    if (!states.size && !groups.size) return null;
    const [inState, inGroup] = [mask(states), mask(groups)];
    const found = new Int32Array(this.length);
    let n = 0;
    for (let i = 0; i < this.length; i++) if (inState[this.states[i]] && inGroup[this.groups[i]]) found[n++] = i;
    return found.subarray(0, n);
  }

  /** How many edits are in each state, by its byte. */
  counts() {
    return (this.#counts ??= countsOf(this.states));
  }
}

function countsOf(bytes) {
  const found = new Uint32Array(256);
  for (let i = 0; i < bytes.length; i++) found[bytes[i]]++; // several times as fast as `of`, until it is compiled
  return found;
}

function padded(bytes, length) {
  if (bytes.length === length) return bytes;
  const made = new Uint8Array(length);
  made.set(bytes.subarray(0, length));
  return made;
}

function write(bytes, ranges) {
  for (const [place, letters] of ranges) {
    for (let i = 0; i < letters.length; i++) bytes[place + i] = letters.charCodeAt(i);
  }
}

function mask(bytes) {
  const found = new Uint8Array(256).fill(bytes.size ? 0 : 1);
  for (const byte of bytes) found[byte] = 1;
  return found;
}
