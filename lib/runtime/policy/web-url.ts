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

/** Several of them, typed with commas between them; `none` empties the list. */
export function urlsKey(text: string): PolicyKey<readonly string[]> {
  const { statusUrlsMax } = runtimeLimits;
  const url = z
    .string({ error: 'a list of addresses takes text' })
    .max(max, { error: `an address of the web has at most ${max} characters` })
    .superRefine((given, context) => {
      if (!isWebUrl(given, false))
        context.addIssue(`'${given.slice(0, 100)}' is not an address of the web, such as https://status.example.net/x.json`);
    });
  const schema = z.array(url).max(statusUrlsMax, { error: `a list has at most ${statusUrlsMax} addresses` });
  return {
    schema: schema as unknown as z.ZodType<readonly string[], readonly string[]>,
    ...{ preset: [], strictest: [], placeholder: 'URL,…', text },
    allowed: `at most ${statusUrlsMax} addresses of https or http with commas between them, or 'none'`,
    fromText: (typed) => (typed === 'none' ? [] : typed.split(',').map((one) => one.trim())),
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
