/** The options of `skylark user …` and `skylark tenant …`. */
import { choiceOption, type Options, optionalText, switchOption, textOption } from '../core/arguments.ts';
import { data, dynamodb, json, region, tablePrefix } from '../core/options.ts';

const dataOnly = { data } satisfies Options;
/** Where the accounts are stored: in a data folder, or in the tables of a cell. */
export const place = { data, dynamodb, region, tablePrefix } satisfies Options;

export const passwordOptions = {
  password: textOption('TEXT', 'the password; other users of this machine may see it in the list of processes', 'a password'),
  ...place,
} satisfies Options;
export const userListOptions = {
  online: switchOption('print only those that have a session'),
  details: switchOption('also print the role of each, and when it was last seen'),
  ...place,
} satisfies Options;
export const userRemoveOptions = dataOnly;
export const tenantAddOptions = {
  cell: optionalText('NAME', 'its cell, if the tables know several', 'the name of a cell', /^[a-z][a-z0-9-]{0,19}$/),
  prove: choiceOption('yes|no', 'whether a TXT record has to prove the domain first; without it, as the service does', [
    'yes',
    'no',
  ]),
  registration: choiceOption('open|closed', 'whether anyone may register an account; the default is closed', ['open', 'closed']),
  ...place,
} satisfies Options;
export const tenantProveOptions = { ...place } satisfies Options;
export const tenantRemoveOptions = {
  force: switchOption('remove its accounts too, with all their data'),
  data,
} satisfies Options;
export const tenantListOptions = { json, ...place } satisfies Options;
/** Where the service has to be reached: sessions and rooms are told over its bus. */
export const runningOptions = dataOnly;
export const runningListOptions = { json, data } satisfies Options;
export const roomDestroyOptions = {
  reason: textOption('TEXT', 'what the occupants are told', 'a text'),
  data,
} satisfies Options;
