/** XEP-0199: XMPP Ping, answered by the host and by accounts for themselves. */
import type { AccountFeature } from '../feature.ts';

const NS = 'urn:xmpp:ping';
const pong = () => undefined;

export const ping: AccountFeature = {
  spec: 'XEP-0199',
  version: '2.0',
  title: 'XMPP Ping',
  disco: { host: [NS], account: [NS] },
  iq: [
    { type: 'get', ns: NS, name: 'ping', to: 'self', handle: pong },
    { type: 'get', ns: NS, name: 'ping', to: 'account', handle: pong },
  ],
  hostIq: [{ type: 'get', ns: NS, name: 'ping', handle: pong }],
};
