/**
 * Mediated invitations and refusals: XEP-0045 §7.8.2. Direct ones (XEP-0249) do not pass through the room.
 *
 * The room does not store invitations. The id that it gives an invitation identifies the sender and the recipient, so that any
 * worker can tell the sender when the recipient does not exist.
 */

import { isSameSecret, keyedDigest } from '../../../lib/runtime/secrets.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_CONFERENCE, NS_MUC_USER } from '../core/namespaces.ts';
import { personIn } from '../core/people.ts';
import type { Room } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { applyAffiliationChange, checkRoomForAffiliations } from './affiliation-change.ts';
import { readReason } from './reason.ts';

/** @throws {StanzaError} not-acceptable, forbidden, bad-request, jid-malformed */
export function invite(turn: RoomTurn, stanza: Stanza, invitations: readonly Element[]): void {
  const { occupant } = turn.ownOrRefuse;
  const { config, room } = turn;
  const isAdmin = turn.isAdmin;
  if (!isAdmin && (occupant.role === 'visitor' || (config.membersOnly && !config.allowInvites))) {
    throw new StanzaError('forbidden', 'only admins may invite people to this room');
  }
  if (invitations.length > roomLimits.invitesMax) {
    throw new StanzaError('bad-request', `at most ${roomLimits.invitesMax} invitations in one message`);
  }
  const invitees = invitations.map(({ attrs }) => {
    const invitee = Jid.parse(attrs.to ?? '');
    if (personIn(turn, `${invitee}`).equals(turn.from.bare))
      throw new StanzaError('not-acceptable', 'you cannot invite yourself');
    return invitee;
  });
  if (!isAdmin && invitees.some((jid) => room.affiliationOf(jid) === 'outcast')) {
    throw new StanzaError('forbidden', 'only admins may invite people who are banned');
  }
  if (!isAdmin) turn.demandPace('invite', invitees.length);
  const newMembers = config.membersOnly ? invitees.filter((jid) => room.affiliationOf(jid) === 'none') : [];
  checkRoomForAffiliations(turn, newMembers.length);
  for (const jid of newMembers) {
    applyAffiliationChange(turn, { jid: jid.bare, affiliation: 'member', reason: undefined, isToldAlready: true });
  }
  const from = config.whois === 'anyone' ? turn.from.bare : room.jid.withResource(occupant.nick);
  invitations.forEach((invitation, index) => {
    const invitee = invitees[index]!;
    turn.dependencies.exchanges.sent(invitedKey(turn, invitee));
    const message = invitationMessage(turn, invitationId(turn, turn.from, invitee, stanza.id), invitation, from);
    turn.send(Buffer.from(message.toString()), [{ jid: invitee }]);
  });
}

function invitedKey({ room }: RoomTurn, invitee: Jid): string {
  return `${room.jid} invited ${invitee.bare}`;
}

function invitationId({ room }: RoomTurn, inviter: Jid, invitee: Jid, id = ''): string {
  return `invite.${invitationProof(room, inviter, invitee)}.${id.slice(0, roomLimits.iqIdCharactersMax)}`;
}

/** The digest has a key, so that nobody can check a guess at the sender. */
function invitationProof({ secret }: Room, inviter: Jid, invitee: Jid): string {
  return keyedDigest(secret, 'invite', inviter.toString(), invitee.bare.toString()).slice(0, 22);
}

/**
 * An invitation could not be delivered, because the sender of this turn does not exist. @returns whether the id belongs to an
 * invitation
 */
export function returnInvitation(turn: RoomTurn, invitationIdBack: string | undefined): boolean {
  const [, given, id] = /^invite\.([\w-]{22})\.([\s\S]*)$/.exec(invitationIdBack ?? '') ?? [];
  if (given === undefined || id === undefined) return false;
  const { room, from, dependencies, requestId } = turn;
  const asker = [...room.seats.values()].find(({ seat }) => isSameSecret(given, invitationProof(room, seat.jid, from)));
  if (!asker || !dependencies.exchanges.isNew(`${room.jid} invite ${from.bare} ${invitationIdBack}`, requestId)) return true;
  const error = new StanzaError('item-not-found', `there is no ${turn.from.bare}`, { by: turn.room.jid.toString() });
  const message = xml(
    'message',
    { from: turn.room.jid.toString(), id: id === '' ? undefined : id, type: 'error' },
    xml('x', { xmlns: NS_MUC_USER }, xml('invite', { to: turn.from.bare.toString() })),
    error.toElement(),
  );
  turn.send(Buffer.from(message.toString()), [asker.seat]);
  return true;
}

function invitationMessage(turn: RoomTurn, id: string, invitation: Element, from: Jid): Element {
  const { password } = turn.config;
  const room = turn.room.jid.toString();
  const reason = readReason(invitation);
  const goesOn = invitation.getChild('continue');
  return xml(
    'message',
    { from: room, id },
    xml(
      'x',
      { xmlns: NS_MUC_USER },
      xml(
        'invite',
        { from: from.toString() },
        reason === undefined ? undefined : xml('reason', {}, reason),
        goesOn && xml('continue', { thread: goesOn.attrs.thread }),
      ),
      password === '' ? undefined : xml('password', {}, password),
    ),
    // COMPAT: clients that only know XEP-0249; §7.8.2 says that services send it, too. Until those clients are gone.
    xml('x', { xmlns: NS_CONFERENCE, jid: room, password: password === '' ? undefined : password, reason }, reason),
  );
}

/**
 * A refusal is passed on only to occupants, so that nobody can use a room to write to strangers. It must be addressed like the
 * invitation was, so that nobody learns who is in a semi-anonymous room.
 * @throws {StanzaError} jid-malformed, forbidden, item-not-found
 */
export function decline(turn: RoomTurn, stanza: Stanza, refusal: Element): void {
  const { config, room } = turn;
  if (turn.affiliation === 'outcast') throw new StanzaError('forbidden', 'you are banned from this room');
  const to = Jid.parse(refusal.attrs.to ?? '');
  const byJid = config.whois === 'anyone' ? room.occupantsOf(to.bare)[0] : undefined;
  const inviter = to.bare.equals(room.jid) ? room.withNick(to.resource) : byJid;
  if (!inviter) throw new StanzaError('item-not-found', 'the sender of the invitation is not in the room');
  // Only people who were invited may give a reason. Otherwise anybody could write to occupants, without voice and whatever
  // `allowpm` says.
  const wasInvited = turn.dependencies.exchanges.isFirstAnswer(invitedKey(turn, turn.from), turn.requestId);
  const reason = wasInvited ? readReason(refusal) : undefined;
  const message = xml(
    'message',
    { from: room.jid.toString(), id: stanza.id },
    xml(
      'x',
      { xmlns: NS_MUC_USER },
      xml('decline', { from: turn.from.bare.toString() }, reason === undefined ? undefined : xml('reason', {}, reason)),
    ),
  );
  // The routers of the recipients deliver it, like invitations: it names an account, and only its guard knows whether it is
  // blocked (XEP-0191).
  const recipients = inviter.seats.map(({ jid }) => ({ jid }));
  turn.send(Buffer.from(message.toString()), recipients);
}
