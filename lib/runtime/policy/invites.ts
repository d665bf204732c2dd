/** Who may invite people (XEP-0401). Operators of the deployment may while anybody may. */
import { choiceKey } from './policy-key.ts';

export const invites = choiceKey(['nobody', 'admins', 'members'], 'who may invite people to make an account', {
  preset: 'admins',
  strictest: 'nobody',
});
