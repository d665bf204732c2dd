/**
 * Who has written a row of late, kept in the row: a request may be carried out twice, by two routers, when its answer got lost or the bus
 * brought it twice, and the second time the session may have gone on, or another one of the account. By then the row names what came
 * after it. (What was carried out late for the first time is held off by the clock: lib/runtime/deadline-store.ts.)
 *
 *     {"xml":"<vCard …","writers":["<sid> <ingress id of the stanza>", …]}   the last one first
 */
import { isMintedBefore } from '../../../lib/runtime/ids.ts';
import { routerLimits } from '../limits.ts';
import { Dropped } from './dropped.ts';

/** It was carried out before, and others came after it: it changes nothing any more, and an iq is answered as it was then. */
export class Superseded extends Dropped {
  override name = 'Superseded';
}

interface Written {
  readonly writers?: readonly string[];
}

type Change<Value> = (value: Value | undefined) => Value | undefined;

/** A stanza of a session: a set, or a change of subscription. */
export class Writer {
  readonly id: string;
  readonly #sid: string;
  /** Rows that this run of it has written: others may have written them since. */
  readonly #signed = new Set<string>();

  /** @param id minted at ingress */
  constructor(sid: string, id: string) {
    this.#sid = sid;
    this.id = id;
  }

  /**
   * @param row names it
   * @param write changes it with what it is given
   * @throws {Superseded}
   */
  async sign<Value>(
    row: string,
    change: Change<Value>,
    write: (change: Change<Value>) => Promise<Value | undefined>,
  ): Promise<Value | undefined> {
    const isFirst = !this.#signed.has(row);
    const written = await write((value) => {
      const { writers = [] } = (value ?? {}) as Written;
      if (isFirst && this.#isSuperseded(writers)) throw new Superseded();
      const next = change(value);
      return next === value || next === undefined ? next : { ...next, writers: this.#among(writers) };
    });
    this.#signed.add(row);
    return written;
  }

  #isSuperseded(writers: readonly string[]): boolean {
    return writers.some((text, index) => {
      const id = this.#ownId(text);
      return id !== undefined && (isMintedBefore(this.id, id) || (id === this.id && index > 0));
    });
  }

  /** Of what one session has sent through one node the last is enough. */
  #among(writers: readonly string[]): readonly string[] {
    const others = writers.filter((text) => {
      const id = this.#ownId(text);
      return id === undefined || (id !== this.id && !isMintedBefore(id, this.id));
    });
    return [`${this.#sid} ${this.id}`, ...others].slice(0, routerLimits.rowWritersMax);
  }

  /** undefined: of another session. */
  #ownId(text: string): string | undefined {
    return text.startsWith(`${this.#sid} `) ? text.slice(this.#sid.length + 1) : undefined;
  }
}
