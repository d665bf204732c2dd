/** The port for a CDN in front of the console, the REST API and the pages of invites (services/web/front.ts). */
import type { Hono } from 'hono';
import { systemClock } from '../../../lib/adapters/system-clock.ts';
import { startFront } from '../../web/front.ts';
import { webLimits } from '../../web/limits.ts';
import { UsageError } from '../core/report.ts';
import { listening } from './listening.ts';
import type { Serving } from './serving.ts';

/** How long a process goes on that is told to stop: half of the time that it has for that, at most. */
export function lingerMsOf({ stopSeconds }: Serving['values']): number {
  return Math.min(webLimits.frontLingerMs, (stopSeconds * 1_000) / 2);
}

/** @throws {UsageError} when one of the options is missing */
export async function startFrontPart(
  { values, cleanup }: Pick<Serving, 'values' | 'cleanup'>,
  app: Hono,
  { lingerMs }: { readonly lingerMs: number },
) {
  const { bind, frontPort: port, frontKey: key } = values;
  if (port === undefined || key === undefined) throw new UsageError('--front-port and --front-key are needed: both, or neither');
  const front = await listening(bind, { frontPort: port }, () =>
    startFront(app, { bind, port, key, lingerMs, clock: systemClock }),
  );
  cleanup.add('front', () => front.stop());
  return { front: front.address };
}
