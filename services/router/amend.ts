/** Runs the `amend` stage: one rendering, whatever the number of features. */
import { StanzaError } from '../../lib/xmpp/errors.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import type { Appended, Stanza } from '../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import type { Amendment, Drop } from './feature.ts';

/** The stanza with these attributes, with what the features strip and append. */
export async function amend(
  direction: 'inbound' | 'outbound',
  stanza: Stanza,
  account: Account,
  id: string,
  attributes: Readonly<Record<string, string | undefined>>,
): Promise<Stanza> {
  const drops: Drop[] = [];
  const appended: Appended[] = [];
  const amendment: Amendment = {
    strip: (drop) => void drops.push(drop),
    append: (child) => void appended.push({ name: child.name, ns: child.attrs.xmlns ?? 'jabber:client', text: child.toString() }),
  };
  for (const stage of account.turn.parts.features.stage(direction, 'amend')) {
    const pending = stage(stanza, account, amendment, id);
    if (pending !== undefined) await pending;
  }
  return stanza.amended(attributes, (child) => drops.some((test) => test(child)), appended);
}

/** Does this text, which anybody may have written, name the account (any resource) or its domain? */
export function namesUs(text: string | undefined, account: Account): boolean {
  if (!text) return false;
  try {
    const { bare } = Jid.parse(text);
    return bare.equals(account.jid) || (bare.local === '' && bare.domain === account.domain);
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    return false; // no address, so it names nobody
  }
}
