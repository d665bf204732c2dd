/**
 * Which shards of rooms a worker serves: all of them in one process; in a cluster each live worker takes those for which
 * its name draws the highest lot, so that a change moves only the shards of the worker that came or went.
 *
 * Two workers may think for a moment that a shard is theirs. That is harmless: rooms are fenced by their `state` row.
 */
import { createHash } from 'node:crypto';
import { shardCount } from './wire.ts';

export interface ShardOwner {
  owned(): ReadonlySet<number>;
  /** @returns stops the calls */
  onChange(changed: () => void): () => void;
}

/** The live workers as the registry of nodes knows them. */
export interface WorkerRegistry {
  live(): readonly { readonly name: string; readonly incarnation: string }[];
  onChange(changed: () => void): () => void;
}

export function allShards(): ShardOwner {
  const all = new Set(Array.from({ length: shardCount }, (_, shard) => shard));
  return { owned: () => all, onChange: () => () => {} };
}

/** Rendezvous hashing over the live workers. */
export function sharedShards(worker: string, registry: WorkerRegistry): ShardOwner {
  return {
    owned() {
      const names = new Set([worker, ...registry.live().map(({ name }) => name)]);
      const owned = new Set<number>();
      for (let shard = 0; shard < shardCount; shard++) if (winner(shard, names) === worker) owned.add(shard);
      return owned;
    },
    onChange: (changed) => registry.onChange(changed),
  };
}

function winner(shard: number, names: ReadonlySet<string>): string {
  let best = '';
  let most = '';
  for (const name of names) {
    const lot = createHash('sha1').update(`${shard}/${name}`).digest('hex');
    if (lot > most || (lot === most && name > best)) [best, most] = [name, lot];
  }
  return best;
}
