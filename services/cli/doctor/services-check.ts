/** Checks that an account finds the rooms (XEP-0045), uploads (XEP-0363), nodes (XEP-0060) and servers for calls (XEP-0215) of its domain by disco (XEP-0030). */
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { programLimits } from '../limits.ts';
import { checkCalls, NS_SERVICES } from './calls-check.ts';
import type { Opened, Patient } from './client-check.ts';
import { shown } from './findings.ts';
import { mechanismsOf, NS_SASL } from './mechanisms.ts';
import type { Names } from './names.ts';
import { BadPeer, type PeerStream } from './peer-stream.ts';
import { whyOf } from './reasons.ts';
import { ScramClient } from './scram-client.ts';
import { ask } from './stanzas.ts';
import { checkMessage, checkRoom } from './talk-check.ts';

const NS_BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
const NS_ITEMS = 'http://jabber.org/protocol/disco#items';
const NS_INFO = 'http://jabber.org/protocol/disco#info';
const NS_MUC = 'http://jabber.org/protocol/muc';
const NS_UPLOAD = 'urn:xmpp:http:upload:0';
const NS_NODES = 'http://jabber.org/protocol/pubsub#create-nodes';

export interface Account {
  readonly user: string;
  readonly password: string;
  /** true: messages to itself are kept, as those of people are. Else the account's archive stays as it is. */
  readonly isKept?: boolean;
}

/** Signs in and looks for the services. Closes the stream in any case. */
export async function checkServices(
  { stream, features }: Opened,
  account: Account,
  names: Names,
  patient: Patient,
): Promise<void> {
  const { domain, findings } = patient;
  const subject = `${account.user}@${domain}`;
  try {
    const mechanism = await signIn(stream, features, account);
    await stream.open(domain);
    const bound = await ask(stream, 'bind', 'set', undefined, `<bind xmlns='${NS_BIND}'/>`);
    const jid = bound.child('bind', NS_BIND)?.getChildText('jid') ?? '';
    findings.ok(subject, `signs in with ${mechanism}`);
    const hosts = await hostsOf(stream, domain);
    tell('rooms', hosts.get(NS_MUC), patient, "rooms are on 'conference.' of a tenant's domain; look at the log of the service");
    tell('uploads', hosts.get(NS_UPLOAD), patient, 'people cannot send files (XEP-0363) until the service has a place for them');
    const nodes = hosts.get(NS_NODES); // a tenant may do without
    findings.ok(domain, nodes === undefined ? 'there is no pubsub service' : `nodes at ${shown(nodes)}`);
    await checkMessage(stream, jid, account.isKept === true, patient);
    const rooms = hosts.get(NS_MUC);
    if (rooms !== undefined) await checkRoom(stream, rooms, patient);
    const host = hosts.get(NS_SERVICES);
    const answer = host && (await ask(stream, 'services', 'get', host, `<services xmlns='${NS_SERVICES}'/>`));
    await checkCalls(answer ? answer.child('services', NS_SERVICES) : undefined, names, patient);
  } catch (error) {
    findings.fail(subject, ...whyOf(error));
  } finally {
    stream.close();
  }
}

function tell(what: string, host: string | undefined, { domain, findings }: Patient, advice: string): void {
  if (host === undefined) findings.warn(domain, `no service for ${what} is announced`, advice);
  else findings.ok(domain, `${what} at ${shown(host)}`);
}

/** Signs in with the strongest mechanism of those that both sides know. @returns the mechanism. @throws {BadPeer | TooSlow} */
async function signIn(stream: PeerStream, features: Stanza, { user, password }: Account): Promise<string> {
  const offered = mechanismsOf(features);
  const mechanism = (['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'] as const).find((name) => offered.includes(name));
  if (mechanism === undefined) throw new BadPeer('the server offers neither SCRAM-SHA-256 nor SCRAM-SHA-1 nor PLAIN');
  const encode = (text: string) => Buffer.from(text).toString('base64');
  const auth = (first: string) => stream.send(`<auth xmlns='${NS_SASL}' mechanism='${mechanism}'>${encode(first)}</auth>`);
  if (mechanism === 'PLAIN') {
    auth(`\0${user}\0${password}`);
    await outcome(stream, 'success');
    return mechanism;
  }
  const scram = new ScramClient(mechanism, user, password);
  auth(scram.first);
  const final = await scram.final(await outcome(stream, 'challenge'));
  stream.send(`<response xmlns='${NS_SASL}'>${encode(final)}</response>`);
  scram.verify(await outcome(stream, 'success'));
  return mechanism;
}

/** Reads the server's next SASL element. @returns its decoded text. @throws {BadPeer | TooSlow} when another element comes */
async function outcome(stream: PeerStream, wanted: 'challenge' | 'success'): Promise<string> {
  const answer = await stream.read('the answer to the sign-in');
  if (answer.ns === NS_SASL && answer.name === 'failure') {
    const condition = answer.children.find(({ name }) => name !== 'text')?.name ?? 'unknown';
    throw new BadPeer(`the server refuses the sign-in: ${shown(condition)}`);
  }
  if (answer.ns !== NS_SASL || answer.name !== wanted)
    throw new BadPeer(`the server answers <${shown(answer.name)}/> to the sign-in`);
  return Buffer.from(answer.element().getText(), 'base64').toString();
}

/** @returns for each feature the first host that has it: the domain itself, or one of its disco items */
async function hostsOf(stream: PeerStream, domain: string): Promise<ReadonlyMap<string, string>> {
  const items = await ask(stream, 'items', 'get', domain, `<query xmlns='${NS_ITEMS}'/>`);
  const listed = (items.child('query', NS_ITEMS)?.getChildren('item') ?? []).flatMap(({ attrs }) => attrs.jid ?? []);
  const hosts = new Map<string, string>();
  for (const [index, host] of [domain, ...listed].slice(0, programLimits.doctorItemsMax).entries()) {
    const info = await ask(stream, `info-${index}`, 'get', host, `<query xmlns='${NS_INFO}'/>`).catch((error: unknown) => {
      if (error instanceof BadPeer && error.message.endsWith('answers with an error')) return undefined;
      throw error;
    });
    for (const { attrs } of info?.child('query', NS_INFO)?.getChildren('feature') ?? [])
      if (attrs.var !== undefined && !hosts.has(attrs.var)) hosts.set(attrs.var, host);
  }
  return hosts;
}
