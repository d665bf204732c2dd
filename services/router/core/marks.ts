/** What a stanza of a client may not say to others (XEP-0203 §6, XEP-0280 §11, XEP-0313 §7.2, XEP-0359 §3), on its way from an account and to one. */
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { isForgedMark, type Strict } from '../../../lib/xmpp/server-marks.ts';
import type { ChildSpan, Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';

/** For the `drop` of a rendering. */
export function forgedFrom(account: Account, stanza: Stanza): (child: ChildSpan) => boolean {
  return forged(account, stanza, { isOwn: true, isFromServer: false });
}

/** Archives elsewhere and rooms send to the session that has asked, or is inside: to its full JID (XEP-0313 §7.2). */
export function forgedTo(account: Account, stanza: Stanza): (child: ChildSpan) => boolean {
  const { from, to } = stanza;
  const isFromServer = to?.isFull === true && from?.domain !== account.domain;
  return forged(account, stanza, { isOwn: from?.bare.equals(account.jid) ?? true, isFromServer });
}

function forged(account: Account, stanza: Stanza, { isOwn, isFromServer }: { isOwn: boolean; isFromServer: boolean }) {
  const isHost = (who: Jid) => who.local === '' && who.domain === account.domain;
  const isAccount = (who: Jid) => who.bare.equals(account.jid);
  const strict: Strict = {
    isFromServer,
    // A client may say of itself that it delayed a message: it sends what was written while it was offline.
    isOurs: (who, claim) => isHost(who) || (isAccount(who) && !(isOwn && claim === 'from')),
  };
  return (child: ChildSpan) => isForgedMark(stanza, child, strict);
}
