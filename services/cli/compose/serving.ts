/** What each process of a cluster gets when it starts: its options, log, health and metrics, and ways to end it. */
import type { Logger } from 'pino';
import type { Release } from '../../../lib/runtime/nodes.ts';
import type { Outside } from '../../console/core/view.ts';
import type { Health } from './health.ts';
import type { Cleanup } from './lifetime.ts';
import type { Metrics } from './metrics.ts';
import type { Prometheus } from './prometheus.ts';
import type { ServeValues } from './serve-options.ts';

export interface Serving {
  readonly values: ServeValues & { readonly name: string };
  /** What it does, such as `router`. */
  readonly service: string;
  /** The release of the service that this process belongs to, if it is known. */
  readonly release: Release | undefined;
  readonly log: Logger;
  readonly cleanup: Cleanup;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly prometheus: Prometheus;
  /** What the console is given by the commands. */
  readonly outside: Outside;
  /** Ends the process with exit code 1, because it can no longer do its work. */
  fail(reason: string): void;
  /** Ends the process with exit code 0, because its work is done. */
  end(reason: string): void;
}
