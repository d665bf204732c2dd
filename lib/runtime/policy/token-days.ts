/** How long a client that is not used can still sign in without a password. Tokens that were given out before keep their time. */
import { runtimeLimits } from '../limits.ts';
import { numberKey } from './policy-key.ts';

export const tokenDays = numberKey(
  'DAYS',
  'how long a client may stay away and still sign in with a token; 0: always with the password',
  runtimeLimits.tokenDays,
  runtimeLimits.tokenDaysMax,
);
