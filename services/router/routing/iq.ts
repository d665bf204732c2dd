/** Info/query (RFC 6120 §8.2.3, RFC 6121 §8.5): to oneself, to the host, to another account, to a resource. */
import { isParked } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { Account } from '../core/account.ts';
import { runGuards } from '../core/guard.ts';
import { checkGuest } from '../core/guests.ts';
import { HostContext } from '../core/host.ts';
import { answerOf, answerWith } from '../core/replies.ts';
import type { Turn } from '../core/turn.ts';

/** A session sends an iq. @throws {StanzaError} */
export async function sendIq(account: Account, stanza: Stanza, id: string): Promise<void> {
  checkShape(stanza);
  const isRequest = stanza.type === 'get' || stanza.type === 'set';
  const to = stanza.to;
  if (!to || to.equals(account.jid)) {
    if (isRequest) await answerSelf(account, stanza);
    else if (stanza.type === 'result') await takeResult(account, stanza);
    return;
  }
  await runGuards('outbound', stanza, account);
  const bytes = stanza.render({ ...stanza.attributes, from: account.fullJid.toString(), to: to.toString() });
  account.post(Stanza.parse(bytes), id, 'refuse');
}

/** RFC 6120 §8.2.3: `id` and `type` are required. A request has exactly one child, a result at most one. */
function checkShape(stanza: Stanza): void {
  const { id, type } = stanza.attributes;
  if (id === undefined) throw new StanzaError('bad-request', "an iq needs an 'id'");
  const count = stanza.children.length;
  if (type === 'get' || type === 'set') {
    if (count !== 1) throw new StanzaError('bad-request', `an iq of type '${type}' must have one child, not ${count}`);
  } else if (type === 'result') {
    if (count > 1) throw new StanzaError('bad-request', `an iq of type 'result' may have one child, not ${count}`);
  } else if (type !== 'error') {
    throw new StanzaError('bad-request', `unknown iq type '${type}'`);
  }
}

async function answerSelf(account: Account, iq: Stanza): Promise<void> {
  const request = iq.children[0]!;
  const route = account.turn.dependencies.features.self(iq.type!, request.ns, request.name);
  if (!route) throw new StanzaError('service-unavailable');
  checkGuest(account, route);
  const child = await route.handle(iq.child(request.name, request.ns)!, account, iq);
  const { to: from } = iq.attributes;
  account.turn.origin?.reply(Buffer.from(answerWith(iq, { from, to: account.fullJid.toString() }, child).toString()));
}

/** Handles an answer to a request of the server. Empty results, such as those to pushes (RFC 6121 §2.1.6), are ignored. */
async function takeResult(account: Account, iq: Stanza): Promise<void> {
  const child = iq.children[0];
  const route = child && account.turn.dependencies.features.self('result', child.ns, child.name);
  await route?.handle(iq.elementOf(child!), account, iq);
}

/** The tenant's domain, its host of files, its proxy for bytestreams, or its pubsub service. */
export type HostService = 'host' | 'uploads' | 'proxy' | 'pubsub';

/** Handles an iq for the tenant's domain or for one of its other hosts. @throws {StanzaError} */
export async function hostIq(turn: Turn, tenant: Tenant, iq: Stanza, service: HostService, id: string): Promise<void> {
  if (iq.type !== 'get' && iq.type !== 'set') return;
  const request = iq.children[0];
  const { features } = turn.dependencies;
  const route = request && features[service](iq.type, request.ns, request.name);
  if (!route) throw new StanzaError('service-unavailable');
  const host = hostContext(turn, tenant, iq, id);
  checkGuest(host.account, route);
  const child = await route.handle(iq.child(request.name, request.ns)!, host, iq);
  turn.answer(tenant, answerOf(iq, child));
}

/** What a handler sees of the host that a stanza has arrived at. */
export function hostContext(turn: Turn, tenant: Tenant, { from: sender }: Stanza, id: string): HostContext {
  const from = sender!;
  const account =
    from.domain === tenant.domain && from.local !== '' ? new Account(turn, tenant, from.local, ownSession(turn)) : undefined;
  return new HostContext(turn, tenant, account, id);
}

/** Handles an answer to a request that was sent in the name of the account. */
async function takeAnswer(account: Account, iq: Stanza): Promise<void> {
  const child = iq.type === 'result' ? iq.children[0] : undefined;
  const route = child && account.turn.dependencies.features.account('result', child.ns, child.name);
  await route?.handle(iq.elementOf(child!), account, iq);
  for (const answered of account.turn.dependencies.features.of('answered')) await answered(account, iq);
}

/** Handles an iq for an account of this tenant. @throws {StanzaError | Dropped} */
export async function arriveIq(account: Account, iq: Stanza): Promise<void> {
  await runGuards('inbound', iq, account);
  const isRequest = iq.type === 'get' || iq.type === 'set';
  const take = isRequest ? undefined : account.turn.dependencies.features.answerForSession(iq.id);
  if (take) return take(account, iq);
  const { resource } = iq.to!;
  if (resource !== '') {
    account.withSessions((sessions) => {
      const entry = sessions.find((session) => session.resource === resource);
      // the client of a parked session may not come back, and an iq needs an answer
      if (entry && !isParked(entry)) account.deliverTo([entry], iq.bytes, false);
      else if (isRequest) account.turn.bounce(account.tenant, iq, new StanzaError('service-unavailable')); // §8.5.3.2.3
    });
    return;
  }
  if (!isRequest) return takeAnswer(account, iq);
  const request = iq.children[0];
  const route = request && account.turn.dependencies.features.account(iq.type!, request.ns, request.name);
  // RFC 6121 §8.5.1: the answer is the same for an account that does not exist and for an unknown request
  if (!route || !(await account.exists())) throw new StanzaError('service-unavailable');
  const child = await route.handle(iq.child(request.name, request.ns)!, account, iq);
  account.turn.answer(account.tenant, answerOf(iq, child));
}

function ownSession(turn: Turn) {
  const { origin } = turn;
  return origin && { node: origin.node, sid: origin.sid, resource: origin.resource };
}
