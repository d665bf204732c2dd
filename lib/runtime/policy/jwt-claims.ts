/** Which tokens of the tenant's own system are taken, and whose account they are for. */
import { z } from 'zod';
import { runtimeLimits } from '../limits.ts';
import type { PolicyKey } from './policy-key.ts';

function textKey(preset: string, placeholder: string, text: string): PolicyKey<string> {
  const max = runtimeLimits.jwtClaimCharactersMax;
  return {
    schema: z.string().max(max),
    ...{ preset, strictest: preset, placeholder, text },
    allowed: `at most ${max} characters, or 'none'`,
    fromText: (typed) => (typed === 'none' ? '' : typed),
  };
}

export const jwtIssuer = textKey('', 'TEXT', 'the issuer (iss) that tokens must have; needed for them');
export const jwtAudience = textKey('', 'TEXT', "the audience (aud) that tokens must have; without it, the tenant's domain");
export const jwtClaim = textKey('sub', 'NAME', 'the claim that names the account, by its local part or its address');
