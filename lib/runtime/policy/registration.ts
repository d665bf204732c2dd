/** May anyone make an account (XEP-0077)? */
import { choiceKey } from './policy-key.ts';

export const registration = choiceKey(['open', 'closed'], 'may anyone make an account', {
  preset: 'closed',
  strictest: 'closed',
});
