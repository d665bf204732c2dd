/**
 * What becomes of an open session when that with which its owner signed in is over: the token or the certificate, or what a webhook said.
 * `end`: its stream ends, and goes on with what is still good.
 */
import { choiceKey } from './policy-key.ts';

export const expiredSessions = choiceKey(
  ['stay', 'end'],
  'whether open sessions end when the token or certificate with which they began has expired',
  { preset: 'stay', strictest: 'end' },
);
