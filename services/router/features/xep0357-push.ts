/**
 * XEP-0357: Push Notifications. A client names an app server, which is told when something rings (lib/xmpp/rings.ts) while the session of
 * the client cannot be reached: it is parked, its node does not answer, or it is gone.
 *
 * DEVIATION: §7 shows the tenant's domain as the sender of notifications. App servers know the account by its bare JID, as in
 * version 0.2, and many accept nothing else, so that is what sends them.
 *
 * Hostile: an app server can be anything that has an address, and is sent one request a second at most. Whoever answers must be the
 * app server. The address of the account itself is refused: it would publish to its own nodes.
 */
import type { RingWish } from '../../../lib/runtime/ring-wire.ts';
import { isParked, readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import { update } from '../../../lib/runtime/update.ts';
import { formTypeOf, NS_DATA } from '../../../lib/xmpp/data-form.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { mentions } from '../../../lib/xmpp/mentions.ts';
import { messageType } from '../../../lib/xmpp/message-type.ts';
import { isEncrypted, rings } from '../../../lib/xmpp/rings.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { readQueue, readRecent } from '../archive/cursor.ts';
import type { Account } from '../core/account.ts';
import { type AccountRow, accounts } from '../core/accounts.ts';
import type { AccountFeature, Occupancy, Outcome } from '../core/feature.ts';
import type { Pending } from '../core/stages.ts';
import { routerLimits } from '../limits.ts';
import { forgetRung, pushes, pushTo, type Ringing, sendOverdue } from '../push/publish.ts';
import {
  listRegistrations,
  noteNoRegistrations,
  noteRegistration,
  registrationKey,
  registrationKeyLength,
  registrations,
} from '../push/registrations.ts';
import { settingOf } from '../push/settings.ts';
import { askRoomsLater } from '../push/unheard-in-rooms.ts';

const NS = 'urn:xmpp:push:0';
const NS_MUC_USER = 'http://jabber.org/protocol/muc#user';
const optionsType = 'http://jabber.org/protocol/pubsub#publish-options';

export const push: AccountFeature = {
  spec: 'XEP-0357',
  version: '0.4.1',
  title: 'Push Notifications',
  note: 'The summary has counts; with `--push-summary` of the tenant the last sender, or its text as well. Sent from the bare JID of the account. In rooms, mentions wake a client, and everything in rooms for members only.',
  disco: { account: [NS] },
  iq: [
    { type: 'set', ns: NS, name: 'enable', to: 'self', handle: enable },
    { type: 'set', ns: NS, name: 'disable', to: 'self', handle: disable },
  ],
  inbound: { follow: ringForMessage },
  begun: goOn,
  asked: ringForRequest,
  unheard: ringUnheard,
  unheardInRoom: ringOccupant,
  unread: ringUnread,
  answered: takeAnswer,
  sweep: sendOverdue,
  figures: [pushes],
};

/** §5. */
async function enable(request: Element, account: Account): Promise<undefined> {
  const jid = appServerOf(request, account);
  const { node } = request.attrs as { node?: string };
  if (Buffer.byteLength(node ?? '') > routerLimits.pushNodeBytesMax)
    throw new StanzaError('not-acceptable', 'the node is too long');
  const options = optionsOf(request);
  const key = registrationKey(jid, node);
  const known = await listRegistrations(account);
  if (known.length >= routerLimits.pushRegistrationsMax && !known.some((one) => one.key === key)) {
    throw new StanzaError(
      'resource-constraint',
      `an account may have at most ${routerLimits.pushRegistrationsMax} registrations`,
    );
  }
  const { resource, sid } = account.session!;
  await account.update(registrations, key, (before) => {
    // A session that has registered before, or whose client had, may not have heard what has rung since.
    const { messages, requests, last } = before?.sid === sid ? before : { messages: 0, requests: 0 };
    return { ...before, jid, node, options, resource, sid, messages, requests, last, errors: undefined };
  });
  await noteRegistration(account);
  account.turn.origin?.turnPush(true);
}

/**
 * A client that signs in anew under its old resource can be woken as before. Its node hears of it at once, so it says how long the session
 * is kept when the client asks (XEP-0198 §3).
 */
async function goOn(account: Account, { pushes }: AccountRow): Promise<void> {
  if (pushes === undefined) return;
  const { resource, sid } = account.session!;
  const own = (await listRegistrations(account)).filter(({ value }) => value.resource === resource);
  for (const { key } of own)
    await update(account.rows, registrations, key, (row) => {
      // A router that stood still may come late with a session that another one has followed since. Ids carry their time.
      return row === undefined || row.sid > sid ? row : { ...row, sid, messages: 0, requests: 0, last: undefined };
    });
  if (own.length > 0) account.turn.origin?.turnPush(true);
}

/** §6: all nodes of the app server, or one. */
async function disable(request: Element, account: Account): Promise<undefined> {
  const jid = appServerOf(request, account);
  const { node } = request.attrs as { node?: string };
  const found = await listRegistrations(account);
  const ending = found.filter(({ value }) => value.jid === jid && (node === undefined || value.node === node));
  for (const { key } of ending) await account.update(registrations, key, () => undefined);
  const { resource } = account.fullJid;
  if (!found.some((one) => !ending.includes(one) && one.value.resource === resource)) account.turn.origin?.turnPush(false);
}

/** @throws {StanzaError} */
function appServerOf({ attrs }: Element, account: Account): string {
  const { jid: text } = attrs as { jid?: string };
  if (text === undefined) throw new StanzaError('bad-request', "the app server's 'jid' is missing");
  const jid = Jid.parse(text);
  if (jid.equals(account.jid)) throw new StanzaError('not-acceptable', 'an account cannot be its own app server');
  return jid.toString();
}

/** @throws {StanzaError} */
function optionsOf(request: Element): string | undefined {
  const [form, ...others] = request.getChildElements() as Element[];
  if (form === undefined) return undefined;
  if (others.length > 0 || !form.is('x', NS_DATA) || (formTypeOf(form) ?? optionsType) !== optionsType) {
    throw new StanzaError('bad-request', 'only one form of publish-options may come with a registration');
  }
  const text = form.toString();
  if (Buffer.byteLength(text) > routerLimits.pushOptionsBytesMax)
    throw new StanzaError('not-acceptable', 'the options are too long');
  return text;
}

function ringForMessage(stanza: Stanza, account: Account, { sessions }: Outcome): Pending {
  if (account.prefetched(accounts)?.pushes === undefined || !ringsFor(account, stanza)) return;
  if (account.turn.leavesRinging && messageType(stanza) === 'groupchat') return;
  const heard = { sessions, atMs: account.turn.dependencies.clock.now() };
  account.turn.afterHandOver(() => ring(account, heard, [stanza], (entry) => isFor(stanza, account, entry)));
}

/** Somebody asks to see the account's presence. */
function ringForRequest(account: Account, sessions: readonly SessionEntry[]): Pending {
  if (account.prefetched(accounts)?.pushes === undefined) return;
  const heard = { sessions, atMs: account.turn.dependencies.clock.now() };
  account.turn.afterHandOver(() => ring(account, heard, 'request', async () => true));
}

/**
 * @param heard the sessions, and when what rings was on its way to them
 * @param isWanted for the session of a client, if there is one
 */
async function ring(
  account: Account,
  { sessions, atMs }: { readonly sessions: readonly SessionEntry[]; readonly atMs: number },
  what: Ringing,
  isWanted: (entry: SessionEntry | undefined) => Promise<boolean>,
): Promise<void> {
  const row = await account.get(accounts);
  const found = await listRegistrations(account);
  if (found.length === 0 && row !== undefined) return noteNoRegistrations(account, row);
  for (const { key, value } of found) {
    const entry = sessions.find(({ resource }) => resource === value.resource);
    if (entry?.sid === value.sid && isReached(account, entry)) await forgetRung(account, key, value, atMs);
    else if (await isWanted(entry)) await pushTo(account, key, what);
  }
}

/** Only the client that does not hear is woken: the others have heard, or their nodes say the same of them. */
async function ringUnheard(account: Account, stanza: Stanza): Promise<void> {
  const isRequest = stanza.name === 'presence';
  if (!isRequest && !ringsFor(account, stanza)) return;
  const [sessions] = await readSessions(account.turn.dependencies.store, [account]);
  const { resource } = account.fullJid;
  const entry = sessions!.find((one) => one.resource === resource);
  if (!isRequest && !(await isFor(stanza, account, entry))) return;
  for (const { key, value } of await listRegistrations(account))
    if (value.resource === resource) await pushTo(account, key, isRequest ? 'request' : [stanza]);
}

/** Nobody can tell what the client has not heard, so what waits for it rings; and if its node is dead, what others have acknowledged of late. */
async function ringUnread(account: Account, isDead: boolean): Promise<void> {
  if ((await account.get(accounts))?.pushes === undefined) return;
  const own = (await listRegistrations(account)).filter(({ value }) => value.resource === account.fullJid.resource);
  if (own.length === 0) return;
  const { stanzas } = await readQueue(account, '', new Set());
  const unheard = new Map(stanzas.map(({ id, xml }) => [id, Stanza.parse(xml)]));
  const [sessions] = isDead ? await readSessions(account.turn.dependencies.store, [account]) : [];
  const dead = sessions?.find(({ sid }) => sid === account.session?.sid);
  if (dead) for (const [id, stanza] of await readRecent(account, dead)) unheard.set(id, stanza);
  const inOrder = [...unheard].sort(([one], [other]) => (one < other ? -1 : 1));
  const ringing = inOrder.flatMap(([, stanza]) => (ringsFor(account, stanza) ? [stanza] : []));
  if (ringing.length > 0) for (const { key } of own) await pushTo(account, key, ringing);
  if (dead) await askRoomsLater(account, dead);
}

/** What the account's own clients send does not ring. */
function ringsFor({ jid }: Account, stanza: Stanza): boolean {
  return !stanza.from?.bare.equals(jid) && rings(stanza);
}

/** The room says who the client is there, and only what it has sent to all. */
async function ringOccupant(account: Account, occupant: Occupancy, messages: readonly Stanza[]): Promise<RingWish> {
  if ((await account.get(accounts))?.pushes === undefined) return 'never';
  const found = (await listRegistrations(account)).filter(({ value }) => value.resource === occupant.resource);
  if (found.length === 0) return 'never';
  const { address, isPrivate } = occupant;
  const setting = await settingOf(account, address.bare);
  const ofRoom = setting ?? (isPrivate ? 'always' : 'on-mention');
  const wanted = messages.filter((message) => {
    const wish = messageType(message) === 'groupchat' ? ofRoom : (setting ?? 'always');
    return rings(message) && isWanted(message, account, wish, address);
  });
  if (wanted.length > 0) for (const { key } of found) await pushTo(account, key, wanted);
  return ofRoom;
}

/**
 * Is the message one that this client is to be told of (XEP-0492 §3)? What comes from a room is for the session that is in the room. Of a
 * room, only mentions are, unless a setting says otherwise.
 */
async function isFor(stanza: Stanza, account: Account, entry: SessionEntry | undefined): Promise<boolean> {
  const from = stanza.from!;
  const isRoom = messageType(stanza) === 'groupchat';
  if (isRoom || stanza.hasChild('x', NS_MUC_USER)) if (entry?.resource !== stanza.to!.resource) return false;
  const setting = (await settingOf(account, from.bare)) ?? (isRoom ? 'on-mention' : 'always');
  const place = entry?.directed?.find((address) => address.startsWith(`${from.bare}/`));
  return isWanted(stanza, account, setting, place === undefined ? undefined : Jid.parse(place));
}

/** What is encrypted may be a mention. @param place the client's address in the room, if it is known */
function isWanted(stanza: Stanza, { jid }: Account, setting: RingWish, place: Jid | undefined): boolean {
  if (messageType(stanza) === 'groupchat' && place?.resource === stanza.from!.resource) return false;
  if (setting !== 'on-mention') return setting === 'always';
  return (
    isEncrypted(stanza) || mentions(stanza, { nick: place?.resource, addresses: [`${jid}`, ...(place ? [`${place}`] : [])] })
  );
}

function isReached({ turn }: Account, entry: SessionEntry): boolean {
  return !isParked(entry) && turn.unreached?.has(entry.sid) !== true;
}

const answerId = new RegExp(`^push-([A-Za-z0-9_-]{${registrationKeyLength}})-`);
const finalErrors: ReadonlySet<string> = new Set(['item-not-found', 'gone', 'forbidden']);

/** §7.1: errors that stay end the registration at once, and others after some in a row. */
async function takeAnswer(account: Account, answer: Stanza): Promise<void> {
  const key = answerId.exec(answer.id ?? '')?.[1];
  if (key === undefined) return;
  const from = answer.from!.toString();
  const isError = answer.type === 'error';
  let isRefused = false;
  const [condition] = (answer.child('error', 'jabber:client')?.getChildElements() ?? []).map((child) => child.getName());
  await update(account.rows, registrations, key, (row) => {
    isRefused = isError && row?.jid === from;
    if (row === undefined || row.jid !== from) return row;
    if (!isError) return row.errors === undefined ? row : { ...row, errors: undefined };
    const errors = (row.errors ?? 0) + 1;
    return finalErrors.has(condition ?? '') || errors >= routerLimits.pushErrorsMax ? undefined : { ...row, errors };
  });
  if (isRefused) pushes.add(account.domain, 1, 'refused');
}
