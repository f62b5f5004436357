// What was said here of places, and is shown at once: no echo that is older than it changes that.

/**
 * The words that the stream is not sure to know of yet. Each place has the code that was said, and what was heard of it
 * since; that is shown from the first change on that was read later than the word was kept (`at`, by Redis' clock).
 */
export class Words {
  #held = new Map(); // place → { code, heard, at, unread }; at: "" once it has failed, null while it is not answered
  #latest = ""; // when the last change that was heard was read

  /** `unsure`: called when the strip is to be read again, since what was read may be older than a word. */
  constructor(unsure) {
    this.unsure = unsure;
  }

  /** Say a code of each place. Returns the word, to be `kept` or `lost`. */
  say(strip, places, codes) {
    const word = new Map();
    places.forEach((place, i) => {
      const heard = this.#held.get(place)?.heard ?? strip.picks[place];
      word.set(place, { code: codes[i], heard, at: null, unread: false });
      this.#held.set(place, word.get(place));
      strip.picks[place] = codes[i];
    });
    return word;
  }

  /** Of these places a word was kept; `reads`: as of a change. */
  kept(word, places, at, strip, reads = false) {
    const ours = this.#last(word, places);
    for (const held of ours.values()) held.at = at;
    if ([...ours.values()].some(({ unread }) => unread)) this.unsure();
    else if (!reads) this.#settle(strip);
  }

  /** Of these places it was not kept: what was heard is shown, and read again. */
  lost(word, places, strip) {
    for (const [place, held] of this.#last(word, places)) {
      Object.assign(held, { at: "", code: held.heard });
      strip.picks[place] = held.heard;
    }
    this.unsure();
  }

  /** Those of these places of which nothing was said later. */
  #last(word, places) {
    return new Map(places.filter((place) => this.#held.get(place) === word.get(place)).map((place) => [place, word.get(place)]));
  }

  /** Write a change that was heard into the strip; `reads`: it is being read again, so that no word is let go yet. */
  change(strip, change, reads = false) {
    for (const [place, { heard }] of this.#held) strip.picks[place] = heard;
    strip.change(change);
    for (const [place, held] of this.#held) held.heard = strip.picks[place];
    this.#latest = change.at;
    this.#settle(strip, reads);
  }

  /** Show what was heard where that is later than our word, and our word elsewhere. */
  #settle(strip, reads = false) {
    for (const [place, held] of this.#held) {
      const later = !reads && held.at !== null && this.#latest > held.at;
      if (later) this.#held.delete(place);
      strip.picks[place] = later ? held.heard : held.code;
    }
  }

  /** To be called before a strip is asked for: what was answered until now is in it. */
  answered() {
    return new Set([...this.#held.values()].filter(({ at }) => at !== null));
  }

  /** Look after a strip that was read whole: it says nothing of words that were not `answered` before it was asked for. */
  over(strip, answered) {
    let unsure = false;
    for (const [place, held] of this.#held) {
      if (answered.has(held)) held.code = held.heard = strip.picks[place];
      else strip.picks[place] = held.code;
      held.unread = !answered.has(held);
      unsure ||= held.unread && held.at !== null;
    }
    if (unsure) this.unsure();
  }
}
