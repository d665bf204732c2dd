/** How long what was acknowledged waits for a server that cannot be reached. */
import { runtimeLimits } from '../limits.ts';
import { numberKey } from './policy-key.ts';

export const hold = numberKey(
  'SECONDS',
  'how long messages wait for another server before they bounce; 0: not at all',
  runtimeLimits.peerHoldSeconds,
  runtimeLimits.peerHoldSecondsMax,
);
