/** The figures of a connection node. */
import { systemClock } from '../../../lib/adapters/system-clock.ts';
import type { ConnectionNode } from '../../connection/node.ts';
import type { Metrics } from './metrics.ts';
import type { RunningTls } from './tls-source.ts';

const dayMs = 24 * 60 * 60 * 1_000;

export function tellNode(metrics: Metrics, node: ConnectionNode, { source }: RunningTls): void {
  metrics.gauges('Connections', ['peer', 'transport'], () =>
    node.openStreams.map(({ count: value, ...labels }) => ({ labels, value })),
  );
  metrics.gauge('Sessions', () => node.stats.sessions);
  metrics.gauge('Parked', () => node.stats.parked);
  metrics.gauge('BatchesInFlight', () => node.stats.batchesInFlight);
  metrics.latency('BatchLatency', node.latency);
  metrics.counter('Resyncs', () => node.stats.resyncs);
  metrics.gauge('CertificateDaysLeft', () => {
    const { expiresMs } = source;
    return expiresMs === undefined ? undefined : (expiresMs - systemClock.now()) / dayMs;
  });
}
