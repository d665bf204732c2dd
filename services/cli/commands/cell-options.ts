/** The options of `skylark cell …`. */
import { type Options, optionalText } from '../core/arguments.ts';
import { json } from '../core/options.ts';
import { place } from './account-options.ts';

export const cellListOptions = {
  json,
  tablePrefixes: optionalText(
    'PREFIX,…',
    'the tables of several cells, instead of --table-prefix',
    'prefixes of tables with commas between, such as skylark-,two-',
    /^[\w.-]{1,40}(?:,[\w.-]{1,40}){0,99}$/,
  ),
  ...place,
} satisfies Options;
