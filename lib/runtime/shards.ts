/** Which subject a room's stanzas go to, or those of a pair of domains: both are spread over a fixed number of shards. */
import { hash } from 'node:crypto';
import { runtimeLimits } from './limits.ts';
import { shardCount } from './wire.ts';

/** Each batch asks for its shard some six times. */
const known = new Map<string, number>();

export function shardOf(domain: string, room: string): number {
  const name = `${domain}/${room}`;
  let shard = known.get(name);
  if (shard === undefined) {
    shard = Number.parseInt(hash('sha1', name, 'hex').slice(0, 4), 16) % shardCount;
    if (known.size >= runtimeLimits.shardsKnownMax) known.clear();
    known.set(name, shard);
  }
  return shard;
}

/** The bus subject that the room's worker serves. */
export function roomShard(domain: string, room: string): string {
  return `m.${shardOf(domain, room)}`;
}
