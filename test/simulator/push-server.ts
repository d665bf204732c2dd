/**
 * An app server: a session of an account that is always there. What routers send it counts when it leaves them: how a push gets further is
 * not what is looked at here.
 */
import type { Bus } from '../../lib/ports/bus.ts';
import type { Store } from '../../lib/ports/store.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { type SessionEntry, updateSessions } from '../../lib/runtime/sessions.ts';
import type { DeliverReply, DeliverRequest } from '../../lib/runtime/wire.ts';
import { withBus } from './plant.ts';
import type { PushHistory } from './push-history.ts';
import type { World } from './world.ts';

export const pushNode = 'n.push.1';
const [local, domain, resource] = ['push', 'b.example', 'app'];
export const pushAccount = `${local}@${domain}`;
export const pushServer = `${pushAccount}/${resource}`;

export class PushServer {
  readonly #world: World;
  readonly #history: PushHistory;

  constructor(world: World, history: PushHistory) {
    this.#world = world;
    this.#history = history;
  }

  async prepare(store: Store): Promise<void> {
    const entry: SessionEntry = { node: pushNode, sid: 'app', resource, boundAt: 1, available: true, priority: 0 };
    await updateSessions(store, { domain, local }, () => [entry]);
  }

  /** The bus of a router, with the app server at it. */
  at(bus: Bus): Bus {
    return withBus(bus, {
      request: (subject, payload, options) =>
        subject === pushNode ? Promise.resolve(this.#take(payload)) : bus.request(subject, payload, options),
    });
  }

  #take(payload: Uint8Array): Uint8Array {
    const { bodies } = decodeFrame<DeliverRequest>(payload);
    for (const body of bodies) {
      const client = /<publish node="([^"]*)"|<publish node='([^']*)'/.exec(body.toString());
      const name = client?.[1] ?? client?.[2];
      if (name === undefined) continue;
      this.#world.note('push for', name);
      const count = /var=['"]message-count['"]><value>(\d+)</.exec(body.toString())?.[1];
      const id = / id=['"]([^'"]*)['"]/.exec(body.toString())?.[1] ?? '';
      this.#history.push(name, { id, atMs: this.#world.nowMs, count: Number(count) });
    }
    return encodeFrame({ missing: [] } satisfies DeliverReply);
  }
}
