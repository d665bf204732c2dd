/** How long a client that can be woken may stay away and still resume its session (XEP-0198, XEP-0357). */
import { runtimeLimits } from '../limits.ts';
import { countKey } from './policy-key.ts';

export const pushResumeHours = countKey(
  'HOURS',
  'how long the session of a client that can be woken by push can be resumed',
  runtimeLimits.pushResumeHours,
  runtimeLimits.pushResumeHoursMax,
);
