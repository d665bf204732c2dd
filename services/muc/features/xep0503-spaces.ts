/** XEP-0503 §5.5: a room that belongs to a space says so. The space is the node in its configuration (`muc#roomconfig_pubsub`). */
import { renderForm } from '../../../lib/xmpp/data-form.ts';
import type { RoomFeature } from '../core/room-feature.ts';

const NS = 'urn:xmpp:spaces:0';

export const spaces: RoomFeature = {
  specs: [{ spec: 'XEP-0503', version: '0.3.0', title: 'Server-side spaces, of rooms' }],
  disco: {
    room: ({ pubsub }) => (pubsub ? [NS] : []),
    roomForms: ({ config: { pubsub } }) =>
      pubsub
        ? [renderForm({ type: 'result', formType: NS, fields: [{ var: 'parent', type: 'text-single', values: [pubsub] }] })]
        : [],
  },
};
