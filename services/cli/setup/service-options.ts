/** The options of `skylark service install`. */
import { type Options, switchOption, textWith, type Values } from '../core/arguments.ts';
import * as shared from '../core/options.ts';

export const serviceInstallOptions = {
  settings: { ...shared.settings, text: 'the file of settings; else /etc/skylark/skylark.toml', allowed: 'the path of a file' },
  user: textWith(
    'NAME',
    'the user that the service runs as; it is made if it does not exist',
    'a name of lower-case letters, digits, _ and -',
    /^[a-z_][a-z0-9_-]{0,30}$/,
    'skylark',
  ),
  print: { ...switchOption('print the unit, and change nothing'), isFlagOnly: true },
} satisfies Options;

export type ServiceInstallValues = Values<typeof serviceInstallOptions>;
