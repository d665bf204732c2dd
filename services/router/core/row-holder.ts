/**
 * Whoever has rows of its own in a turn: an account, or a node of the tenant's pubsub service. It knows its tenant, and no method takes one
 * as an argument, so a feature cannot reach another tenant's rows.
 */
import type { RowText } from '../../../lib/ports/store.ts';
import type { Collection } from '../../../lib/runtime/collection.ts';
import type { Item, ListOptions, Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { OnRefusal, Turn } from './turn.ts';

export abstract class RowHolder {
  readonly turn: Turn;
  readonly tenant: Tenant;
  readonly domain: string;
  /** The address that it speaks for: the account's bare JID, or that of the service. */
  readonly jid: Jid;
  readonly rows: Rows;

  constructor(turn: Turn, tenant: Tenant, jid: Jid, rows: Rows) {
    this.turn = turn;
    this.tenant = tenant;
    this.domain = tenant.domain;
    this.jid = jid;
    this.rows = rows;
  }

  /** Reads a row as the store has it: what this turn has queued is not in it yet. */
  async get<Value>(collection: Collection<Value>, key = ''): Promise<Value | undefined> {
    return (await this.rows.get(collection, key))?.value;
  }

  list<Value>(collection: Collection<Value>, options: ListOptions): Promise<Item<Value>[]> {
    return this.rows.list(collection, options);
  }

  /** Queues a row, which is written when the turn commits. */
  put<Value>(collection: Collection<Value>, key: string, value: Value, expiresAtMs?: number, text?: RowText): void {
    this.turn.put(this.rows.row(collection, key, value, expiresAtMs, text));
  }

  /** Queues the deletion of a row. */
  delete(collection: Collection<unknown>, key = ''): void {
    this.turn.delete(this.rows.keyOf(collection, key));
  }

  /**
   * Changes a row at once, with compare and swap ({@link update}). Use it for rows that several sessions may change.
   * @throws {Superseded} when this request was carried out before, and other requests have changed the row since
   */
  update<Value>(collection: Collection<Value>, key: string, change: (value: Value | undefined) => Value | undefined) {
    const { by } = this.turn;
    const write = (checked: typeof change) => update(this.rows, collection, key, checked);
    return by === undefined ? write(change) : by.sign(`${this.rows.partition} ${collection.name}/${key}`, change, write);
  }

  /** {@link Turn.post}. The stanza does not pass outbound guards. */
  post(stanza: Stanza | Buffer, id: string, onRefusal?: OnRefusal): void {
    this.turn.post(this.tenant, stanza, id, onRefusal);
  }
}
