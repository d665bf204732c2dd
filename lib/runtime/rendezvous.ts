/** Rendezvous hashing: who of the members owns a shard, without anybody deciding (DESIGN §2, rooms). */
import { createHash } from 'node:crypto';

/** The member with the highest hash; undefined without members. Losing a member moves only what it owned. */
export function ownerOf(shard: number, members: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestWeight = '';
  for (const member of members) {
    const weight = createHash('sha1').update(`${shard} ${member}`).digest('hex');
    if (best === undefined || weight > bestWeight) [best, bestWeight] = [member, weight];
  }
  return best;
}
