/** Memory of idle streams: before, after, and when garbage collection and hibernation have had time to work. */
import { disperse, gather, watchLosses } from '../generator/crowd.ts';
import type { Endpoint } from '../generator/endpoint.ts';
import { pause } from '../pause.ts';
import { type Usage, usageOf } from '../usage.ts';
import { ModeFailed, type Outcome } from './outcome.ts';
import type { SignInServer } from './signin.ts';

export interface IdleOptions {
  readonly streams: number;
  /** ejabberd's stream processes hibernate after 30 s by default, so every server gets that time. */
  readonly settleSeconds: number;
  readonly sm: boolean;
}

/** What a server loads on first use does not belong to a stream. */
const warmUps = 20;

export async function idle(server: SignInServer, endpoint: Endpoint, options: IdleOptions): Promise<Outcome> {
  const { pid } = server;
  if (pid === undefined) throw new ModeFailed('memory can only be read with --pid');
  await disperse(await gather(endpoint, server.accounts, warmUps, server.pace, { prefix: 'warm' }));
  await pause(2_000);
  const before = usageOf(pid);
  const clients = await gather(endpoint, server.accounts, options.streams, server.pace, { sm: options.sm });
  const losses = watchLosses(clients);
  await pause(2_000);
  const full = usageOf(pid);
  await pause(options.settleSeconds * 1000);
  const settled = usageOf(pid);
  const lost = losses.count();
  await disperse(clients);
  const each = (what: 'rssBytes' | 'pssBytes', after: Usage) => (after[what] - before[what]) / options.streams / 1000;
  return {
    unit: 'streams',
    count: clients.length,
    lost,
    duplicated: 0,
    reordered: 0,
    figures: {
      rssKilobytesEach: each('rssBytes', settled),
      pssKilobytesEach: each('pssBytes', settled),
      rssKilobytesEachAtOnce: each('rssBytes', full),
      emptyMegabytes: before.rssBytes / 1e6,
      idleCpuMillisPerSecond: (settled.cpuMicros - full.cpuMicros) / 1000 / options.settleSeconds,
    },
  };
}
