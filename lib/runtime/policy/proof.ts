/**
 * What proves another server's domain. `certificate`: dialback (XEP-0220) is neither offered nor used, so that nobody who controls DNS or the
 * path can pass for a domain.
 */
import { choiceKey } from './policy-key.ts';

export const proof = choiceKey(
  ['any', 'certificate'],
  'what proves another domain: its certificate or dialback, or its certificate alone',
  {
    preset: 'any',
    strictest: 'certificate',
  },
);
