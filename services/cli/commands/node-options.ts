/** The options of `skylark status` and `skylark drain`. */
import type { Options } from '../core/arguments.ts';
import { data, json } from '../core/options.ts';

export const statusOptions = { json, data } satisfies Options;
export const drainOptions = { data } satisfies Options;
