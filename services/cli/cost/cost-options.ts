/** The options of `skylark cost`: what users do, and in which shape and Region the service runs. */
import { z } from 'zod';
import { choiceOption, type Option, type Options, switchOption, type Values } from '../core/arguments.ts';

interface Range {
  readonly min: number;
  readonly max: number;
  readonly isWhole?: boolean;
}

function numberOption(text: string, preset: number, { min, max, isWhole = false }: Range): Option<number> {
  const schema = z
    .string()
    .regex(isWhole ? /^\d{1,12}$/ : /^\d{1,9}(?:\.\d{1,6})?$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max);
  const allowed = `a${isWhole ? ' whole' : ''} number from ${min} to ${max}`;
  return { placeholder: 'N', text, allowed, schema, preset: `${preset}` };
}

const perDay = { min: 0, max: 100_000 };

export const costOptions = {
  users: numberOption('accounts', 10_000, { min: 1, max: 100_000_000, isWhole: true }),
  messages: numberOption('messages to people, sent by a user a day', 30, perDay),
  away: numberOption('of which the recipient is away, percent', 30, { min: 0, max: 100 }),
  outside: numberOption('messages to people at other servers, sent by a user a day; as many come from there', 0, perDay),
  chatStates: numberOption('“is typing” and the like, sent by a user a day', 60, perDay),
  roomMessages: numberOption('messages to rooms, sent by a user a day', 10, perDay),
  occupants: numberOption('people in a room who get them', 15, { min: 1, max: 5_000 }),
  roomEntries: numberOption('entries into rooms, with leaving again, by a user a day', 4, perDay),
  contacts: numberOption('of a user', 20, { min: 0, max: 5_000 }),
  online: numberOption('hours a day that a user has a stream', 8, { min: 0, max: 24 }),
  signIns: numberOption('new sessions of a user a day', 2, perDay),
  resumptions: numberOption('streams that come back to their session, of a user a day', 10, perDay),
  presence: numberOption('changes of presence besides, by a user a day', 4, perDay),
  pages: numberOption('pages of 20 messages that a user reads in archives a day', 6, perDay),
  filesMb: numberOption('of files that a user sends a day, MB', 1, { min: 0, max: 100_000 }),
  fileMb: numberOption('size of one file, MB', 0.5, { min: 0.001, max: 10_000 }),
  downloads: numberOption('of each file', 2, { min: 0, max: 5_000 }),
  retention: numberOption('days that archives and files are kept', 365, { min: 1, max: 36_500, isWhole: true }),
  tenants: numberOption('domains', 1, { min: 1, max: 1_000_000, isWhole: true }),
  peak: numberOption('the busiest hour, times an average one', 3, { min: 1, max: 100 }),
  shape: choiceOption('small|cell', 'cell (the default): services apart; small: one task with everything in it', [
    'small',
    'cell',
  ]),
  region: choiceOption('REGION', 'whose prices count: eu-central-1 (the default) or us-east-1', ['eu-central-1', 'us-east-1']),
  json: switchOption('print one JSON object instead of a table'),
} satisfies Options;

export type CostValues = Values<typeof costOptions>;
/** How much users do, as numbers; each option's text names the unit. */
export type Habits = Omit<CostValues, 'shape' | 'region' | 'json'>;
