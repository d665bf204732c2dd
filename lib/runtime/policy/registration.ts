/** May anyone make an account (XEP-0077)? `web`: on the page that `registrationUrl` names. */
import { choiceKey } from './policy-key.ts';

export const registration = choiceKey(
  ['open', 'closed', 'web'],
  'may anyone make an account: here, not at all, or on a web page',
  {
    preset: 'closed',
    strictest: 'closed',
  },
);
