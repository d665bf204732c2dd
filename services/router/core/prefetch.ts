/**
 * What the stages look at for a run of messages of one session: rows of its account, and of those of the same tenant that the messages
 * go to, by one read before the first. Messages change none of them, so that this is as good as a read for each.
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
  /** By {@link idOf}: where among the values those of the features' reads begin. */
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
      const wanted = Rows.ofAccount(store, tenant.domain, local).keysOf(features.reads(direction));
      starts.set(id, keys.length);
      keys.push(...wanted);
    };
    ask('outbound', sender);
    for (const message of messages) {
      try {
        const { local, domain } = message.to ?? { local: sender, domain: tenant.domain };
        if (local !== '' && domain === tenant.domain) ask('inbound', local);
      } catch (error) {
        if (!(error instanceof StanzaError)) throw error; // no address, or too long a one: the message is refused when its turn comes
      }
    }
    const rows = await store.batchGet(keys, { consistent: true });
    return new Prefetched(
      tenant.domain,
      rows.map((row) => row && rowValue(row)),
      starts,
    );
  }

  /** The values of the features' reads, in order; undefined: they were not read. */
  of({ domain, local }: Owner, direction: Direction): readonly unknown[] | undefined {
    const start = domain === this.#domain ? this.#starts.get(idOf(direction, local)) : undefined;
    return start === undefined ? undefined : this.#values.slice(start);
  }
}

function idOf(direction: Direction, local: string): string {
  return `${direction} ${local}`;
}
