/**
 * The rows that stages look at, for a run of messages of one session: rows of its account, and of the accounts of the same
 * tenant that the messages go to; or those of the latter alone, for messages that arrive. They are read together before the first
 * message is handled. Messages change none of these rows, so this is as good as reading them for each message.
 */
import type { Key, Row } from '../../../lib/ports/store.ts';
import { rowValue } from '../../../lib/runtime/row-values.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import type { Owner } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from './dependencies.ts';

type Direction = 'outbound' | 'inbound';

/** The rows of one account in one direction. */
interface Part {
  readonly rows: Rows;
  /** The index of the first of its values. */
  readonly start: number;
}

export class Prefetched {
  readonly values: readonly unknown[];
  readonly #domain: string;
  /** Absent: the messages arrive. */
  readonly #sender: string | undefined;
  readonly #outbound: Part | undefined;
  /** By the local part of the account. */
  readonly #inbound: ReadonlyMap<string, Part>;

  private constructor(
    domain: string,
    sender: string | undefined,
    outbound: Part | undefined,
    inbound: ReadonlyMap<string, Part>,
    values: unknown[],
  ) {
    this.#domain = domain;
    this.#sender = sender;
    this.#outbound = outbound;
    this.#inbound = inbound;
    this.values = values;
  }

  /** @param sender absent: the messages arrive */
  static read(
    { store, features }: Dependencies,
    { domain }: Tenant,
    sender: string | undefined,
    messages: readonly { readonly stanza: Stanza }[],
  ): Promise<Prefetched> {
    const keys: Key[] = [];
    const ask = (direction: Direction, rows: Rows): Part => {
      const start = keys.length;
      for (const collection of features[direction].reads) keys.push(rows.keyOf(collection, ''));
      return { rows, start };
    };
    const outbound = sender === undefined ? undefined : ask('outbound', Rows.ofAccount(store, domain, sender));
    const inbound = new Map<string, Part>();
    for (const { stanza } of messages) {
      const local = recipientOf(stanza, domain, sender);
      if (local === undefined || inbound.has(local)) continue;
      inbound.set(local, ask('inbound', (local === sender && outbound?.rows) || Rows.ofAccount(store, domain, local)));
    }
    return store
      .batchGet(keys, { consistent: true })
      .then((rows) => new Prefetched(domain, sender, outbound, inbound, rows.map(parsed)));
  }

  /** Where the values of the `reads` of this direction begin among {@link values}. @returns undefined if they were not read */
  startOf({ domain, local }: Owner, direction: Direction): number | undefined {
    if (domain !== this.#domain) return undefined;
    if (direction === 'inbound') return this.#inbound.get(local)?.start;
    return local === this.#sender ? this.#outbound?.start : undefined;
  }

  /** The rows of an account, if some of them were read. */
  rowsOf(domain: string, local: string): Rows | undefined {
    if (domain !== this.#domain) return undefined;
    return (local === this.#sender ? this.#outbound?.rows : undefined) ?? this.#inbound.get(local)?.rows;
  }
}

/** The local part of the account of this tenant that the message goes to. */
function recipientOf(message: Stanza, tenant: string, sender: string | undefined): string | undefined {
  try {
    const { to } = message;
    if (to === undefined) return sender;
    return to.local !== '' && to.domain === tenant ? to.local : undefined;
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error; // the address is malformed: the message is refused when its turn comes
    return undefined;
  }
}

function parsed(row: Row | undefined): unknown {
  return row && rowValue(row);
}
