/** The options of `skylark invite …` and `skylark user reset`. */
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { countOption, type Options, optionalCount, textOption } from '../core/arguments.ts';
import { json } from '../core/options.ts';
import { place } from './account-options.ts';
import { webUrl } from './console-options.ts';

/** The policy of a tenant may say where its pages are, and wins. */
const pages = { webUrl, json, ...place } satisfies Options;

export const inviteCreateOptions = {
  name: textOption('NAME', 'the user name of the new account, which is kept for it', 'a user name'),
  uses: countOption('how many people it may bring', runtimeLimits.inviteUsesMax, 1),
  days: optionalCount('how many days it lasts; by default as long as the policy allows', runtimeLimits.inviteDaysMax),
  ...pages,
} satisfies Options;
export const inviteListOptions = { json, ...place } satisfies Options;
export const inviteRevokeOptions = place;
export const userResetOptions = pages;
