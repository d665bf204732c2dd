/**
 * What a stanza loses and gains on its way from an account or to one. Marks that only a server may set are stripped
 * (XEP-0203 §6, XEP-0280 §11, XEP-0313 §7.2, XEP-0359 §3), and then the `amend` stage runs. However many features take part, the
 * stanza is rendered once.
 */
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { added } from '../../../lib/runtime/short-lists.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { isForgedMark, mayHaveMarks, type Strict } from '../../../lib/xmpp/server-marks.ts';
import type { Appended, ChildSpan, Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import type { Amendment, Drop } from './feature.ts';
import { inOrder } from './stages.ts';

type Attributes = Readonly<Record<string, string | undefined>>;

class Amending implements Amendment {
  readonly #stanza: Stanza;
  dropped: Set<ChildSpan> | undefined;
  appended: Appended[] | undefined;

  constructor(stanza: Stanza) {
    this.#stanza = stanza;
  }

  strip(drop: Drop): void {
    for (const child of this.#stanza.children) {
      if (!drop(child)) continue;
      this.dropped ??= new Set();
      this.dropped.add(child);
    }
  }

  append(child: Element): void {
    this.appendText({ name: child.name, ns: child.attrs.xmlns ?? 'jabber:client', text: child.toString() });
  }

  appendText(child: Appended): void {
    this.appended = added(this.appended, child);
  }
}

/** Renders the stanza with these attributes, without what is stripped and with what the features append. */
export function amend(
  direction: 'inbound' | 'outbound',
  stanza: Stanza,
  account: Account,
  id: string,
  attributes: Attributes,
): Promise<Stanza> | Stanza {
  const amending = new Amending(stanza);
  if (mayHaveMarks(stanza)) amending.strip(direction === 'outbound' ? forgedFrom(account, stanza) : forgedTo(account, stanza));
  const pending = inOrder(account.turn.dependencies.features[direction].amend, stanza, account, amending, id);
  if (pending !== undefined) return amendAfter(pending, stanza, attributes, amending);
  return stanza.amended(attributes, amending.dropped, amending.appended);
}

/** Renders available presence that a session broadcasts. */
export function amendPresence(stanza: Stanza, account: Account, entry: SessionEntry, attributes: Attributes): Stanza {
  const amending = new Amending(stanza);
  amending.strip(forgedFrom(account, stanza));
  for (const appearance of account.turn.dependencies.features.of('appearance')) appearance.amend(stanza, entry, amending);
  return stanza.amended(attributes, amending.dropped, amending.appended);
}

/** Renders available presence that a session directs to somebody. */
export async function amendDirected(
  stanza: Stanza,
  account: Account,
  entry: SessionEntry,
  attributes: Attributes,
): Promise<Stanza> {
  const amending = new Amending(stanza);
  amending.strip(forgedFrom(account, stanza));
  for (const appearance of account.turn.dependencies.features.of('appearance')) {
    await appearance.amendDirected(stanza, account, entry, amending);
  }
  return stanza.amended(attributes, amending.dropped, amending.appended);
}

async function amendAfter(pending: Promise<void>, stanza: Stanza, attributes: Attributes, amending: Amending): Promise<Stanza> {
  await pending;
  return stanza.amended(attributes, amending.dropped, amending.appended);
}

/** Picks the marks that the account's client may not set on a stanza that it sends. */
export function forgedFrom(account: Account, stanza: Stanza): Drop {
  return forged(account, stanza, { isOwn: true, isFromServer: false });
}

/**
 * Picks the marks that the sender may not set on a stanza that arrives. Archives and rooms of other servers address the session
 * that has asked, or that is inside, so they send to a full JID (XEP-0313 §7.2).
 */
export function forgedTo(account: Account, stanza: Stanza): Drop {
  const { from, to } = stanza;
  const isFromServer = to?.isFull === true && from?.domain !== account.domain;
  return forged(account, stanza, { isOwn: from?.bare.equals(account.jid) ?? true, isFromServer });
}

function forged(account: Account, stanza: Stanza, { isOwn, isFromServer }: { isOwn: boolean; isFromServer: boolean }): Drop {
  const isHost = (who: Jid) => who.local === '' && who.domain === account.domain;
  const isAccount = (who: Jid) => who.bare.equals(account.jid);
  const strict: Strict = {
    isFromServer,
    // A client may say that it delayed a message itself: it sends what was written while it was offline.
    isOurs: (who, claim) => isHost(who) || (isAccount(who) && !(isOwn && claim === 'from')),
  };
  return (child) => isForgedMark(stanza, child, strict);
}
