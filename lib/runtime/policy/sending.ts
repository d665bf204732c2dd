/** How fast an account may send, in all its sessions to one node. Whoever sends faster is not refused but read later. */
import { runtimeLimits } from '../limits.ts';
import { countKey } from './policy-key.ts';

const { stanzasPerSecond: stanzas, stanzasPerSecondMax, kilobytesPerSecond: kilobytes, kilobytesPerSecondMax } = runtimeLimits;

export const stanzasPerSecond = countKey(
  'N',
  'how many stanzas an account may send per second in the long run; faster clients are read later',
  stanzas,
  stanzasPerSecondMax,
);

export const kilobytesPerSecond = countKey(
  'KIB',
  'how much an account may send per second in the long run, KiB; faster clients are read later',
  kilobytes,
  kilobytesPerSecondMax,
);
