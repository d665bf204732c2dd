/** What a process of a cluster is started with. */
import type { Logger } from 'pino';
import type { Undoing } from './lifetime.ts';
import type { ServeValues } from './serve-options.ts';

export interface Serving {
  readonly values: ServeValues;
  readonly log: Logger;
  readonly undoing: Undoing;
  /** What this process is for is gone: it ends with 1. */
  fail(reason: string): void;
}
