/** Makes the console. Files of npm packages come from the bundle if there is one. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Hono } from 'hono';
import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import { consoleApp } from '../../console/app.ts';
import { Live } from '../../console/core/live.ts';
import type { Outside } from '../../console/core/view.ts';
import { consoleLink } from '../../router/operations/console.ts';
import { operations } from '../../router/operations/index.ts';
import { Refusal } from '../core/report.ts';
import { version } from '../core/version.ts';
import { askRouter } from './admin-socket.ts';
import type { Cleanup } from './lifetime.ts';
import { packageFolder } from './package-folder.ts';
import type { Prometheus } from './prometheus.ts';

export interface ConsoleParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly cleanup: Cleanup;
  /** The figures of this process. Absent: they are of no interest to who looks at the deployment. */
  readonly prometheus?: Prometheus;
  readonly outside: Outside;
}

export function composeConsole({ bus, clock, log, cleanup, prometheus, outside }: ConsoleParts): Hono {
  const live = prometheus && new Live({ clock, log, figures: () => prometheus.values() });
  if (live) cleanup.add('live figures', () => live.stop());
  return consoleApp({ bus, clock, log, operations, version, assets: consoleAssets(), live, ...outside });
}

/** By the name under which each is served. A bundle has all of them in one folder. */
export function consoleAssets(): ReadonlyMap<string, string> {
  const bundled = fileURLToPath(new URL('console-assets', import.meta.url));
  const own = fileURLToPath(new URL('../../console/assets', import.meta.url));
  const folders = existsSync(bundled) ? [bundled, bundled, bundled] : [own, packageFolder('htmx.org'), packageFolder('uplot')];
  const [ours, htmx, uplot] = folders as [string, string, string];
  const inside = (folder: string, path: string) =>
    folder === bundled ? join(folder, path.split('/').at(-1)!) : join(folder, path);
  return new Map([
    ...['console.css', 'console.js', 'mark.svg'].map((name) => [name, join(ours, name)] as const),
    ['htmx.min.js', inside(htmx, 'dist/htmx.min.js')],
    ['hx-sse.min.js', inside(htmx, 'dist/ext/hx-sse.min.js')],
    ['uPlot.iife.min.js', inside(uplot, 'dist/uPlot.iife.min.js')],
    ['uPlot.min.css', inside(uplot, 'dist/uPlot.min.css')],
  ]);
}

/** Makes a link that opens the console once. @returns its path. @throws {Unavailable} */
export async function linkPath(bus: Bus): Promise<string> {
  const { ok, result, error } = await askRouter(bus, consoleLink.name, {});
  if (!ok) throw new Refusal(error ?? 'the service refuses without a reason');
  return consoleLink.output.parse(result).path;
}
