/** Operations on the pairs of our domains and those of other servers: how they are, and that one tries again. */
import { z } from 'zod';
import { ask } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { duePairs } from '../../../lib/runtime/outbox.ts';
import { type PairsRequest, pairsAnswer, type RetryRequest, retryAnswer } from '../../../lib/runtime/pair-wire.ts';
import { shardCount } from '../../../lib/runtime/wire.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { routerLimits } from '../limits.ts';
import { domainInput, findTenant } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const peer = z.object({
  tenant: z.string(),
  /** Our domain of the pair: the tenant's, or that of its rooms. */
  host: z.string(),
  peer: z.string(),
  /** `unowned`: something waits, and no process that would send it answers. */
  state: z.enum(['open', 'connecting', 'resting', 'idle', 'unowned']),
  proof: z.string().optional(),
  lastError: z.string().optional(),
  /** Batches; absent when nobody who knows answers. */
  waiting: z.number().optional(),
  oldestMs: z.number().optional(),
  retryInMs: z.number().optional(),
});

type Peer = z.input<typeof peer>;

const shards = Array.from({ length: shardCount }, (_, shard) => shard);

export const peerList = operation({
  name: 'peer-list',
  input: z.strictObject({ domain: domainInput.optional() }),
  /** Those with the oldest batches first. `isMore`: there are more than are given. */
  output: z.object({ peers: z.array(peer), isMore: z.boolean() }),
  right: 'deployment.see',
  isRepeatable: true,
  help: 'Tells how the streams to other servers are, and what waits for them.',
  commands: ['peers'],
  http: { method: 'get', path: '/peers' },
  run: (dependencies, { domain }) => listPeers(dependencies, domain),
});

async function listPeers(
  dependencies: Dependencies,
  domain: string | undefined,
): Promise<{ readonly peers: Peer[]; readonly isMore: boolean }> {
  if (domain !== undefined) await findTenant(dependencies, domain);
  const found = await Promise.all(shards.map((shard) => listShard(dependencies, shard, domain)));
  const peers = found.flatMap((one) => one.peers).sort((one, other) => (other.oldestMs ?? 0) - (one.oldestMs ?? 0));
  const { peersShownMax } = routerLimits;
  return {
    peers: peers.slice(0, peersShownMax),
    isMore: peers.length > peersShownMax || found.some(({ isMore }) => isMore),
  };
}

export const peerTenantList = operation({
  name: 'peer-tenant-list',
  input: z.strictObject({ domain: domainInput }),
  output: z.object({ peers: z.array(peer), isMore: z.boolean() }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Tells how the streams of a tenant to other servers are, and what waits for them.',
  commands: { whyNone: "'peers' shows those of all tenants" },
  http: { method: 'get', path: '/tenants/{domain}/peers' },
  run: (dependencies, { domain }) => listPeers(dependencies, domain),
});

async function listShard(
  { bus, store }: Dependencies,
  shard: number,
  tenant: string | undefined,
): Promise<{ readonly peers: readonly Peer[]; readonly isMore: boolean }> {
  const request: PairsRequest = { kind: 'pairs', shard, tenant };
  try {
    const answer = await ask(bus, pairsAnswer, `s2s.${shard}`, encodeFrame(request), routerLimits.peersAnswerMs);
    return { peers: answer.take('pairs'), isMore: answer.take('isMore') === true };
  } catch {
    const peers: Peer[] = [];
    for await (const { pair } of duePairs(store, shard)) {
      if (tenant !== undefined && pair.tenant !== tenant) continue;
      if (peers.length === routerLimits.peersShownMax) return { peers, isMore: true };
      peers.push({ ...pair, state: 'unowned' });
    }
    return { peers, isMore: false };
  }
}

export const peerRetry = operation({
  name: 'peer-retry',
  input: z.strictObject({ domain: domainInput, peer: domainInput }),
  /** Our domains that try again: the tenant's, or that of its rooms. */
  output: z.object({ hosts: z.array(z.string()) }),
  right: 'tenant.policy',
  isRepeatable: true,
  help: 'Tries to reach another server at once, instead of after a pause.',
  commands: ['peer retry'],
  http: { method: 'post', path: '/tenants/{domain}/peers/{peer}/retry' },
  async run(dependencies, { domain, peer }) {
    await findTenant(dependencies, domain);
    const asked = await Promise.allSettled(
      shards.map(async (shard) => {
        const request: RetryRequest = { kind: 'retry', shard, tenant: domain, peer };
        const payload = encodeFrame(request);
        const answer = await ask(dependencies.bus, retryAnswer, `s2s.${shard}`, payload, routerLimits.peersAnswerMs);
        return answer.take('hosts');
      }),
    );
    const hosts = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    if (hosts.length > 0) return { hosts };
    if (asked.every(({ status }) => status === 'rejected'))
      throw new Refusal('unanswered', 'no process has streams to other servers');
    throw new Refusal('absent', `nothing of '${domain}' waits for '${peer}', and there is no stream to it`);
  },
});
