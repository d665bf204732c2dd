/** The options of `skylark setup`: all that a file of settings can say, and what only this command asks. */
import { z } from 'zod';
import { settingOptions } from '../compose/start-options.ts';
import { choiceOption, type Option, type Options, switchOption, textOption } from '../core/arguments.ts';

type Text = Option<string | undefined>;

/** The same option, checked in the same way, but kept as it is typed. It has no default here: what is not given is not written. */
function asTyped({ placeholder, text, allowed, schema }: Option<unknown>): Text {
  const typed = z
    .string()
    .refine((given) => schema.safeParse(given).success)
    .optional();
  return { placeholder, text, allowed, schema: typed, isFlagOnly: true };
}

export const typedSettings: Readonly<Record<string, Text>> = Object.fromEntries(
  Object.entries(settingOptions).map(([name, option]) => [name, asTyped(option)]),
);

export const setupOptions = {
  settings: textOption(
    'FILE',
    'the file to write; else /etc/skylark/skylark.toml for root, or ./skylark.toml',
    'the path of a file',
  ),
  reach: choiceOption(
    'here|everyone|web',
    "who connects: this machine alone; everyone, on the usual ports; 'web': the same, with the pages on port 443",
    ['here', 'everyone', 'web'],
  ),
  yes: { ...switchOption('ask nothing: what is not given is as it would be proposed'), isFlagOnly: true },
  replace: { ...switchOption('if the file is there, keep it beside as FILE.old'), isFlagOnly: true },
  show: { ...switchOption('write nothing: print what `skylark start` would take, and from where'), isFlagOnly: true },
  ...typedSettings,
} satisfies Options;

export type Reach = 'here' | 'everyone' | 'web';

/** What `skylark setup` was told. Settings are by the names of options, as one would type them. */
export interface SetupValues {
  readonly settings: string | undefined;
  readonly reach: Reach | undefined;
  readonly yes: boolean;
  readonly replace: boolean;
  readonly show: boolean;
  readonly [setting: string]: string | boolean | undefined;
}
