/** XEP-0092: Software Version of the tenant's domain. The operating system is not revealed (§4). */
import { xml } from '../../../lib/xmpp/element.ts';
import type { AccountFeature } from '../core/feature.ts';

const NS = 'jabber:iq:version';

export const softwareVersion: AccountFeature = {
  spec: 'XEP-0092',
  version: '1.1',
  title: 'Software Version',
  disco: { host: [NS] },
  hostIq: [
    {
      type: 'get',
      ns: NS,
      name: 'query',
      forGuests: true,
      handle: (_request, host) =>
        xml('query', { xmlns: NS }, xml('name', {}, 'Skylark'), xml('version', {}, host.turn.dependencies.version)),
    },
  ],
};
