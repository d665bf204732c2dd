/** The authorization server that is asked about tokens (RFC 7662), where `signIn` has `oauth`. */
import { z } from 'zod';
import { runtimeLimits } from '../limits.ts';
import { type PolicyKey, secretKey } from './policy-key.ts';
import { isPostAddress } from './webhook.ts';

const urlMax = runtimeLimits.policyUrlCharactersMax;
const textMax = runtimeLimits.jwtClaimCharactersMax;

function textKey(preset: string, placeholder: string, text: string): PolicyKey<string> {
  return {
    schema: z.string().max(textMax),
    ...{ preset, strictest: preset, placeholder, text },
    allowed: `at most ${textMax} characters, or 'none'`,
    fromText: (typed) => (typed === 'none' ? '' : typed),
  };
}

export const oauthUrl: PolicyKey<string> = {
  schema: z
    .string()
    .max(urlMax)
    .refine((given) => given === '' || isPostAddress(given), { error: "'oauthUrl' takes an https address" }),
  ...{ preset: '', strictest: '', placeholder: 'URL', text: 'with sign-in oauth: the https address of token introspection' },
  allowed: `an https address of at most ${urlMax} characters without a user or a fragment, or 'none'`,
  fromText: (typed) => (typed === 'none' ? '' : typed),
};

export const oauthClient = textKey('', 'ID', 'our client_id there; without it the secret is shown as a bearer token');
export const oauthSecret = secretKey('our client_secret there');
export const oauthClaim = textKey('username', 'NAME', 'the member of the answer that names the account, such as sub');
export const oauthScope = textKey('', 'SCOPE', 'the scope that tokens must have; without it, the audience (jwtAudience) decides');
