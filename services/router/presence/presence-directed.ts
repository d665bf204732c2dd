/**
 * Directed presence (RFC 6121 §4.6): a session shows itself to somebody who is not subscribed, such as a room. The addresses are
 * kept in the session's entry, because they must learn when the session ends.
 */
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { roomsDomain } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza, spliceTo } from '../../../lib/xmpp/stanza.ts';
import { Account } from '../core/account.ts';
import { amendDirected, forgedFrom } from '../core/amend.ts';
import { type Blocklist, blocklist, hidesIn, isBlocked, isNeverBlocked } from '../core/blocklist.ts';
import { runGuards } from '../core/guard.ts';
import { tellHides } from '../core/hand-over.ts';
import { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';
import { listContacts } from '../roster/roster.ts';
import { hasFrom } from '../roster/subscription-state.ts';
import { changeEntry } from './presence-entry.ts';
import { isVisible, unavailableFrom } from './shown-presence.ts';

/** Sends presence of a session to an address; also probes and errors. @throws {StanzaError} */
export async function sendDirected(account: Account, stanza: Stanza, id: string): Promise<void> {
  const to = stanza.to!;
  await runGuards('outbound', stanza, account);
  const isRoom = (await account.hosted(to.domain)) === 'rooms';
  const known = isRoom ? hidesIn(account.prefetched(blocklist), to) : undefined;
  account.turn.hides = known;
  const shown = stanza.type === undefined ? await changeEntry(account, (entry) => remember(entry, to, isRoom)) : undefined;
  if (stanza.type === 'unavailable' || stanza.type === 'error') await changeEntry(account, (entry) => forget(entry, to));
  const attributes = { ...stanza.attributes, from: account.fullJid.toString(), to: to.toString() };
  const sealed = shown
    ? await amendDirected(stanza, account, shown.after, attributes)
    : Stanza.parse(stanza.render(attributes, { drop: forgedFrom(account, stanza) }));
  account.post(sealed, id, 'refuse');
  if (stanza.type === undefined)
    account.turn.afterHandOver(() => confirmShown(account, to, isRoom ? (known?.version ?? 0) : undefined));
}

/**
 * Checks the blocklist again, because another session may block the address at the same time. Whoever reads last sees both
 * changes.
 */
async function confirmShown(account: Account, to: Jid, roomKnows: number | undefined): Promise<void> {
  const list = await account.get(blocklist);
  if (roomKnows !== undefined && (list?.version ?? 0) > roomKnows) await tellRoom(account, account.fullJid, to, list);
  if (isNeverBlocked(account, to) || !isBlocked(list, to)) return;
  const turn = new Turn(account.turn.dependencies);
  const again = new Account(turn, account.tenant, account.local);
  // It needs an id of its own: a room has carried out the presence under the other id already.
  again.post(spliceTo(unavailableFrom(account.fullJid), to.toString()), turn.dependencies.ids.mint());
  await turn.finish();
}

/** Queues the end of a session for the addresses that do not learn it from the broadcast (§4.6.3). */
export async function endDirected(
  account: Account,
  directed: readonly string[],
  bytes: Buffer,
  options: { readonly id: string; readonly isBroadcast: boolean },
): Promise<void> {
  if (directed.length === 0) return;
  const contacts = options.isBroadcast ? await listContacts(account) : [];
  const covered = new Set(contacts.filter(({ item }) => hasFrom(item)).map(({ jid }) => jid.toString()));
  account.turn.amongDeliveries(async () => {
    for (const address of directed) {
      // An address that was blocked is here only as long as it was not told (`forgetBlocked`): the request that blocked it may have failed.
      if (!covered.has(Jid.parse(address).bare.toString())) account.post(spliceTo(bytes, address), options.id);
    }
  });
}

export interface Hiding {
  /** The addresses that were just blocked. */
  readonly blocked: readonly Jid[];
  /** Subscribers at these addresses, who were told already. */
  readonly contacts: readonly Jid[];
}

/**
 * Sends `unavailable` to blocked addresses that have directed presence of a session (XEP-0191 §3.3). The session leaves a blocked
 * room (XEP-0045 §7.14), because the room cannot reach its occupant any more. Call it only inside `withSessions`.
 */
export async function hideDirected(account: Account, sessions: readonly SessionEntry[], hiding: Hiding): Promise<void> {
  const { blocked, contacts } = hiding;
  const told = new Set(contacts.map(String));
  const list: Blocklist = { jids: blocked.map(String) };
  const resources = Map.groupBy(
    blocked.filter((jid) => jid.resource !== ''),
    (jid) => jid.bare.toString(),
  );
  for (const entry of sessions) {
    const from = account.jid.withResource(entry.resource);
    const takers = new Set(
      (entry.directed ?? [])
        .flatMap((address) => {
          const shown = Jid.parse(address);
          if (isBlocked(list, shown)) return [shown];
          return resources.get(shown.toString()) ?? []; // the bare JID has the presence, and one of its resources is blocked
        })
        .map(String),
    );
    for (const taker of takers) {
      const isTold = isVisible(entry) && (told.has(taker) || told.has(Jid.parse(taker).bare.toString()));
      // Each needs its own id, because a room carries out only one request per id, and several sessions may be in it.
      if (!isTold) account.post(spliceTo(unavailableFrom(from), taker), account.turn.dependencies.ids.mint());
    }
  }
  // The addresses are forgotten only when they were told, because this request may be tried again.
  account.turn.afterHandOver(() => forgetBlocked(account, blocked));
}

async function forgetBlocked(account: Account, blocked: readonly Jid[]): Promise<void> {
  const list = { jids: blocked.map(String) };
  await account.updateSessions((sessions) => {
    const kept = sessions.map((entry) => {
      const directed = entry.directed?.filter((address) => !isBlocked(list, Jid.parse(address)));
      return directed?.length === entry.directed?.length ? entry : { ...entry, directed };
    });
    return kept.every((entry, index) => entry === sessions[index]) ? sessions : kept;
  });
}

/** Adds the address. Only the last nick in a room counts: a session that changes it (XEP-0045 §7.6) is not in the room twice. */
function remember<Entry extends { readonly directed?: readonly string[] }>(entry: Entry, to: Jid, isRoom: boolean): Entry {
  const address = to.toString();
  const before = entry.directed ?? [];
  if (before.includes(address)) return entry;
  const others = isRoom ? before.filter((other) => !Jid.parse(other).bare.equals(to.bare)) : before;
  if (others.length >= routerLimits.directedPresenceMax) {
    throw new StanzaError('resource-constraint', `presence was sent to ${routerLimits.directedPresenceMax} addresses already`);
  }
  return { ...entry, directed: [...others, address] };
}

function forget<Entry extends { readonly directed?: readonly string[] }>(entry: Entry, to: Jid): Entry {
  const address = to.toString();
  if (!entry.directed?.includes(address)) return entry;
  return { ...entry, directed: entry.directed.filter((other) => other !== address) };
}

/**
 * Tells each room of this tenant that a session is in which of its occupants are blocked now. Call it only inside `withSessions`.
 */
export async function tellRooms(account: Account, sessions: readonly SessionEntry[], changed: readonly Jid[]): Promise<void> {
  const rooms = new Set(changed.filter(({ resource }) => resource !== '').map(({ bare }) => bare.toString()));
  const list = await account.get(blocklist);
  for (const { resource, directed = [] } of sessions) {
    for (const address of directed) {
      const room = Jid.parse(address).bare;
      if (rooms.has(room.toString())) await tellRoom(account, account.jid.withResource(resource), room, list);
    }
  }
}

/** Tells a room of this tenant. Rooms of other tenants are not told, because what they send passes the account's guards. */
async function tellRoom(account: Account, from: Jid, room: Jid, list: Blocklist | undefined): Promise<void> {
  const hides = room.domain === roomsDomain(account.domain) ? hidesIn(list, room) : undefined;
  if (hides) await tellHides(account.turn.dependencies, account.tenant, room.local, from.toString(), hides);
}
