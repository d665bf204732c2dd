/** XEP-0199: XMPP Ping, answered by the tenant's domain, and by accounts for those who may see their presence. */
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { AccountFeature } from '../core/feature.ts';
import { mayProbe } from '../roster/roster.ts';

const NS = 'urn:xmpp:ping';
const pong = () => undefined;

export const ping: AccountFeature = {
  spec: 'XEP-0199',
  version: '2.0.1',
  title: 'XMPP Ping',
  disco: { host: [NS], account: [NS] },
  iq: [
    { type: 'get', ns: NS, name: 'ping', to: 'self', forGuests: true, handle: pong },
    {
      type: 'get',
      ns: NS,
      name: 'ping',
      to: 'account',
      async handle(_request, account, iq) {
        // This is also the answer for an account that does not exist.
        if (!(await mayProbe(account, iq.from!))) throw new StanzaError('service-unavailable');
        return undefined;
      },
    },
  ],
  hostIq: [{ type: 'get', ns: NS, name: 'ping', forGuests: true, handle: pong }],
};
