/** Who may make nodes at the pubsub service of the tenant (XEP-0060 §8.1). Admins may while there is one. */
import { choiceKey } from './policy-key.ts';

export const pubsub = choiceKey(
  ['off', 'admins', 'members'],
  "who may make nodes at 'pubsub.' of the domain; off: the domain has no pubsub service",
  { preset: 'members', strictest: 'admins' },
);
