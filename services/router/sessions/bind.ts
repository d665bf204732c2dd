/** How a session begins with resource binding (RFC 6120 §7), and how it ends. */
import { ask } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { type ParkedRow, readParked, removeParked } from '../../../lib/runtime/parked.ts';
import { leaveMark, readMark } from '../../../lib/runtime/resync.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import {
  isParked,
  markHeld,
  type Owner,
  readSessions,
  type SessionEntry,
  unmarkHeld,
  updateSession,
  updateSessions,
} from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { type CloseRequest, closeAnswer, nowhere, type SessionAddress } from '../../../lib/runtime/wire.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { StanzaError, StreamError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { requeue } from '../archive/cursor.ts';
import { Account } from '../core/account.ts';
import { type AccountRow, findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { resultWith } from '../core/replies.ts';
import { sessionPart } from '../core/session-part.ts';
import { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';
import { broadcast, tellLater } from '../presence/presence-broadcast.ts';
import { isVisible } from '../presence/shown-presence.ts';
import { bounceUnanswered } from './unanswered.ts';

const bindNs = 'urn:ietf:params:xml:ns:xmpp-bind';

/** Who binds. */
export interface Binder {
  readonly local: string;
  /** {@link AccountRow.incarnation} */
  readonly incarnation: string | undefined;
  /** {@link SessionState.client} */
  readonly client: string | undefined;
}

/** {@link SessionState.client} of a session. */
export const clientOf = sessionPart<string>('client');

/**
 * The sids of the sessions in whose place it is, joined by spaces. Their node may not have heard that they had begun, and try once more to begin
 * them.
 */
const insteadOf = sessionPart<string>('insteadOf');

/** RFC 6120 §7: answers the request of a client that has signed in. */
export async function bind(
  dependencies: Dependencies,
  tenant: Tenant,
  binder: Binder,
  address: SessionAddress,
  iq: Stanza,
): Promise<{ jid: Jid; reply: Buffer; row: AccountRow }> {
  const request = iq.type === 'set' ? iq.child('bind', bindNs) : undefined;
  if (!request) throw new StanzaError('not-allowed', 'bind a resource first');
  const wanted = request.getChildText('resource')?.trim() ?? '';
  const jid = Jid.of(binder.local, tenant.domain, wanted || dependencies.clock.randomBytes(6).toString('base64url'));
  const row = await bindResource(dependencies, tenant, binder, address, jid);
  const reply = resultWith(iq, {}, xml('bind', { xmlns: bindNs }, xml('jid', {}, jid.toString())));
  return { jid, reply: Buffer.from(reply.toString()), row };
}

/** The session is there, for the features. */
export async function tellBegun(account: Account, row: AccountRow): Promise<void> {
  for (const begun of account.turn.dependencies.features.of('begun')) await begun(account, row);
}

export interface BindOptions {
  /** Adds to the entry of the new session what the client has asked for. */
  readonly begin?: (entry: SessionEntry) => SessionEntry;
  /** Says of another session whether it is an older one of the same client, which ends. */
  readonly isSameClient?: ((other: SessionEntry) => boolean) | undefined;
}

/**
 * Writes the session. If another session has the resource, it is ended with `conflict`. The newer session wins (§7.7.2.2),
 * because the older one usually is a lost connection of the same device.
 * @returns the account
 * @throws {StanzaError} resource-constraint. @throws {StreamError} if the account is not there any more, or the session was replaced already
 */
export async function bindResource(
  dependencies: Dependencies,
  tenant: Tenant,
  { local, incarnation, client }: Binder,
  address: SessionAddress,
  { resource }: Jid,
  { begin = (entry) => entry, isSameClient }: BindOptions = {},
): Promise<AccountRow> {
  const options: BindOptions = { isSameClient, begin: (fresh) => clientOf.with(begin(fresh), client) };
  const owner: Owner = { domain: tenant.domain, local };
  const marking = markHeld(dependencies.store, address, owner);
  if (dependencies.store.keepsOrder !== true) await marking; // otherwise both rows are written in one commit
  const [replaced] = await Promise.all([writeEntry(dependencies, owner, address, resource, options), marking]);
  const account = await findAccount(dependencies.store, tenant.domain, local);
  if (!account || account.incarnation !== incarnation || account.isDisabled) {
    // The account was removed or disabled after it signed in. What begins after this read finds the session that was written above.
    await endSession(dependencies, tenant, local, address);
    throw new StreamError('not-authorized', account?.isDisabled ? 'the account is disabled' : 'the account was removed');
  }
  for (const old of replaced) await replace(dependencies, tenant, local, { ...address, resource }, old);
  return account;
}

/**
 * Writes the entry of the new session.
 * @returns the sessions that end: the one that had the resource, whose presence the new one inherits until it is known whether it
 *   has ended, and older ones of the same client
 */
async function writeEntry(
  dependencies: Dependencies,
  owner: Owner,
  { node, sid }: SessionAddress,
  resource: string,
  { begin = (entry) => entry, isSameClient = () => false }: BindOptions,
): Promise<readonly SessionEntry[]> {
  let replaced: readonly SessionEntry[] = [];
  const fresh: SessionEntry = { node, sid, resource, boundAt: dependencies.clock.now(), available: false, priority: 0 };
  await updateSessions(dependencies.store, owner, (sessions) => {
    replaced = [];
    // This is a retry of the batch, perhaps a late one. What the session has done since must not be undone.
    if (sessions.some((other) => other.sid === sid && other.node === node && other.resource === resource)) return sessions;
    const others = sessions.filter((other) => other.sid !== sid);
    if (others.some((other) => insteadOf.of(other)?.split(' ').includes(sid)))
      throw new StreamError('conflict', 'a newer session has taken the place of this one');
    replaced = others.filter((other) => other.resource === resource || isSameClient(other));
    const kept = others.filter((other) => !replaced.includes(other));
    if (kept.length >= routerLimits.sessionsPerAccountMax) {
      throw new StanzaError(
        'resource-constraint',
        `an account may have at most ${routerLimits.sessionsPerAccountMax} sessions at once`,
      );
    }
    const before = replaced.find((other) => other.resource === resource);
    const inherited = before?.available ? { sid: before.sid } : before?.inherited;
    const gone = replaced.flatMap((other) => [...(insteadOf.of(other)?.split(' ') ?? []), other.sid]);
    const entry = begin(inherited ? { ...fresh, inherited } : fresh);
    return [...kept, gone.length === 0 ? entry : insteadOf.with(entry, gone.slice(-routerLimits.replacedSessionsMax).join(' '))];
  });
  return replaced;
}

/**
 * Ends a session in whose place a new one is. If both have one resource, and the old one is parked or its node has died, contacts
 * have not noticed anything and need not: the presence of the new session follows. Only addresses that the client must show
 * itself to again, such as rooms, are told.
 */
async function replace(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  heir: SessionAddress & { readonly resource: string },
  old: SessionEntry,
): Promise<void> {
  const { store } = dependencies;
  const owner: Owner = { domain: tenant.domain, local };
  const account = new Account(new Turn(dependencies), tenant, local);
  const { resource } = old;
  const isHeir = resource === heir.resource;
  const unnoticed: SessionEntry = isHeir ? { ...old, available: false, inherited: undefined } : old;
  if (isParked(old)) {
    const row = await readParked(store, owner, old.sid);
    await requeueParked(account, old, row);
    await removeParked(store, owner, old.sid);
    await bounceParked(account, row);
    await sayGoodbye(dependencies, tenant, local, unnoticed);
    return;
  }
  const left = await closeStream(dependencies, old, 'conflict', 'a newer session has taken the place of this one');
  if (left === undefined) {
    await requeue(account, { resource, missed: await readMark(store, old), isUnknown: true });
    await sayGoodbye(dependencies, tenant, local, unnoticed);
    return;
  }
  await requeue(account, { resource, undelivered: left.undelivered });
  await bounceUnanswered(account, left.unanswered);
  if (isHeir)
    await updateSession(store, owner, heir.sid, (entry) => (entry.inherited ? { ...entry, inherited: undefined } : entry));
  await sayGoodbye(dependencies, tenant, local, old);
}

/**
 * Queues again what a parked session did not get.
 * @param row what its node wrote when it parked the session; absent if the node died
 */
export async function requeueParked(
  account: Account,
  { resource }: SessionEntry,
  row: Item<ParkedRow> | undefined,
): Promise<void> {
  if (!row) return;
  const { unacked, pending, missed } = row.value.parcel;
  await requeue(account, { resource, undelivered: [...unacked, ...pending].flatMap(({ id }) => id ?? []), missed });
}

/**
 * Answers requests that the client of a parked session has not answered. Call it only when nobody can resume the session any
 * more.
 */
export async function bounceParked(account: Account, row: Item<ParkedRow> | undefined): Promise<void> {
  await bounceUnanswered(account, row?.value.bodies.map((text) => Buffer.from(text)) ?? []);
}

/** What the client of a closed session has not acknowledged: archive entries and requests. */
interface Left {
  readonly undelivered: readonly string[];
  readonly unanswered: readonly Buffer[];
}

/**
 * Tells the node that holds the session to end its stream. A node that does not answer has died, and so has the stream; or it did not hear, and
 * looks at the session again when it finds the mark (lib/runtime/resync.ts).
 * @returns undefined if the node did not answer
 */
export async function closeStream(
  dependencies: Dependencies,
  { node, sid }: SessionAddress,
  condition: string,
  text: string,
): Promise<Left | undefined> {
  if (node === nowhere) return undefined;
  const request: CloseRequest = { kind: 'close', sid, condition, text };
  try {
    const answer = await ask(dependencies.bus, closeAnswer, node, encodeFrame(request), runtimeLimits.deliveryTimeoutMs);
    return { undelivered: answer.take('undelivered'), unanswered: answer.bodies };
  } catch (error) {
    dependencies.log.info({ err: error, node }, 'a node did not answer a request to close a session');
    await leaveMark(dependencies.store, { node, sid }, dependencies.ids.mint());
    return undefined;
  }
}

/**
 * Ends a session: first its entry is removed, and then everybody who saw it is told. Does nothing if the session has ended
 * already, or has moved to another node without the caller's knowledge.
 */
export async function endSession(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  address: SessionAddress,
): Promise<void> {
  let ended: SessionEntry | undefined;
  await updateSessions(dependencies.store, { domain: tenant.domain, local }, (sessions) => {
    ended = sessions.find(({ sid, node }) => sid === address.sid && node === address.node);
    return ended ? sessions.filter((entry) => entry !== ended) : sessions;
  });
  if (ended) await sayGoodbye(dependencies, tenant, local, ended);
  else if (address.node !== nowhere) await unmarkHeld(dependencies.store, address);
}

/**
 * Ends the presence that `heir` has inherited, because the old session has ended and the new one has not sent presence of its
 * own.
 */
export async function disinherit(dependencies: Dependencies, tenant: Tenant, local: string, heir: SessionEntry): Promise<void> {
  let isDone = false;
  await updateSession(dependencies.store, { domain: tenant.domain, local }, heir.sid, (entry) => {
    isDone = entry.inherited?.sid === heir.inherited?.sid;
    return isDone ? { ...entry, inherited: undefined } : entry;
  });
  if (isDone) await sayGoodbye(dependencies, tenant, local, { ...heir, node: nowhere, directed: undefined });
}

async function sayGoodbye(dependencies: Dependencies, tenant: Tenant, local: string, entry: SessionEntry): Promise<void> {
  const turn = new Turn(dependencies);
  const account = new Account(turn, tenant, local);
  for (const ended of dependencies.features.of('ended')) await ended(account, entry);
  await turn.finish();
  if (!isParked(entry)) await unmarkHeld(dependencies.store, entry);
  if (entry.available || entry.inherited) await showHeir(dependencies, tenant, local, entry);
}

/**
 * Broadcasts the presence of a session that has taken the resource, because the end of the old session may have arrived after it.
 */
async function showHeir(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  { sid, resource }: SessionEntry,
): Promise<void> {
  const turn = new Turn(dependencies);
  const account = new Account(turn, tenant, local);
  const [own] = await readSessions(dependencies.store, [account]);
  const heir = own!.find((entry) => entry.resource === resource && entry.sid !== sid && isVisible(entry));
  if (!heir) return;
  const from = account.jid.withResource(resource);
  await broadcast(account, { from, bytes: Buffer.from(heir.presence!), id: dependencies.ids.mint(), own: own! });
  tellLater(account, heir);
  await turn.finish();
}
