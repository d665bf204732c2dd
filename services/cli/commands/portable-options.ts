/** The options of `skylark import` and `skylark export`. */
import { choiceOption, type Options, switchOption } from '../core/arguments.ts';
import { json } from '../core/options.ts';
import { place } from './account-options.ts';

export const importOptions = {
  all: switchOption('take in the accounts of every domain in the file'),
  merge: switchOption('give accounts that are there already what they lack; passwords stay'),
  json,
  ...place,
} satisfies Options;

export const exportOptions = {
  for: choiceOption('any|ejabberd', "'ejabberd': with keys of passwords as ejabberd 23.01 reads them", ['any', 'ejabberd']),
  ...place,
} satisfies Options;
