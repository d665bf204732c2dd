/** What signs the tokens of the tenant's own system: the address of a JWK set (RFC 7517), or the set itself. */
import { z } from 'zod';
import { runtimeLimits } from '../limits.ts';
import type { PolicyKey } from './policy-key.ts';

const max = runtimeLimits.jwtKeysCharactersMax;

/** @returns the address, or undefined for a set that stands in the policy itself */
export function addressOfKeys(value: string): URL | undefined {
  return value.startsWith('https:') ? new URL(value) : undefined;
}

/** A set with private or secret keys is refused: it does not belong here, and everybody who may read the policy would see it. */
function problemOf(value: string): string | undefined {
  if (value === '') return undefined;
  if (value.startsWith('https:')) return URL.canParse(value) ? undefined : 'is not an address';
  let keys: unknown;
  try {
    ({ keys } = JSON.parse(value) as { keys?: unknown });
  } catch {
    return 'is neither an https address nor a JWK set';
  }
  if (!Array.isArray(keys) || keys.length === 0) return 'has no keys';
  const isPublic = keys.every((key: unknown) => typeof key === 'object' && key !== null && !('d' in key) && !('k' in key));
  return isPublic ? undefined : 'has keys that are not public; for a shared secret there is jwt-secret';
}

export const jwtKeys: PolicyKey<string> = {
  schema: z
    .string()
    .max(max)
    .superRefine((value, context) => {
      const problem = problemOf(value);
      if (problem !== undefined) context.addIssue(`'jwtKeys' ${problem}`);
    }),
  ...{
    preset: '',
    strictest: '',
    isFile: 'text',
    placeholder: 'URL|@FILE',
    text: 'public keys of tokens: the https address of a JWK set, or a file with one',
  },
  allowed: `an https address, @ and a file of at most ${max} characters, or 'none'`,
  fromText: (typed) => (typed === 'none' ? '' : typed),
};
