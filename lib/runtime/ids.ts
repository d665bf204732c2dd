/**
 * Ids minted at ingress: 48 bits of milliseconds, 20 bits of node, 20 bits of counter, as 18 characters of
 * Crockford base32 whose text order is the order of minting within a node and the order of time between nodes.
 *
 * They are the archive's sort keys and the XEP-0359 stanza ids, and a retry carries the same id.
 */
import type { Bus } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';

/** The digits of ids, in their order. */
export const idDigits = '0123456789abcdefghjkmnpqrstvwxyz';
/** By character code. Each delivery reads the time of an id. */
const digits = Uint8Array.from({ length: 128 }, (_, code) => Math.max(0, idDigits.indexOf(String.fromCharCode(code))));
const timeChars = 10;
const partChars = 4;
export const idCharacters = timeChars + 2 * partChars;
/** Values of a node and of a counter: 20 bits each. */
const partValues = 2 ** 20;

export class IdMint {
  readonly #clock: Clock;
  readonly #node: string;
  #lastMs = -1;
  #counter = 0;
  /** Time and node as the ids of the last millisecond begin. */
  #prefix = '';

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#node = base32(clock.randomBytes(4).readUInt32BE() % partValues, partChars);
  }

  mint(): string {
    const now = this.#clock.now();
    if (now > this.#lastMs) this.#begin(now);
    else if (++this.#counter === partValues) this.#begin(this.#lastMs + 1); // the clock stands or went back: run ahead of it
    return this.#prefix + base32(this.#counter, partChars);
  }

  #begin(ms: number): void {
    this.#lastMs = ms;
    this.#counter = 0;
    this.#prefix = base32(ms, timeChars) + this.#node;
  }
}

/** Milliseconds since the epoch at which the id was minted; NaN when it is not an id. */
export function timeOfId(id: string): number {
  if (!isId(id)) return Number.NaN;
  let ms = 0;
  for (let at = 0; at < timeChars; at++) ms = ms * 32 + digits[id.charCodeAt(at)]!;
  return ms;
}

/** Surely: ids of one process are in its order; those of two say nothing where their clocks differ. */
export function isMintedBefore(id: string, other: string): boolean {
  const processOf = (text: string) => text.slice(timeChars, timeChars + partChars);
  return id < other && processOf(id) === processOf(other);
}

/** The smallest id of a moment: ids minted before it sort below, at or after it not below. */
export function firstIdAt(ms: number): string {
  return base32(Math.min(Math.max(0, Math.floor(ms)), 32 ** timeChars - 1), timeChars);
}

/** Made once: a pattern that stands in a function is an object of each call. */
const shape = /^[0-9a-hjkmnp-tv-z]{18}$/;

export function isId(text: string): boolean {
  return shape.test(text);
}

function base32(value: number, chars: number): string {
  let text = '';
  for (let rest = value, i = 0; i < chars; i++) {
    text = idDigits[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** The last token of a process's subject: no process before it had the same, and where the bus knows its participants, no other may serve it. */
export function newIncarnation({ identity }: Bus, clock: Clock): string {
  return identity ?? clock.randomBytes(6).toString('hex');
}
