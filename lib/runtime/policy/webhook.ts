/** The tenant's own system that says whether a password is right, where `signIn` has `webhook`. */
import { z } from 'zod';
import { runtimeLimits } from '../limits.ts';
import { type PolicyKey, secretKey } from './policy-key.ts';

const max = runtimeLimits.policyUrlCharactersMax;

/** An https address that hides neither a user nor a part that is not sent. */
export function isPostAddress(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, username, password, hash } = new URL(given);
  return protocol === 'https:' && username === '' && password === '' && hash === '';
}

export const webhookUrl: PolicyKey<string> = {
  schema: z
    .string()
    .max(max)
    .refine((given) => given === '' || isPostAddress(given), { error: "'webhookUrl' takes an https address" }),
  ...{
    preset: '',
    strictest: '',
    placeholder: 'URL',
    text: 'with sign-in webhook: the https address that is asked about passwords',
  },
  allowed: `an https address of at most ${max} characters without a user or a fragment, or 'none'`,
  fromText: (typed) => (typed === 'none' ? '' : typed),
};

export const webhookSecret = secretKey('what signs the requests to the webhook');
