/**
 * The lifetime of a process that serves until it is told to stop: its log, its signals, and a stop that is ordered and bounded.
 */
import pino, { type Logger } from 'pino';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { UsageError } from '../core/report.ts';
import { programLimits } from '../limits.ts';

const levels: readonly string[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** Logs to stderr. Each line is written at once, so that the last one before an end is not lost. @throws {UsageError} */
export function openLog(base: Readonly<Record<string, string>> = {}): Logger {
  // On a terminal the command itself prints what a person wants to know.
  const level = process.env.SKYLARK_LOG_LEVEL || (process.stderr.isTTY ? 'warn' : 'info');
  if (!levels.includes(level))
    throw new UsageError(`SKYLARK_LOG_LEVEL: '${level}' is not allowed; it takes ${levels.join(', ')}`);
  return pino({ level, base: { pid: process.pid, ...base } }, pino.destination({ dest: 2, sync: true }));
}

/** Steps that undo what was started. They run in reverse order. When one fails, the failure is logged and the next one runs. */
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
  /** Resolves with the name of the first signal, or with another reason to stop. */
  readonly over: Promise<string>;
  end(reason: string): void;
}

/**
 * From here on an uncaught error ends the process, and this function handles signals: the first one asks for a stop, and a second
 * one ends the process at once.
 */
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

/** Stops, and ends the process if that takes longer than `boundMs`. @returns the exit code */
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
