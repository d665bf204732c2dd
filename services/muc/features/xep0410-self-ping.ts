/**
 * XEP-0410: MUC Self-Ping, with the optimization: the room itself answers an occupant that pings its own nick, instead of passing
 * the request on to one of its clients. It answers pings to its own address, too (XEP-0199).
 */
import { NS_MUC, NS_PING } from '../core/namespaces.ts';
import type { RoomFeature } from '../core/room-feature.ts';

export const selfPing: RoomFeature = {
  specs: [{ spec: 'XEP-0410', version: '1.1.0', title: 'MUC Self-Ping, with the optimization' }],
  disco: { room: () => [NS_PING, `${NS_MUC}#self-ping-optimization`], service: [NS_PING] },
  iq: [{ type: 'get', ns: NS_PING, name: 'ping', handle: (turn, iq) => turn.result(iq) }],
  occupantIq: [
    {
      type: 'get',
      ns: NS_PING,
      name: 'ping',
      handle(turn, iq, asker, target) {
        if (target === asker) turn.result(iq);
        return target === asker;
      },
    },
  ],
  serviceIq: [{ type: 'get', ns: NS_PING, name: 'ping', handle: async () => undefined }],
};
