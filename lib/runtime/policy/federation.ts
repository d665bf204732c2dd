/** With whose servers the tenant's people and rooms may talk; `block` wins over all of it. */
import { choiceKey } from './policy-key.ts';

export const federation = choiceKey(
  ['open', 'listed', 'closed'],
  'other servers: all but those of --block, those of --allow, or none',
  { preset: 'open', strictest: 'closed' },
);
