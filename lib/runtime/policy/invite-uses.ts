/** How many people one invite may bring. Those of members bring one each. */
import { runtimeLimits } from '../limits.ts';
import { countKey } from './policy-key.ts';

export const inviteUses = countKey(
  'COUNT',
  'how many people one invite of an admin may bring',
  runtimeLimits.inviteUses,
  runtimeLimits.inviteUsesMax,
);
