/**
 * XEP-0012: Last Activity, of the tenant's domain and of accounts.
 *
 * An account has one row that says when a session of it was last available, with the status that the session left with. It is written when a
 * session becomes unavailable, and counts once none is available. The account itself and those who may see its presence are told.
 *
 * Everybody else is answered `forbidden` (§3, §4), whether the account or the resource exists or not; a request to a full JID of theirs does
 * not reach the client.
 */
import { collection } from '../../../lib/runtime/collection.ts';
import { readSessions } from '../../../lib/runtime/sessions.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { isGuest } from '../core/guests.ts';
import type { Pending } from '../core/stages.ts';
import { mayProbe } from '../roster/roster.ts';
import { featureLimits } from './limits.ts';

const NS = 'jabber:iq:last';

interface LastSeen {
  readonly atMs: number;
  readonly status?: string | undefined;
}

export const lastSeen = collection<LastSeen>('lastSeen', 'account');

export const lastActivity: AccountFeature = {
  spec: 'XEP-0012',
  version: '2.0',
  title: 'Last Activity',
  note: 'The uptime of the domain is that of the process which answers.',
  disco: { host: [NS], account: [NS] },
  iq: [
    { type: 'get', ns: NS, name: 'query', to: 'self', handle: (_request, account) => tellAccount(account) },
    { type: 'get', ns: NS, name: 'query', to: 'account', handle: (_request, account) => tellAccount(account) },
  ],
  hostIq: [
    {
      type: 'get',
      ns: NS,
      name: 'query',
      forGuests: true,
      handle(_request, { turn: { dependencies } }) {
        return answer(dependencies.clock.monotonic() - dependencies.startedMs);
      },
    },
  ],
  inbound: { guard },
  departed: note,
};

/** §3 and §4. @throws {StanzaError} */
async function refuse(account: Account, asker: Stanza): Promise<void> {
  if (!(await mayProbe(account, asker.from!))) throw new StanzaError('forbidden');
}

function guard(stanza: Stanza, account: Account): Pending {
  if (stanza.name !== 'iq' || stanza.type !== 'get' || !stanza.hasChild('query', NS)) return undefined;
  return refuse(account, stanza);
}

/** §3. */
async function tellAccount(account: Account): Promise<Element> {
  const [sessions] = await readSessions(account.turn.dependencies.store, [account]);
  if (sessions!.some(({ available }) => available)) return answer(0);
  const seen = await account.get(lastSeen);
  if (seen === undefined) throw new StanzaError('item-not-found'); // it was never available
  return answer(account.now.getTime() - seen.atMs, seen.status);
}

function answer(ms: number, status = ''): Element {
  return xml('query', { xmlns: NS, seconds: `${Math.max(0, Math.floor(ms / 1_000))}` }, status);
}

function note(account: Account, presence: Stanza): void {
  if (isGuest(account)) return;
  const status = presence.child('status', 'jabber:client')?.getText().slice(0, featureLimits.lastStatusCharactersMax);
  account.put(lastSeen, '', { atMs: account.now.getTime(), status: status?.toWellFormed() || undefined });
}
