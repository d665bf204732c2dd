/**
 * XEP-0065: SOCKS5 Bytestreams: the proxy of a tenant, at `proxy.example.org`, for its accounts. The bytes do not pass through the router: it
 * says where the relay is, and tells the relay which bytestream its initiator has asked for.
 */
import { createHash } from 'node:crypto';
import { activateAnswer, bytestreamSubject } from '../../../lib/runtime/bytestream-wire.ts';
import { ask } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { proxyDomain } from '../../../lib/runtime/tenants.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { ProxyPlace } from '../core/dependencies.ts';
import type { AccountFeature } from '../core/feature.ts';
import type { HostContext } from '../core/host.ts';
import { featureLimits } from './limits.ts';

const NS = 'http://jabber.org/protocol/bytestreams';
const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';

export const bytestreams: AccountFeature = {
  spec: 'XEP-0065',
  version: '1.8.2',
  title: 'SOCKS5 Bytestreams: a proxy for accounts of the tenant',
  note: 'Over TCP, where the whole service is one process (`--proxy-port`); not over UDP (§8).',
  proxyIq: [
    { type: 'get', ns: INFO, name: 'query', handle: describe },
    { type: 'get', ns: ITEMS, name: 'query', handle: list },
    { type: 'get', ns: NS, name: 'query', handle: tellAddress },
    { type: 'set', ns: NS, name: 'query', handle: activate },
  ],
};

/** @throws {StanzaError} where there is no proxy */
function placeOf({ turn }: HostContext): ProxyPlace {
  const { proxy } = turn.dependencies;
  if (proxy === undefined) throw new StanzaError('service-unavailable');
  return proxy;
}

function describe(request: Element, host: HostContext): Element {
  placeOf(host);
  if (request.attrs.node) throw new StanzaError('item-not-found');
  const features = [INFO, ITEMS, NS].map((name) => xml('feature', { var: name }));
  return xml('query', { xmlns: INFO }, xml('identity', { category: 'proxy', type: 'bytestreams', name: 'Proxy' }), ...features);
}

function list(request: Element, host: HostContext): Element {
  placeOf(host);
  if (request.attrs.node) throw new StanzaError('item-not-found');
  return xml('query', { xmlns: ITEMS });
}

/** §5.2. */
function tellAddress(_request: Element, host: HostContext): Element {
  const { host: name = host.tenant.domain, port } = placeOf(host);
  checkAccount(host);
  return xml('query', { xmlns: NS }, xml('streamhost', { jid: proxyDomain(host.tenant.domain), host: name, port }));
}

/** §5.3.5: the hash is made of the address that the initiator has proved, so it activates its own bytestreams alone. */
async function activate(request: Element, host: HostContext, iq: Stanza): Promise<undefined> {
  placeOf(host);
  checkAccount(host);
  const { sid } = request.attrs as { sid?: string };
  const target = Jid.tryParse(request.getChildText('activate', NS) ?? '');
  if (!sid || sid.length > featureLimits.bytestreamSidCharactersMax || target === undefined)
    throw new StanzaError('bad-request', 'an activation names the bytestream and its target');
  const from = iq.from!;
  const hash = createHash('sha1').update(`${sid}${from}${target}`).digest('hex');
  const payload = encodeFrame({ kind: 'activate', hash, account: `${from.bare}` });
  const { bus } = host.turn.dependencies;
  const refusal = (await ask(bus, activateAnswer, bytestreamSubject, payload, serviceLimits.forwardTimeoutMs)).take('refusal');
  if (refusal !== undefined) throw new StanzaError(refusal, undefined, refusal === 'not-allowed' ? { type: 'cancel' } : {});
}

/** §5.2: who may not use the proxy is told `forbidden`. */
function checkAccount({ account }: HostContext): void {
  if (!account?.session) throw new StanzaError('forbidden', 'the proxy is for accounts of this domain');
}
