/** The options of `skylark peers` and `skylark peer retry`. */
import { type Options, otherDomainOption } from '../core/arguments.ts';
import { data, json } from '../core/options.ts';

export const peersOptions = {
  domain: { ...otherDomainOption('of this tenant alone'), isFlagOnly: true },
  json,
  data,
} satisfies Options;
export const peerRetryOptions = { data } satisfies Options;
