/** How many accounts people may make for themselves in a day (UTC), beside the rates that hold everywhere. Those who have an invite do not count. */
import { runtimeLimits } from '../limits.ts';
import { numberKey } from './policy-key.ts';

const max = runtimeLimits.registrationsPerDayMax;

export const registrationsPerDay = numberKey('N', 'how many accounts may be registered in a day; 0: as many as come', 0, max);

export const registrationsPerAddress = numberKey(
  'N',
  'how many accounts may be registered in a day from one address; 0: as many as come',
  0,
  max,
);
