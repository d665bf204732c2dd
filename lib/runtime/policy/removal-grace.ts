/** How long somebody can change their mind after they have removed their account (XEP-0077 §3.2). */
import { runtimeLimits } from '../limits.ts';
import { numberKey } from './policy-key.ts';

export const removalGraceDays = numberKey(
  'DAYS',
  'how long an account that its owner removes is only disabled before it is erased; 0: it is erased at once',
  0,
  runtimeLimits.removalGraceDaysMax,
);
