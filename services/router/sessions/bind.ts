/** Resource binding (RFC 6120 §7) and the end of a session. */
import { ask } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { type ParkedRow, readParked, removeParked } from '../../../lib/runtime/parked.ts';
import { readMark } from '../../../lib/runtime/resync.ts';
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
import { findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { resultWith } from '../core/replies.ts';
import { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';
import { broadcast, tellLater } from '../presence/presence-broadcast.ts';
import { isVisible } from '../presence/shown-presence.ts';
import { bounceUnanswered } from './unanswered.ts';

const bindNs = 'urn:ietf:params:xml:ns:xmpp-bind';

/**
 * Writes the session, then answers. A session that holds the resource already is ended with `conflict` (§7.7.2.2: the newer wins,
 * because the older is usually a lost connection of the same device).
 */
export async function bind(
  dependencies: Dependencies,
  tenant: Tenant,
  { local, incarnation }: { readonly local: string; readonly incarnation: string | undefined },
  address: SessionAddress,
  iq: Stanza,
): Promise<{ jid: Jid; reply: Buffer }> {
  const request = iq.type === 'set' ? iq.child('bind', bindNs) : undefined;
  if (!request) throw new StanzaError('not-allowed', 'bind a resource first');
  const wanted = request.getChildText('resource')?.trim() ?? '';
  const jid = Jid.of(local, tenant.domain, wanted || dependencies.clock.randomBytes(6).toString('base64url'));
  const owner: Owner = { domain: tenant.domain, local };
  const marking = markHeld(dependencies.store, address, owner);
  if (dependencies.store.keepsOrder !== true) await marking; // else both go in one commit
  const [replaced] = await Promise.all([writeEntry(dependencies, owner, address, jid.resource), marking]);
  const account = await findAccount(dependencies.store, tenant.domain, local);
  if (!account || account.incarnation !== incarnation) {
    // removed since it signed in: whoever removes it after this look finds the session written above
    await endSession(dependencies, tenant, local, address);
    throw new StreamError('not-authorized', 'the account was removed');
  }
  if (replaced) await replace(dependencies, tenant, local, address, replaced);
  const reply = resultWith(iq, {}, xml('bind', { xmlns: bindNs }, xml('jid', {}, jid.toString())));
  return { jid, reply: Buffer.from(reply.toString()) };
}

/** @returns the session that held the resource. The new one inherits its presence until it is known whether that has ended. */
async function writeEntry(
  dependencies: Dependencies,
  owner: Owner,
  { node, sid }: SessionAddress,
  resource: string,
): Promise<SessionEntry | undefined> {
  let replaced: SessionEntry | undefined;
  const fresh: SessionEntry = { node, sid, resource, boundAt: dependencies.clock.now(), available: false, priority: 0 };
  await updateSessions(dependencies.store, owner, (sessions) => {
    replaced = undefined;
    // The same batch once more, or late: what the session has said since must not be forgotten.
    if (sessions.some((other) => other.sid === sid && other.node === node && other.resource === resource)) return sessions;
    replaced = sessions.find((other) => other.resource === resource && other.sid !== sid);
    const others = sessions.filter((other) => other.resource !== resource && other.sid !== sid);
    if (others.length >= routerLimits.sessionsPerAccountMax) {
      throw new StanzaError('resource-constraint', `${routerLimits.sessionsPerAccountMax} resources are bound`);
    }
    const inherited = replaced?.available ? { sid: replaced.sid } : replaced?.inherited;
    return [...others, inherited ? { ...fresh, inherited } : fresh];
  });
  return replaced;
}

/**
 * Of a session that is parked, or whose node is gone, nobody has heard that it ended, and nobody needs to: the presence of the one that
 * takes its place comes next. Only those that the client must show itself to again, such as rooms, are told.
 */
async function replace(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  address: SessionAddress,
  old: SessionEntry,
): Promise<void> {
  const { store } = dependencies;
  const owner: Owner = { domain: tenant.domain, local };
  const account = new Account(new Turn(dependencies), tenant, local);
  const { resource } = old;
  if (isParked(old)) {
    const row = await readParked(store, owner, old.sid);
    await requeueParked(account, old, row);
    await removeParked(store, owner, old.sid);
    await bounceParked(account, row);
    await sayGoodbye(dependencies, tenant, local, { ...old, available: false, inherited: undefined });
    return;
  }
  const left = await closeStream(dependencies, old, 'conflict', 'another session bound this resource');
  if (left === undefined) {
    await requeue(account, { resource, missed: await readMark(store, old), isUnknown: true });
    await sayGoodbye(dependencies, tenant, local, { ...old, available: false, inherited: undefined });
    return;
  }
  await requeue(account, { resource, undelivered: left.undelivered });
  await bounceUnanswered(account, left.unanswered);
  await updateSession(store, owner, address.sid, (entry) => (entry.inherited ? { ...entry, inherited: undefined } : entry));
  await sayGoodbye(dependencies, tenant, local, old);
}

/** A parked session is over. @param row what its node knew of it; absent: its node died, and was cleaned up after */
export async function requeueParked(
  account: Account,
  { resource }: SessionEntry,
  row: Item<ParkedRow> | undefined,
): Promise<void> {
  if (!row) return;
  const { unacked, pending, missed } = row.value.parcel;
  await requeue(account, { resource, undelivered: [...unacked, ...pending].flatMap(({ id }) => id ?? []), missed });
}

/** It is sure that nobody resumes it. */
export async function bounceParked(account: Account, row: Item<ParkedRow> | undefined): Promise<void> {
  await bounceUnanswered(account, row?.value.bodies.map((text) => Buffer.from(text)) ?? []);
}

/** What the client of a session that was closed has not acknowledged: archive entries, requests. */
interface Left {
  readonly undelivered: readonly string[];
  readonly unanswered: readonly Buffer[];
}

/**
 * Tells the node that holds the session to end its stream. A node that does not answer is gone, and the stream with it.
 * @returns undefined when nobody answered
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
    dependencies.log.info({ err: error, node }, 'the node of a session to be closed did not answer');
    return undefined;
  }
}

/**
 * The session is over: its entry goes first, then those who knew of it are told. Does nothing when it is gone already, or has moved
 * to another node, which the one that asks does not know of.
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

/** The client of `heir` has taken the place of a session that is over now, and has not shown itself. */
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
  for (const feature of dependencies.features.all) await feature.ended?.(account, entry);
  await turn.finish();
  if (!isParked(entry)) await unmarkHeld(dependencies.store, entry);
  if (entry.available || entry.inherited) await showHeir(dependencies, tenant, local, entry);
}

/** Whoever has taken the resource meanwhile may have shown itself before the other's end arrived. */
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
