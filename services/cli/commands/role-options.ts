/** The options of `skylark user role` and `skylark role list`. */
import { type Options, switchOption } from '../core/arguments.ts';
import { json } from '../core/options.ts';
import { place } from './account-options.ts';

export const userRoleOptions = {
  content: { ...switchOption('may also read messages that were reported'), isFlagOnly: true },
  ...place,
} satisfies Options;
export const roleListOptions = { json, ...place } satisfies Options;
