/** Where the pages of invites are, for links that clients are given. Without it, clients get the XMPP URI alone. */
import { z } from 'zod';
import { runtimeLimits } from '../limits.ts';
import type { PolicyKey } from './policy-key.ts';

const max = runtimeLimits.policyUrlCharactersMax;

/** An address of the web that nobody can hide a script in. The empty text: there is none. */
export function urlKey(placeholder: string, text: string, { isOrigin }: { readonly isOrigin: boolean }): PolicyKey<string> {
  const allowed = isOrigin
    ? "the beginning of a URL without a path, such as https://chat.example.org, or 'none'"
    : `a URL that begins with https:// or http:// and has at most ${max} characters, or 'none'`;
  return {
    schema: z
      .string()
      .max(max)
      .refine((given) => given === '' || isWebUrl(given, isOrigin), { error: `it takes ${allowed}` }),
    ...{ preset: '', strictest: '', placeholder, text, allowed },
    fromText: (typed) => (typed === 'none' ? '' : typed),
  };
}

function isWebUrl(given: string, isOrigin: boolean): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, origin, username, password } = new URL(given);
  if (!['https:', 'http:'].includes(protocol) || username !== '' || password !== '') return false;
  return !isOrigin || given === origin;
}

export const webUrl = urlKey('URL', 'where the web pages are that invites lead to, such as https://chat.example.org', {
  isOrigin: true,
});
