/** XEP-0202: Entity Time of the tenant's domain, in UTC. */
import { xml } from '../../../lib/xmpp/element.ts';
import type { AccountFeature } from '../core/feature.ts';

const NS = 'urn:xmpp:time';

export const entityTime: AccountFeature = {
  spec: 'XEP-0202',
  version: '2.0',
  title: 'Entity Time',
  disco: { host: [NS] },
  hostIq: [
    {
      type: 'get',
      ns: NS,
      name: 'time',
      forGuests: true,
      handle(_request, host) {
        const now = new Date(host.turn.dependencies.clock.timeOfDay());
        return xml('time', { xmlns: NS }, xml('tzo', {}, '+00:00'), xml('utc', {}, now.toISOString()));
      },
    },
  ],
};
