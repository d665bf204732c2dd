/**
 * XEP-0283: Moved. Somebody who has a new address asks contacts for a subscription and names the old address in the request. The server of the
 * contact looks at what the old address says of that (§4.4): its node `urn:xmpp:moved:1` has to name the new one, or it is `gone` to there.
 * Then the new address takes the place of the old one: the subscription that the old one had is its own, and the old one has none any more.
 *
 * Meanwhile the request is kept as any other that waits for an answer, and the account is not asked. What the old address says is waited
 * for in memory: if this router dies, the account is asked when a client of it comes online the next time.
 *
 * Hostile: whoever names an address that is not a subscriber gets no question sent; a subscriber's server is asked once for each new address,
 * and for a bounded number at a time. The old address loses its subscription before the new one has it, so it can be moved once.
 */
import { collection } from '../../../lib/runtime/collection.ts';
import { report } from '../../../lib/runtime/faults.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { Account } from '../core/account.ts';
import { withoutDeadline } from '../core/dependencies.ts';
import type { AccountFeature } from '../core/feature.ts';
import type { Pending } from '../core/stages.ts';
import { Turn } from '../core/turn.ts';
import { defaultConfig } from '../pep/node-config.ts';
import { approveRequest, offerRequest, revokeSubscription } from '../presence/subscription.ts';
import { findOwnContact, rosterKey } from '../roster/roster.ts';
import { hasFrom, hasTo } from '../roster/subscription-state.ts';
import { featureLimits } from './limits.ts';

const NS = 'urn:xmpp:moved:1';
const NS_PUBSUB = 'http://jabber.org/protocol/pubsub';
const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const idPrefix = 'moved-';

/** By the new address: the old one was asked, and has not answered. */
interface Asked {
  readonly old: string;
  /** The id of the question. Nobody else knows it. */
  readonly id: string;
  readonly untilMs: number;
  /** The account has not been asked about the request. */
  readonly isNew: boolean;
}

const asked = collection<Asked>('moved', 'account');

export const moved: AccountFeature = {
  spec: 'XEP-0283',
  version: '0.2.0',
  title: 'Moved, for contacts of those who move',
  note: 'Statements are read from the old account (§4.4), and not proved in other ways (§5.2).',
  nodes: [{ name: NS, config: defaultConfig }],
  checks,
  answered: takeAnswer,
};

/** §4.3: the old address has to be a subscriber. */
async function checks(account: Account, request: Stanza): Promise<((isNew: boolean) => Pending) | undefined> {
  const contact = request.from!.bare;
  const old = Jid.tryParse(request.child('moved', NS)?.getChildText('old-jid', NS)?.trim() ?? '');
  if (!old?.isBare || old.local === '' || old.equals(contact) || old.equals(account.jid)) return undefined;
  if (!hasFrom(await findOwnContact(account, old))) return undefined;
  return (isNew) => askOld(account, contact, old, isNew);
}

async function askOld(account: Account, contact: Jid, old: Jid, isNew: boolean): Promise<void> {
  const { clock } = account.turn.dependencies;
  const waiting = await account.list(asked, { limit: featureLimits.movedAtOnceMax });
  const before = waiting.find(({ key }) => key === rosterKey(contact));
  if (before !== undefined && before.value.untilMs > clock.now()) return;
  if (before === undefined && waiting.length >= featureLimits.movedAtOnceMax) {
    if (isNew) await offerRequest(account, contact);
    return;
  }
  const id = `${idPrefix}${clock.randomBytes(12).toString('base64url')}`;
  const untilMs = clock.now() + featureLimits.movedWaitMs;
  const row: Asked = { old: old.toString(), id, untilMs, isNew: isNew || before?.value.isNew === true };
  await account.rows.put(asked, rosterKey(contact), row); // before the answer, which may come in this same turn
  const items = xml('pubsub', { xmlns: NS_PUBSUB }, xml('items', { node: NS }, xml('item', { id: 'current' })));
  const question = xml('iq', { type: 'get', from: account.jid.toString(), to: old.toString(), id }, items);
  account.post(Buffer.from(question.toString()), account.turn.dependencies.ids.mint(), 'bounce');
  giveUpLater(account, contact, id);
}

/** §4.4. Anybody may send answers: it has to be the old address, with the id that only it was told. */
async function takeAnswer(account: Account, answer: Stanza): Promise<void> {
  if (!answer.id?.startsWith(idPrefix)) return;
  const waiting = await account.list(asked, { limit: featureLimits.movedAtOnceMax });
  const found = waiting.find(({ value }) => value.id === answer.id && answer.from?.toString() === value.old);
  if (found === undefined) return;
  const contact = Jid.parse(found.key);
  await settle(account, found, newAddress(answer)?.equals(contact) === true);
}

/** The address that the answer names; a server may say that the account has gone there. */
function newAddress(answer: Stanza): Jid | undefined {
  if (answer.type === 'error') {
    const uri = answer.child('error', 'jabber:client')?.getChildText('gone', NS_STANZAS) ?? '';
    return uri.startsWith('xmpp:') ? Jid.tryParse(decoded(uri.slice('xmpp:'.length))) : undefined;
  }
  const items = answer.child('pubsub', NS_PUBSUB)?.getChild('items', NS_PUBSUB);
  if (items?.attrs.node !== NS) return undefined;
  const statement = items
    .getChildren('item', NS_PUBSUB)
    .find(({ attrs }) => attrs.id === 'current')
    ?.getChild('moved', NS);
  return Jid.tryParse(statement?.getChildText('new-jid', NS)?.trim() ?? '');
}

/** RFC 5122. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return '';
  }
}

/**
 * In a turn of its own: one session may get several stanzas of it, and of a stanza that comes from elsewhere each is given one of a kind.
 * @param hasMoved the old address says so
 */
async function settle({ turn, tenant, local }: Account, { key, value }: Item<Asked>, hasMoved: boolean): Promise<void> {
  const account = new Account(new Turn(turn.dependencies), tenant, local);
  const contact = Jid.parse(key);
  const former = Jid.parse(value.old);
  const { name, groups } = await findOwnContact(account, former);
  const before = hasMoved ? await revokeSubscription(account, former, value.id) : undefined;
  if (before !== undefined) await approveRequest(account, contact, value.id, { asksBack: hasTo(before), name, groups });
  else if (value.isNew) await offerRequest(account, contact);
  await account.rows.delete(asked, key);
  await account.turn.finish();
}

/** A server that does not answer keeps nobody from being asked. */
function giveUpLater(account: Account, contact: Jid, id: string): void {
  const dependencies = withoutDeadline(account.turn.dependencies);
  const { tenant, local } = account;
  const giveUp = async (): Promise<void> => {
    const later = new Account(new Turn(dependencies), tenant, local);
    const row = await later.rows.get(asked, rosterKey(contact));
    if (row?.value.id === id) await settle(later, row, false);
  };
  dependencies.clock.after(featureLimits.movedWaitMs, () => {
    giveUp().catch((error: unknown) => report(dependencies.log, error, 'could not give up a question', { old: id }));
  });
}
