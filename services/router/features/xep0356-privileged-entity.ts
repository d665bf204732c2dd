/**
 * XEP-0356: Privileged Entity. A component of the tenant that an operator trusts acts for its accounts: it reads and changes rosters, sends
 * messages and requests in their name, and is told when they come online. What it may do stands in the tenant's row, and is looked at with
 * each of its stanzas.
 *
 * Nothing is kept of a request in somebody's name: the id under which it goes out says who gets the answer, and is signed.
 */
import { allows, type Privileges, privilegeNs } from '../../../lib/runtime/privileges.ts';
import { isSameSecret, keyedDigest } from '../../../lib/runtime/secrets.ts';
import { componentOf, type Tenant } from '../../../lib/runtime/tenants.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { answerOf, answerWith, type IqAnswer } from '../core/replies.ts';
import type { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';
import { itemElement, rosterNs, rosterVersion, unknownContact } from '../roster/roster.ts';
import { listAndCount } from '../roster/roster-totals.ts';
import { versionText, withAllShared } from '../roster/shared-groups.ts';
import { sendMessage } from '../routing/message.ts';

const NS_FORWARD = 'urn:xmpp:forward:0';
const NS_CLIENT = 'jabber:client';
const idPrefix = 'privileged-';

export const privilegedEntity: AccountFeature = {
  spec: 'XEP-0356',
  version: '0.4.1',
  title: 'Privileged Entity: rosters, messages, requests and presence of accounts for components that may',
  note: 'Presence of contacts (`roster`); presence of those who were online before the component connected; XEP-0355.',
  fromComponent: take,
  announced: (account, presence, before) => (before.available ? undefined : tell(account, presence)),
  departed: tell,
  answered: passOn,
};

/** @returns false when it is a stanza like any other */
async function take(turn: Turn, tenant: Tenant, stanza: Stanza, id: string): Promise<boolean> {
  const component = componentOf(tenant, stanza.from!.domain);
  if (component === undefined) return false;
  const { privileges = {} } = component;
  const work = workOf(turn, tenant, privileges, stanza, id);
  if (work === undefined) return false;
  turn.dependencies.log.info(
    { component: component.domain, to: stanza.attributes.to, stanza: stanza.name, type: stanza.type },
    'a component uses a privilege',
  );
  try {
    await work();
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    turn.bounce(tenant, stanza, error);
  }
  return true;
}

function workOf(
  turn: Turn,
  tenant: Tenant,
  privileges: Privileges,
  stanza: Stanza,
  id: string,
): (() => Promise<void>) | undefined {
  const { name, type } = stanza;
  const { domain, local, resource } = stanza.to!;
  if (domain !== tenant.domain || resource !== '') return undefined;
  if (name === 'message' && local === '' && stanza.hasChild('privilege', privilegeNs) && type !== 'error')
    return () => sendFor(turn, tenant, privileges, stanza, id);
  if (name !== 'iq' || local === '' || (type !== 'get' && type !== 'set')) return undefined;
  const account = new Account(turn, tenant, local, undefined, stanza.to!);
  if (stanza.hasChild('query', rosterNs)) return () => useRoster(account, privileges, stanza);
  if (stanza.hasChild('privileged_iq', privilegeNs)) return () => askFor(account, privileges, stanza);
  return undefined;
}

/** A component may know who has an account only if it may do what it asks for. @throws {StanzaError} */
async function check(account: Account, isAllowed: boolean): Promise<void> {
  if (!isAllowed) throw new StanzaError('forbidden');
  if (!(await account.exists())) throw new StanzaError('item-not-found', `there is no account ${account.jid}`);
}

/** §4. */
async function useRoster(account: Account, { roster }: Privileges, iq: Stanza): Promise<void> {
  await check(account, allows(roster, iq.type));
  const { turn, tenant } = account;
  let answer: IqAnswer;
  if (iq.type === 'get') {
    const contacts = await listAndCount(account);
    const all = withAllShared(account, contacts, unknownContact);
    const listed = all.filter(({ item }) => item.isListed).map(itemElement);
    answer = xml('query', { xmlns: rosterNs, ver: versionText(account, rosterVersion(contacts)) }, ...listed);
  } else
    answer = await turn.dependencies.features.self('set', rosterNs, 'query')!.handle(iq.child('query', rosterNs)!, account, iq);
  turn.answer(tenant, answerOf(iq, answer));
}

/** §5: as if the account had sent it, with its archive and its carbons. */
async function sendFor(turn: Turn, tenant: Tenant, { message }: Privileges, stanza: Stanza, id: string): Promise<void> {
  const wrapped = stanza.child('privilege', privilegeNs)?.getChild('forwarded', NS_FORWARD)?.getChild('message', NS_CLIENT);
  const from = wrapped?.attrs.from === undefined ? undefined : Jid.tryParse(wrapped.attrs.from);
  const isOurs = from !== undefined && from.domain === tenant.domain && from.resource === '' && from.local !== '';
  if (wrapped === undefined || !isOurs) throw new StanzaError('forbidden', 'what is sent is from the bare address of an account');
  const account = new Account(turn, tenant, from.local, undefined, from);
  await check(account, message === 'outgoing');
  await sendMessage(account, unwrapped(wrapped, {}), id);
}

/** §6. */
async function askFor(account: Account, { iq: granted = {} }: Privileges, outer: Stanza): Promise<void> {
  const { turn, tenant, jid } = account;
  const inner = outer.child('privileged_iq', privilegeNs)!.getChild('iq', NS_CLIENT);
  const request = inner?.getChildElements()[0];
  const ns = request?.getNS() ?? '';
  const isFit = inner !== undefined && inner.attrs.type === outer.type && Object.hasOwn(granted, ns);
  await check(account, isFit && allows(granted[ns], outer.type) && isFrom(inner, jid));
  const to = inner!.attrs.to === undefined ? jid : Jid.tryParse(inner!.attrs.to);
  if (to === undefined) throw new StanzaError('jid-malformed');
  const { id: innerId = '' } = inner!.attrs;
  if (to.equals(jid)) {
    const asked = unwrapped(inner!, { from: jid.toString(), to: jid.toString() });
    const route = turn.dependencies.features.self(outer.type!, ns, request!.name);
    if (route === undefined) throw new StanzaError('service-unavailable');
    const child = await route.handle(asked.child(request!.name, ns)!, account, asked);
    const answer = answerWith(asked, { from: jid.toString(), to: jid.toString() }, child);
    turn.answer(tenant, wrappedAnswer(answer, jid, outer.attributes.from!, outer.id));
    return;
  }
  const id = signedId(account, `${to}`, [outer.attributes.from!, outer.id ?? '', innerId]);
  account.post(unwrapped(inner!, { from: jid.toString(), to: `${to}`, id }), turn.dependencies.ids.mint(), 'refuse');
  await turn.drain();
}

function isFrom(inner: Element, jid: Jid): boolean {
  return inner.attrs.from === undefined || Jid.tryParse(inner.attrs.from)?.equals(jid) === true;
}

function unwrapped(element: Element, attributes: Readonly<Record<string, string>>): Stanza {
  const { xmlns: _, ...own } = element.attrs;
  return Stanza.parse(Buffer.from(xml(element.name, { ...own, ...attributes }, ...element.children).toString()));
}

/** §6.3: the answer, for the component. */
function wrappedAnswer(answer: Element, from: Jid, to: string, id: string | undefined): Element {
  answer.attrs.xmlns = NS_CLIENT;
  const forwarded = xml('forwarded', { xmlns: NS_FORWARD }, answer);
  return xml('iq', { type: 'result', from: from.toString(), to, id }, xml('privilege', { xmlns: privilegeNs }, forwarded));
}

/** Who gets the answer, signed for whoever gives it. @throws {StanzaError} when the component's own ids are too long for that */
function signedId(account: Account, asked: string, names: readonly [string, string, string]): string {
  const said = Buffer.from(JSON.stringify(names)).toString('base64url');
  if (said.length > routerLimits.privilegedIdCharactersMax) throw new StanzaError('not-acceptable', 'the ids are too long');
  return `${idPrefix}${said}.${signature(account, asked, said)}`;
}

function signature({ tenant, jid }: Account, asked: string, said: string): string {
  return keyedDigest(tenant.secret, 'privileged iq', jid.toString(), asked, said);
}

/** Anybody may send answers: only that of whoever was asked has the right signature. */
function passOn(account: Account, answer: Stanza): void {
  const { id = '', from = account.jid.toString() } = answer.attributes;
  if (!id.startsWith(idPrefix)) return;
  const [said = '', signed = ''] = id.slice(idPrefix.length).split('.');
  if (!isSameSecret(signature(account, from, said), signed)) return;
  const [to, outerId, innerId] = JSON.parse(Buffer.from(said, 'base64url').toString()) as [string, string, string];
  const told = Stanza.parse(answer.render({ ...answer.attributes, id: innerId })).element();
  account.turn.answer(account.tenant, wrappedAnswer(told, account.jid, to, outerId));
}

/** §7.1: only when one comes, and when one goes. */
function tell(account: Account, presence: Stanza): void {
  for (const { domain, privileges } of account.tenant.components ?? []) {
    if (privileges?.presence === undefined) continue;
    const attributes = { ...presence.attributes, from: account.fullJid.toString(), to: domain };
    account.turn.post(account.tenant, presence.render(attributes), account.turn.dependencies.ids.mint());
  }
}
