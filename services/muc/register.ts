/**
 * Registering a nick with a room: XEP-0045 §7.10, and finding one's own (§7.12). In an open room it makes a member; where being a
 * member brings rights (moderated, members-only), only those who are members already may.
 */
import { type Element, xml } from '../../lib/xmpp/element.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { applyAffiliationChange, checkRoomForAffiliations } from './affiliation-change.ts';
import { readForm, renderForm } from './data-form.ts';
import { NS_DATA, NS_MUC, NS_REGISTER } from './namespaces.ts';
import { checkNickIsFree, prepareNick } from './nick.ts';
import type { RoomTurn } from './room-turn.ts';

const formType = `${NS_MUC}#register`;
const nickVar = 'muc#register_roomnick';

/** @throws {StanzaError} not-allowed */
function checkMayRegister(turn: RoomTurn): void {
  const { config, affiliation } = turn;
  const isOpen = !config.membersOnly && !config.moderated && config.password === '' && !config.isLocked;
  if (affiliation === 'outcast' || (affiliation === 'none' && !isOpen)) {
    throw new StanzaError('not-allowed', 'you may not register with this room');
  }
}

export function reservedNick(turn: RoomTurn): string | undefined {
  return turn.room.affiliations.get(turn.from.bare.toString())?.nick;
}

/** @throws {StanzaError} */
export function getRegistration(turn: RoomTurn, iq: Stanza): void {
  checkMayRegister(turn);
  const nick = reservedNick(turn);
  const fields = [{ var: nickVar, type: 'text-single', label: 'Nick', values: nick === undefined ? [] : [nick] }];
  const query = xml(
    'query',
    { xmlns: NS_REGISTER },
    nick === undefined ? undefined : [xml('registered'), xml('username', {}, nick)],
    xml('instructions', {}, 'Choose the nick that is to be yours in this room.'),
    renderForm({ type: 'form', formType, fields }),
  );
  turn.result(iq, query);
}

/** @throws {StanzaError} not-allowed, bad-request, not-acceptable, conflict */
export function setRegistration(turn: RoomTurn, iq: Stanza, query: Element): void {
  checkMayRegister(turn);
  const key = turn.from.bare.toString();
  const before = turn.room.affiliations.get(key);
  if (query.getChild('remove')) {
    if (before?.nick !== undefined) {
      turn.room.affiliations.set(key, { ...before, nick: undefined });
      turn.putAffiliation(key);
    }
    turn.result(iq);
    return;
  }
  const form = query.getChild('x', NS_DATA);
  const asked = form ? readForm(form).get(nickVar)?.[0] : undefined;
  if (asked === undefined) throw new StanzaError('bad-request', 'send the form with a nick');
  const nick = prepareNick(turn, asked);
  checkNickIsFree(turn, nick);
  checkRoomForAffiliations(turn, before ? 0 : 1);
  if (!before)
    applyAffiliationChange(turn, { jid: turn.from.bare, affiliation: 'member', reason: undefined, isToldAlready: true });
  turn.room.affiliations.set(key, { ...turn.room.affiliations.get(key)!, nick });
  turn.putAffiliation(key);
  turn.result(iq);
}
