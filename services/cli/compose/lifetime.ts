/**
 * A process that serves until it is told to stop: its log, its signals, and a stop that is in order and bounded.
 */
import pino, { type Logger } from 'pino';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { UsageError } from '../core/report.ts';
import { programLimits } from '../limits.ts';

const levels: readonly string[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** To stderr, written at once, so that the last line before an end is not lost. @throws {UsageError} */
export function openLog(base: Readonly<Record<string, string>> = {}): Logger {
  // on a terminal the command's own lines say what a person wants to know
  const level = process.env.SKYLARK_LOG_LEVEL || (process.stderr.isTTY ? 'warn' : 'info');
  if (!levels.includes(level))
    throw new UsageError(`SKYLARK_LOG_LEVEL: '${level}' is not allowed; it takes ${levels.join(', ')}`);
  return pino({ level, base: { pid: process.pid, ...base } }, pino.destination({ dest: 2, sync: true }));
}

/** Steps that undo what was started, taken in the opposite order. A failure is logged, and the next step taken. */
export class Cleanup {
  readonly #log: Logger;
  readonly #steps: { readonly what: string; readonly run: () => Promise<unknown> | unknown }[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  add(what: string, run: () => Promise<unknown> | unknown): void {
    this.#steps.push({ what, run });
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.run();
        this.#log.debug({ step: step.what }, 'stopped');
      } catch (error) {
        this.#log.error({ err: error, step: step.what }, 'a part did not stop cleanly');
      }
    }
  }
}

export interface Lifetime {
  /** Of the first signal, or why else it is time to stop. */
  readonly over: Promise<string>;
  end(reason: string): void;
}

/** From here on a programming error ends the process, and signals are ours: the first stops, a second one ends at once. */
export function beginLifetime(log: Logger): Lifetime {
  const { promise, resolve } = Promise.withResolvers<string>();
  let firstSignalMs: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      const now = performance.now();
      firstSignalMs ??= now;
      if (now - firstSignalMs > programLimits.sameSignalMs) process.exit(signal === 'SIGINT' ? 130 : 143);
      resolve(signal);
    });
  }
  const die = (error: unknown) => {
    log.fatal({ err: error }, 'an unexpected error ends this process');
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  return {
    over: promise,
    end: resolve,
  };
}

/** @returns the exit code */
export async function stopWithin(
  log: Logger,
  stop: () => Promise<void>,
  boundMs: number = serviceLimits.shutdownMs,
): Promise<number> {
  const late = Symbol('late');
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<typeof late>((resolve) => {
    timer = setTimeout(resolve, boundMs, late);
  });
  const outcome = await Promise.race([stop(), bound]);
  clearTimeout(timer);
  if (outcome !== late) return 0;
  log.error({ boundMs }, 'did not stop in time');
  setImmediate(() => process.exit(1));
  return 1;
}
