/** How long an invite lasts, unless whoever makes it wants it shorter. */
import { runtimeLimits } from '../limits.ts';
import { countKey } from './policy-key.ts';

export const inviteDays = countKey('DAYS', 'how long an invite lasts', runtimeLimits.inviteDays, runtimeLimits.inviteDaysMax);
