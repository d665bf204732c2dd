/** How the people of the tenant may sign in. Several ways may be there at once. */
import { z } from 'zod';
import type { PolicyKey } from './policy-key.ts';

const ways = ['password', 'jwt', 'oauth', 'api', 'webhook', 'ldap', 'certificate', 'anonymous'] as const;
export type SignInWay = (typeof ways)[number];

const schema = z.array(z.enum(ways)).min(1).max(ways.length);

export const signIn: PolicyKey<readonly SignInWay[]> = {
  schema: schema as unknown as z.ZodType<readonly SignInWay[], readonly SignInWay[]>,
  ...{ preset: ['password'], strictest: ['password'], placeholder: 'WAY,…', text: `ways to sign in: ${ways.join(', ')}` },
  allowed: `one or more of ${ways.join(', ')} with commas between them`,
  fromText: (typed) => [...new Set(typed.split(',').map((one) => one.trim()))],
};
