/** `skylark peers` lists the streams to other servers and what waits for them; `skylark peer retry` has one tried again at once. */
import type { z } from 'zod';
import { peerList, peerRetry } from '../../router/operations/peers.ts';
import type { Values } from '../core/arguments.ts';
import { say, UsageError } from '../core/report.ts';
import { tableOf } from '../core/table.ts';
import { all } from './admin-command.ts';
import { withAdmin } from './nodes.ts';
import type { peerRetryOptions, peersOptions } from './peer-options.ts';

type Peer = z.output<typeof peerList.output>['peers'][number];

export async function listPeers(values: Values<typeof peersOptions>, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0) throw new UsageError(`'${positionals[0]}' is an unexpected argument; see: skylark help peers`);
  return withAdmin(values.data, async (admin) => {
    const { peers, isMore } = await admin.ask(peerList, values.domain === undefined ? {} : { domain: values.domain });
    if (values.json) for (const peer of peers) say(JSON.stringify(peer));
    else say(...tableOf(['OURS', 'THEIRS', 'STATE', 'WAITING', 'OLDEST', 'PROOF'], peers.map(rowOf)), ...errorsOf(peers));
    if (isMore) say(values.json ? JSON.stringify({ isMore }) : 'There are more than these.');
  });
}

function rowOf({ host, peer, state, waiting, oldestMs, retryInMs, proof }: Peer): string[] {
  const again = retryInMs === undefined ? '' : `, again in ${inWords(retryInMs)}`;
  const oldest = oldestMs === undefined || !waiting ? '-' : inWords(oldestMs);
  return [host, peer, state + again, `${waiting ?? '?'}`, oldest, proof ?? '-'];
}

function errorsOf(peers: readonly Peer[]): string[] {
  return peers.flatMap(({ host, peer, lastError }) => (lastError === undefined ? [] : [`${host} → ${peer}: ${lastError}`]));
}

function inWords(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

export async function retryPeer(values: Values<typeof peerRetryOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, peer] = all('peer retry', ['DOMAIN', 'THEIRS'], positionals);
  return withAdmin(values.data, async (admin) => {
    const { hosts } = await admin.ask(peerRetry, { domain, peer });
    for (const host of hosts) say(`trying ${peer} again for ${host}`);
  });
}
