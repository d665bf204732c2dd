/** Guests: who signs in without an account, where `signIn` has `anonymous` (RFC 4505). */
import { runtimeLimits } from '../limits.ts';
import { choiceKey, countKey } from './policy-key.ts';

const { guests, guestsPerAddress: perAddress, guestsMax: most } = runtimeLimits;

export const guestsMax = countKey('N', 'with sign-in anonymous: how many guests there may be at once', guests, most);

export const guestsPerAddress = countKey(
  'N',
  'with sign-in anonymous: how many guests may come from one address',
  perAddress,
  most,
);

export const guestReach = choiceKey(
  ['domain', 'everywhere'],
  'with sign-in anonymous: whom guests reach: the own domain and its rooms, or everybody',
  { preset: 'domain', strictest: 'domain' },
);
