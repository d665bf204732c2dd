/** What a process of a cluster is started with. */
import type { Logger } from 'pino';
import type { Release } from '../../../lib/runtime/nodes.ts';
import type { Health } from './health.ts';
import type { Cleanup } from './lifetime.ts';
import type { Metrics } from './metrics.ts';
import type { ServeValues } from './serve-options.ts';

export interface Serving {
  readonly values: ServeValues & { readonly name: string };
  /** Of its service, when that is known. */
  readonly release: Release | undefined;
  readonly log: Logger;
  readonly cleanup: Cleanup;
  readonly health: Health;
  readonly metrics: Metrics;
  /** What this process is for is gone: it ends with 1. */
  fail(reason: string): void;
  /** Its work is done: it ends with 0. */
  end(reason: string): void;
}
