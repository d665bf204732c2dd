/**
 * The rows that stages look at, for a run of messages of one session: rows of its account, and of the accounts of the same
 * tenant that the messages go to. They are read together before the first message is handled. Messages change none of these rows,
 * so this is as good as reading them for each message.
 */
import type { Key } from '../../../lib/ports/store.ts';
import { rowValue } from '../../../lib/runtime/row-values.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import type { Owner } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from './dependencies.ts';

type Direction = 'outbound' | 'inbound';

export class Prefetched {
  readonly #domain: string;
  readonly #values: readonly unknown[];
  /** The index of the first value of an account, by {@link idOf}. */
  readonly #starts: ReadonlyMap<string, number>;

  private constructor(domain: string, values: readonly unknown[], starts: ReadonlyMap<string, number>) {
    this.#domain = domain;
    this.#values = values;
    this.#starts = starts;
  }

  static async read(
    { store, features }: Dependencies,
    tenant: Tenant,
    sender: string,
    messages: readonly Stanza[],
  ): Promise<Prefetched> {
    const keys: Key[] = [];
    const starts = new Map<string, number>();
    const ask = (direction: Direction, local: string): void => {
      const id = idOf(direction, local);
      if (starts.has(id)) return;
      starts.set(id, keys.length);
      keys.push(...Rows.ofAccount(store, tenant.domain, local).keysOf(features[direction].reads));
    };
    ask('outbound', sender);
    for (const message of messages) {
      try {
        const { local, domain } = message.to ?? { local: sender, domain: tenant.domain };
        if (local !== '' && domain === tenant.domain) ask('inbound', local);
      } catch (error) {
        if (!(error instanceof StanzaError)) throw error; // the address is malformed: the message is refused when its turn comes
      }
    }
    const rows = await store.batchGet(keys, { consistent: true });
    return new Prefetched(
      tenant.domain,
      rows.map((row) => row && rowValue(row)),
      starts,
    );
  }

  /** The values of the `reads` of this direction, in their order. @returns undefined if the account's rows were not read */
  of({ domain, local }: Owner, direction: Direction): readonly unknown[] | undefined {
    const start = domain === this.#domain ? this.#starts.get(idOf(direction, local)) : undefined;
    return start === undefined ? undefined : this.#values.slice(start);
  }
}

function idOf(direction: Direction, local: string): string {
  return `${direction} ${local}`;
}
