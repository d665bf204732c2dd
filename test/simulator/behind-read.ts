/**
 * What is not promised to a client that reads its archive by itself (docs/reliability.md): that it finds by reading on what was committed
 * behind the last entry that it has read, soon after its id was minted.
 */
import { timeOfId } from '../../lib/runtime/ids.ts';
import type { History } from './history.ts';
import type { Witness } from './witness.ts';
import { epochMs } from './world.ts';

/** What is committed later is named in the cursor of the account: half of the overlap. */
const lateMs = 5_000;

export interface BehindReadFindings {
  readonly history: History;
  readonly witness: Witness;
}

/** @param owner bare JID of an account. @param id of a message in its archive */
export function isBehindRead({ history, witness }: BehindReadFindings, owner: string, id: string): boolean {
  const entry = witness.entryOf(owner, id);
  if (entry === undefined || entry.keptMs - (timeOfId(entry.stanzaId) - epochMs) > lateMs) return false;
  const reads = history.archiveReads.get(owner) ?? [];
  return reads.some(({ askedMs, last }) => last > entry.stanzaId && askedMs <= entry.keptMs);
}
