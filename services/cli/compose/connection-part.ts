/** Starts a connection node with its heartbeat and its control subject. */

import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { serveControl } from '../../../lib/runtime/control.ts';
import type { Release } from '../../../lib/runtime/nodes.ts';
import { Heartbeat } from '../../../lib/runtime/nodes.ts';
import { takeMarks } from '../../../lib/runtime/resync.ts';
import type { TlsSource } from '../../connection/door/tls.ts';
import { connectionLimits } from '../../connection/limits.ts';
import { type ConnectionDependencies, type ConnectionNode, startConnectionNode } from '../../connection/node.ts';

export interface Ports {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
}

export type ListenOptions = ConnectionDependencies['listen'];

interface NodeDependencies extends Ports {
  readonly name: string;
  readonly tls: TlsSource;
  readonly listen: ListenOptions;
  readonly reusePort?: boolean;
  readonly peers?: ConnectionDependencies['peers'];
  readonly proves?: ConnectionDependencies['proves'];
  readonly features?: ConnectionDependencies['features'] | undefined;
  readonly stopMs?: number;
  readonly drains?: ConnectionDependencies['drains'];
  readonly release?: Release;
  /** More figures of this process for `skylark status`. */
  readonly figures?: () => Readonly<Record<string, number>>;
}

/**
 * Starts the node. `stop` first parks or ends its sessions. It deletes the node's row only when no session is left, because other
 * processes find the remaining sessions through that row.
 */
export async function startConnectionPart(
  dependencies: NodeDependencies,
): Promise<{ readonly node: ConnectionNode; stop(): Promise<void> }> {
  const { bus, store, clock, log, name, release, figures } = dependencies;
  const node = await startConnectionNode({ ...dependencies, node: name });
  let marksAfter = '';
  try {
    const heartbeat = await Heartbeat.start({
      store,
      clock,
      kind: 'connection',
      name,
      subject: node.subject,
      release,
      async onBeat() {
        const page = { limit: connectionLimits.resyncMarksMax, after: marksAfter };
        marksAfter = await takeMarks(store, node.subject, page, (marks) => node.resync(marks));
      },
      onForgotten: () => node.dropSessions(),
      onError: (error) => log.warn({ err: error }, 'a heartbeat was skipped'),
    });
    const control = await serveControl(bus, node.subject, {
      log,
      isDraining: () => node.isDraining,
      drain: () => void node.drain(),
      figures() {
        const { batchesInFlight: batches, ...stats } = node.stats;
        return { ...stats, batches, ...figures?.() };
      },
    });
    return {
      node,
      async stop() {
        const isEmpty = await node.stop();
        await control.stop();
        if (isEmpty) await heartbeat.stop();
        else heartbeat.abandon();
      },
    };
  } catch (error) {
    await node.stop();
    throw error;
  }
}
