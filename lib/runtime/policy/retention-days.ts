/** How long messages and files are kept. Entries that are there already keep the time that they were written with. */
import { runtimeLimits } from '../limits.ts';
import { numberKey } from './policy-key.ts';

export const retentionDays = numberKey(
  'DAYS',
  'how long messages and files are kept; 0: for ever',
  0,
  runtimeLimits.retentionDaysMax,
);
