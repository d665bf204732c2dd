/** XEP-0413: the order in which the archive of a room is read. It is a part of each query of XEP-0313 (`lib/runtime/archive-page.ts`). */
import { NS_MAM } from '../../../lib/runtime/archive-page.ts';
import { orderFeatures } from '../../../lib/xmpp/order-by.ts';
import type { RoomFeature } from '../core/room-feature.ts';

export const orderBy: RoomFeature = {
  specs: [{ spec: 'XEP-0413', version: '0.2.1', title: 'Order-By, of archives of rooms' }],
  disco: { room: (config) => (config.archive ? orderFeatures(NS_MAM) : []) },
};
