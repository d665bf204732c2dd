/** The options of `skylark console`. */
import { type Options, originOption } from '../core/arguments.ts';
import { json } from '../core/options.ts';
import { place } from './account-options.ts';

/** The default of {@link webUrl} where no cell has told another one. */
export const localWebUrl = 'http://localhost:5280';

export const webUrl = originOption(
  `where the web pages are; default: where the service or the cell has them, else ${localWebUrl}`,
);

export const consoleOptions = { webUrl, json, ...place } satisfies Options;
