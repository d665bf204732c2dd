/** Does the domain say with which others it talks (XEP-0485)? Then others may name it, too. */
import { choiceKey } from './policy-key.ts';

export const serverInfo = choiceKey(
  ['off', 'on'],
  'does the domain publish with which others it has streams, and may they name it (XEP-0485)',
  { preset: 'off', strictest: 'off' },
);
