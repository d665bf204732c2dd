/** Starts a connection node with its heartbeat and its control subject. */

import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { serveControl } from '../../../lib/runtime/control.ts';
import type { NodeLoad, Release } from '../../../lib/runtime/nodes.ts';
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
  /** How long this process has used a core until now, ms. */
  readonly cpuMs?: () => number;
  /** More figures of this process for `skylark status`. */
  readonly figures?: () => Readonly<Record<string, number>>;
}

/**
 * Starts the node. `stop` first parks or ends its sessions. It deletes the node's row only when no session is left, because other
 * processes find the remaining sessions through that row.
 */
export async function startConnectionPart(
  dependencies: NodeDependencies,
): Promise<{ readonly node: ConnectionNode; isSurplus(): boolean; stop(): Promise<void> }> {
  const { bus, store, clock, log, name, release, figures } = dependencies;
  const node = await startConnectionNode({ ...dependencies, node: name });
  let isSurplus = false;
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
      load: loadOf(node, dependencies),
      onSurplus() {
        isSurplus = true;
        log.info('fewer processes are wanted, and this one goes');
        void node.drain('fewer processes are wanted, and it goes');
      },
      onError: (error) => log.warn({ err: error }, 'a heartbeat was skipped'),
    });
    const control = await serveControl(bus, node.subject, {
      log,
      isDraining: () => node.isDraining,
      drain() {
        void node.drain();
        return undefined;
      },
      undrain: () => node.undrain(),
      figures() {
        const { batchesInFlight: batches, ...stats } = node.stats;
        return { ...stats, batches, ...figures?.() };
      },
    });
    return {
      node,
      isSurplus: () => isSurplus,
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

/** What the node has to do, as its heartbeat tells it. */
function loadOf(node: ConnectionNode, { clock, cpuMs = () => 0 }: NodeDependencies): () => NodeLoad {
  let [usedMs, atMs] = [cpuMs(), clock.monotonic()];
  return () => {
    const [before, since] = [usedMs, atMs];
    [usedMs, atMs] = [cpuMs(), clock.monotonic()];
    const { streams, sessions } = node.stats;
    const passedMs = Math.max(1, atMs - since);
    return { held: Math.max(streams, sessions), cpuPercent: Math.round((100 * (usedMs - before)) / passedMs) };
  };
}
