/** What app servers are told with a push (XEP-0357 §7.1). They belong to whoever makes the client, and pass it on to others. */
import { choiceKey } from './policy-key.ts';

export const pushSummary = choiceKey(
  ['counts', 'sender', 'body'],
  'what app servers are told of what waits: how many messages, who has written last, too, or the text as well',
  { preset: 'counts', strictest: 'counts' },
);
