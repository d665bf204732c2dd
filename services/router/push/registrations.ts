/**
 * Where an account's clients want to be woken (XEP-0357): a row for each app server and node.
 *
 *     <domain>/a/<local>  push/<key>                 the registration, and what it has been sent
 *     #push-due-<number>  pushDue/<time> <key> …     a push that had to wait; a router sends it when the time has come
 *
 * The account's own row counts how often a client has registered, so a message to an account without registrations looks for none.
 */
import { createHash } from 'node:crypto';
import { collection } from '../../../lib/runtime/collection.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import type { Owner } from '../../../lib/runtime/sessions.ts';
import { type Listed, TimeLists } from '../../../lib/runtime/time-lists.ts';
import { update } from '../../../lib/runtime/update.ts';
import type { Account } from '../core/account.ts';
import { type AccountRow, accounts } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Turns } from '../core/feature.ts';
import { routerLimits } from '../limits.ts';
import type { LastMessage } from './last-message.ts';

export interface Registration {
  /** The app server. */
  readonly jid: string;
  readonly node?: string | undefined;
  /** The form of publish-options (§6), as the client has sent it. */
  readonly options?: string | undefined;
  /** The resource of the session that has registered: nobody is woken who is there. */
  readonly resource: string;
  /** The session itself, or a later one of that resource. While it is there, its node says whether the client hears. */
  readonly sid: string;
  /** What has rung since the client was there last. */
  readonly messages: number;
  readonly requests: number;
  /** The last of these messages, as far as the tenant's policy lets app servers know. */
  readonly last?: LastMessage | undefined;
  /** When something has rung last, ms by the deployment's clock. */
  readonly rungMs?: number | undefined;
  /** Nothing is sent before this time, ms since the epoch. */
  readonly nextMs?: number | undefined;
  /** When something is to be sent that had to wait, ms since the epoch. */
  readonly dueMs?: number | undefined;
  /** Errors in a row. */
  readonly errors?: number | undefined;
}

export const registrations = collection<Registration>('push', 'account');
const dues = new TimeLists(collection<Due>('pushDue', 'deployment', 'live'), 'push-due', routerLimits.pushDueLists);

type WithStore = Pick<Dependencies, 'store'>;

export interface Due {
  readonly owner: Owner;
  /** A registration's; with {@link unheard}, a session's. */
  readonly key: string;
  /** No push: rooms are to be told that the node of the session has died. */
  readonly unheard?: UnheardInRooms | undefined;
}

export interface UnheardInRooms {
  readonly resource: string;
  /** The session's addresses in these rooms. */
  readonly places: readonly string[];
  /** What they have sent since, ms by the deployment's clock. */
  readonly sinceMs: number;
}

export function registrationKey(jid: string, node: string | undefined): string {
  return createHash('sha256')
    .update(`${jid} ${node ?? ''}`)
    .digest('base64url')
    .slice(0, registrationKeyLength);
}

export const registrationKeyLength = 22;

export function listRegistrations(account: Account): Promise<Item<Registration>[]> {
  return account.list(registrations, { limit: 2 * routerLimits.pushRegistrationsMax });
}

/** Says that the account has registrations. Call it when the registration has been written. */
export async function noteRegistration({ rows }: Account): Promise<void> {
  await update(rows, accounts, '', (row) => row && { ...row, pushes: (row.pushes ?? 0) + 1 });
}

/** Says that it has none, unless one has come since the row was read. */
export async function noteNoRegistrations({ rows }: Account, { pushes }: AccountRow): Promise<void> {
  await update(rows, accounts, '', (row) => (row === undefined || row.pushes !== pushes ? row : { ...row, pushes: undefined }));
}

function dueId({ owner, key }: Due): string {
  return `${createHash('sha256').update(`${owner.local}@${owner.domain}`).digest('base64url')} ${key}`;
}

/** Names a push that waits, in case this router dies before it sends it. */
export async function putDue({ store }: WithStore, ms: number, { owner: { domain, local }, key, unheard }: Due): Promise<void> {
  const due: Due = { owner: { domain, local }, key, unheard };
  await store.batchPut([dues.put(store, ms, dueId(due), due)]);
}

export async function removeDue({ store }: WithStore, ms: number, due: Due): Promise<void> {
  await dues.remove(store, ms, dueId(due));
}

/** Those that should have been sent before this time, in order of time. @param turn which of the lists are read */
export function listDue({ store }: WithStore, beforeMs: number, turn: Turns): Promise<readonly Listed<Due>[]> {
  return dues.before(store, beforeMs, routerLimits.pushDueMax, turn(dues.names));
}

export async function removeListedDue({ store }: WithStore, listed: Listed<Due>): Promise<void> {
  await dues.removeListed(store, listed);
}
