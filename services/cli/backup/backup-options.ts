/** The options of `skylark backup` and `skylark restore`. */
import { type Options, pathOption, switchOption, type Values } from '../core/arguments.ts';
import * as shared from '../core/options.ts';

export const backupOptions = {
  data: shared.data,
  keys: pathOption('FOLDER', 'copy the keys, too, into a folder of their own: whoever has both has all secrets'),
} satisfies Options;

export const restoreOptions = {
  data: shared.data,
  keys: pathOption('FOLDER', 'take the keys from this copy; without it, those in the data folder stay'),
  replace: switchOption('if the data folder holds a service already, move what it holds aside'),
} satisfies Options;

export type BackupValues = Values<typeof backupOptions>;
export type RestoreValues = Values<typeof restoreOptions>;
