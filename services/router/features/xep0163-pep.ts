/**
 * XEP-0163: Personal Eventing Protocol. Nodes and items are in xep0060-pubsub.ts, and notifications in pep/notify.ts. This file
 * learns what each resource wants (§4.3.2) from its capabilities (XEP-0115).
 *
 * An answer that does not fit its hash counts only for the session that gave it (XEP-0115 §5.4).
 */
import { readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { type Caps, infoNs, isSameCaps, readCaps } from '../pep/caps.ts';
import { learnDistant, noteDistant } from '../pep/distant-readers.ts';
import { askingId, isAskingId, learnHash, nodesOfHash } from '../pep/known-hashes.ts';
import {
  answerWanted,
  asksForNodes,
  sendItemsOnGrant,
  sendItemsOnPresence,
  sendLastItems,
  sendLastItemsOf,
} from '../pep/last-items.ts';
import { isWanted, wantedNodes } from '../pep/notify.ts';
import { changeEntry } from '../presence/presence-entry.ts';

export const pep: AccountFeature = {
  spec: 'XEP-0163',
  version: '1.2.2',
  title: 'Personal Eventing Protocol',
  note: 'Contacts on other servers are notified if their presence comes to the account, because it says what they want.',
  disco: { accountIdentity: [{ category: 'pubsub', type: 'pep' }] },
  iq: [
    { type: 'result', ns: infoNs, name: 'query', to: 'self', handle: learn },
    { type: 'result', ns: infoNs, name: 'query', to: 'account', handle: learnElsewhere },
  ],
  announced: look,
  moved: (account, entry) => sendLastItems(account, entry, wantedNodes.of(entry) ?? []),
  subscribed: sendLastItemsOf,
  granted: sendItemsOnGrant,
  shown: (account, presence) => noteDistant(account, presence, sendItemsOnPresence),
  probed: { asks: asksForNodes, answer: answerWanted },
  inbound: { takes: isWanted },
};

/** Looks at the capabilities in presence that a resource has broadcast. */
async function look(account: Account, presence: Stanza, before: SessionEntry, entry: SessionEntry): Promise<void> {
  const caps = readCaps(presence);
  if (!caps) {
    if (wantedNodes.of(entry)) await want(account, entry, undefined, []);
    return;
  }
  const isSame = before.presence !== undefined && isSameCaps(caps, readCaps(Stanza.parse(before.presence)));
  if (before.available && isSame && wantedNodes.of(entry)) return;
  const known = await nodesOfHash(account, caps);
  if (known) return want(account, entry, known, before.available ? (wantedNodes.of(entry) ?? []) : []);
  // While the resource is available, what it wanted before counts until the client has answered.
  if (wantedNodes.of(entry) && !before.available) await want(account, entry, undefined, []);
  ask(account, entry, caps);
}

/** Asks the client what its hash stands for (XEP-0115 §6.2). */
function ask(account: Account, { sid }: SessionEntry, { node, ver }: Caps): void {
  const query = xml('query', { xmlns: infoNs, node: `${node}#${ver}` });
  const iq = xml('iq', { from: account.jid.toString(), type: 'get', id: askingId(account) }, query);
  account.deliver(iq, (other) => other.sid === sid);
}

/** Handles the client's answer. An answer that was not asked for is harmless, because it counts only for this session. */
async function learn(query: Element, account: Account, iq: Stanza): Promise<undefined> {
  if (!isAskingId(iq.id)) return;
  const [sessions] = await readSessions(account.turn.dependencies.store, [account]);
  const entry = sessions!.find(({ sid }) => sid === account.session?.sid);
  const caps = entry?.presence === undefined ? undefined : readCaps(Stanza.parse(entry.presence));
  if (!entry || !caps) return;
  const { node } = query.attrs as { node?: string };
  if (node !== undefined && node !== `${caps.node}#${caps.ver}`) return; // the answer belongs to older presence
  const wanted = await learnHash(account, caps, query);
  await want(account, entry, wanted, wantedNodes.of(entry) ?? []);
}

async function learnElsewhere(query: Element, account: Account, iq: Stanza): Promise<undefined> {
  await learnDistant(account, iq, query, sendItemsOnPresence);
}

/** Notes what the resource wants, and then sends the last items. What is published after the note reaches the resource anyway. */
async function want(
  account: Account,
  entry: SessionEntry,
  wanted: readonly string[] | undefined,
  before: readonly string[],
): Promise<void> {
  await changeEntry(account, (now) => wantedNodes.with(now, wanted));
  if (!entry.available || !wanted) return;
  const added = wanted.filter((node) => !before.includes(node));
  await sendLastItems(account, entry, added);
}
