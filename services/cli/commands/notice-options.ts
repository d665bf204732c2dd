/** The options of `skylark announcement …`, `skylark motd …` and `skylark message …`. */
import { choiceOption, type Options, switchOption, textOption } from '../core/arguments.ts';
import { json } from '../core/options.ts';
import { runningOptions } from './account-options.ts';

const subject = textOption('TEXT', 'the subject of the message', 'a text');

export const motdSetOptions = { subject, ...runningOptions } satisfies Options;
export const announcementSendOptions = {
  all: switchOption('tell every account, also those that are away, instead of those that are online'),
  subject,
  json,
  ...runningOptions,
} satisfies Options;
export const messageSendOptions = {
  type: choiceOption('normal|chat|headline', 'the type of the message; the default is normal, and a headline is not kept', [
    'normal',
    'chat',
    'headline',
  ]),
  subject,
  ...runningOptions,
} satisfies Options;
