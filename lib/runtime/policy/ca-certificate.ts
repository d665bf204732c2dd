/** CAs that a tenant names, each by its certificate. */
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { runtimeLimits } from '../limits.ts';
import type { PolicyKey } from './policy-key.ts';

const max = runtimeLimits.policyCaCharactersMax;

function isCa(given: string): boolean {
  try {
    return new X509Certificate(given).ca;
  } catch {
    return false;
  }
}

export function caKey(name: string, text: string): PolicyKey<string> {
  return {
    schema: z
      .string()
      .max(max)
      .refine((given) => given === '' || isCa(given), { error: `'${name}' takes the certificate of a CA (PEM)` }),
    ...{ preset: '', strictest: '', isFile: 'text', placeholder: '@FILE', text },
    allowed: `@ and a file with the certificate of a CA (PEM) of at most ${max} characters, or 'none'`,
    fromText: (typed) => (typed === 'none' ? '' : typed),
  };
}

export const certificateCa = caKey('certificateCa', "with sign-in certificate: the CA of people's certificates (PEM)");
