/**
 * The blocklist of an account (XEP-0191). One row holds all of it, because every stanza is checked against it. A blocked
 * address is a full JID, a bare JID, `domain/resource` or a domain (§6).
 */
import { collection } from '../../../lib/runtime/collection.ts';
import type { Owner } from '../../../lib/runtime/sessions.ts';
import type { Hides } from '../../../lib/runtime/wire.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { routerLimits } from '../limits.ts';
import { setOf } from './address-set.ts';

export interface Blocklist {
  readonly jids: readonly string[];
  /** Grows with each change, so that a room can tell which of two lists is newer. */
  readonly version?: number;
}

export const blocklist = collection<Blocklist>('blocklist', 'account');

/** §6: does the blocklist contain this address, its bare JID or its domain? */
export function isBlocked(list: Blocklist | undefined, jid: Jid): boolean {
  if (!list || list.jids.length === 0) return false;
  const set = setOf(list.jids);
  return set.has(jid.toString()) || set.has(jid.bare.toString()) || set.has(jid.domain);
}

/**
 * §5: an account cannot block its own resources. It cannot block its own server either, because its clients would stop working:
 * its domain in a blocklist blocks only the people there.
 */
export function isNeverBlocked({ domain, local }: Owner, jid: Jid): boolean {
  return jid.domain === domain && (jid.local === '' || jid.local === local);
}

/** The list with more addresses; the very same where it has them all. @throws {StanzaError} when there would be too many */
export function withBlocked(list: Blocklist | undefined, added: readonly string[]): Blocklist | undefined {
  const before = list?.jids ?? [];
  const after = [...new Set([...before, ...added])];
  return after.length === before.length ? list : checked({ jids: after, version: (list?.version ?? 0) + 1 });
}

function checked(next: Blocklist): Blocklist {
  if (next.jids.length > routerLimits.blocklistMax) {
    throw new StanzaError('resource-constraint', `a blocklist has at most ${routerLimits.blocklistMax} addresses`);
  }
  if (Buffer.byteLength(JSON.stringify(next)) > routerLimits.blocklistBytesMax) {
    throw new StanzaError('resource-constraint', 'the addresses of a blocklist take too many bytes');
  }
  checkPlaces(next);
  return next;
}

/** The blocked occupants of one room are also kept in the room, so their number is bounded. */
function checkPlaces({ jids }: Blocklist): void {
  const places = Map.groupBy(
    jids.filter((jid) => jid.includes('/')),
    (jid) => jid.slice(0, jid.indexOf('/')),
  );
  for (const [bare, named] of places) {
    if (named.length > routerLimits.blockedPlacesMax || named.join('').length > routerLimits.blockedPlacesCharactersMax) {
      throw new StanzaError('resource-constraint', `too many addresses of ${bare} are blocked one by one; block ${bare} itself`);
    }
  }
}

/** The occupants of a room that the blocklist names. @returns undefined if the blocklist was never changed */
export function hidesIn(list: Blocklist | undefined, room: Jid): Hides | undefined {
  if (list?.version === undefined) return undefined;
  const prefix = `${room.bare}/`;
  const nicks = list.jids.filter((jid) => jid.startsWith(prefix)).map((jid) => jid.slice(prefix.length));
  return { nicks, version: list.version };
}
