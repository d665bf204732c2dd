/** Deletes a row of the outbox, when the peer has confirmed it or its senders were told; it is tried until it succeeds. */
import { sleep } from '../../../lib/ports/clock.ts';
import { deleteFromOutbox, type PairName } from '../../../lib/runtime/outbox.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { federationLimits } from '../limits.ts';
import { withoutRow } from './departing.ts';

/** @returns false when the process stops before */
export async function deleteRow(
  { store, clock, log }: Dependencies,
  name: PairName,
  key: string,
  isStopped: () => boolean,
): Promise<boolean> {
  if (key.startsWith(withoutRow)) return true;
  for (;;) {
    try {
      await deleteFromOutbox(store, name, key);
      return true;
    } catch (error) {
      log.warn({ err: error, ...name }, 'a row of the outbox could not be deleted');
      if (isStopped()) return false;
      await sleep(clock, federationLimits.storeRetryMs);
    }
  }
}
