/**
 * The last writers of a row, kept in the row itself. Two routers may carry out the same request, when its answer was lost or
 * the bus brought it twice. The second time, newer requests may have changed the row, and the old one must not undo them. The
 * row's writers show that. (A request that is carried out late for the first time is stopped by its deadline:
 * lib/runtime/deadline-store.ts.)
 *
 *     {"xml":"<vCard …","writers":["<sid> <ingress id of the stanza>", …]}   newest first
 */
import { isMintedBefore } from '../../../lib/runtime/ids.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { routerLimits } from '../limits.ts';
import { Dropped } from './dropped.ts';

/**
 * Thrown when a request was carried out before and newer ones have followed. It changes nothing; an iq gets an empty result
 * again.
 */
export class Superseded extends Dropped {
  override name = 'Superseded';
}

interface Written {
  readonly writers?: readonly string[];
}

type Change<Value> = (value: Value | undefined) => Value | undefined;

/**
 * Whoever carried out the request may have died before the rest of it was done. Where its change still stands, the rest is done now.
 */
function isAsWanted<Value>(value: Value | undefined, change: Change<Value>): boolean {
  try {
    return change(value) === value;
  } catch (error) {
    if (error instanceof StanzaError) return false;
    throw error;
  }
}

/** A stanza that changes rows: an iq of type `set`, or a change of a subscription. */
export class Writer {
  readonly id: string;
  readonly #sid: string;
  /** Rows that this request has written. Others may have written them since. */
  readonly #signed = new Set<string>();

  /** @param id minted at ingress */
  constructor(sid: string, id: string) {
    this.#sid = sid;
    this.id = id;
  }

  /**
   * Changes a row and notes this request as its last writer.
   * @param row the name of the row
   * @param write writes the row with the change that it is given
   * @throws {Superseded}
   */
  async sign<Value>(
    row: string,
    change: Change<Value>,
    write: (change: Change<Value>) => Promise<Value | undefined>,
  ): Promise<Value | undefined> {
    const isFirst = !this.#signed.has(row);
    let isChanged = false;
    const written = await write((value) => {
      const { writers = [] } = (value ?? {}) as Written;
      if (isFirst && this.#isSuperseded(writers)) {
        if (!isAsWanted(value, change)) throw new Superseded();
        isChanged = false;
        return value;
      }
      const next = change(value);
      isChanged = next !== value;
      return next === value || next === undefined ? next : { ...next, writers: this.#among(writers) };
    });
    // What was left as it is may be changed by a newer request before this one tries again.
    if (isChanged) this.#signed.add(row);
    return written;
  }

  #isSuperseded(writers: readonly string[]): boolean {
    return writers.some((text, index) => {
      const id = this.#ownId(text);
      return id !== undefined && (isMintedBefore(this.id, id) || (id === this.id && index > 0));
    });
  }

  /** Puts this request in front. Of the requests of one session through one node, only the last is remembered. */
  #among(writers: readonly string[]): readonly string[] {
    const others = writers.filter((text) => {
      const id = this.#ownId(text);
      return id === undefined || (id !== this.id && !isMintedBefore(id, this.id));
    });
    return [`${this.#sid} ${this.id}`, ...others].slice(0, routerLimits.rowWritersMax);
  }

  /** @returns the id of a request of this session, or undefined for another session */
  #ownId(text: string): string | undefined {
    return text.startsWith(`${this.#sid} `) ? text.slice(this.#sid.length + 1) : undefined;
  }
}
