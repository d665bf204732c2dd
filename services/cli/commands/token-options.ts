/** The options of `skylark token create`. */
import { jwtLimits } from '../../router/sasl/limits.ts';
import { countOption, type Options, switchOption } from '../core/arguments.ts';
import { json } from '../core/options.ts';
import { runningOptions } from './account-options.ts';

export const tokenCreateOptions = {
  seconds: countOption('how many seconds it is good', jwtLimits.mintedSecondsMax, jwtLimits.mintedSeconds),
  makes: { ...switchOption('make the account if there is none, without a password'), isFlagOnly: true },
  json,
  ...runningOptions,
} satisfies Options;
