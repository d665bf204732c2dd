/** The options of `skylark webhook add`. */
import { hookEventTypes } from '../../../lib/runtime/hooks.ts';
import { type Options, textOption } from '../core/arguments.ts';
import { json } from '../core/options.ts';
import { runningOptions } from './account-options.ts';

export const webhookAddOptions = {
  events: textOption(
    'EVENT,…',
    `of what it is told, instead of all: ${hookEventTypes.join(', ')}`,
    'events with commas between them',
  ),
  json,
  ...runningOptions,
} satisfies Options;
