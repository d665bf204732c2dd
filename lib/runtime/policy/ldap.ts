/** The tenant's LDAP server, which says whether a password is right where `signIn` has `ldap` (RFC 4511). */
import { isIP } from 'node:net';
import { z } from 'zod';
import { runtimeLimits } from '../limits.ts';
import { caKey } from './ca-certificate.ts';
import { type PolicyKey, secretKey } from './policy-key.ts';

const textMax = runtimeLimits.ldapTextCharactersMax;

/** Stands for the name of whoever signs in, escaped. */
export const ldapName = '%u';

function isServer(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname, pathname, search, hash, username, password } = new URL(given);
  const isBare = ['', '/'].includes(pathname) && `${search}${hash}${username}${password}` === '';
  return ['ldap:', 'ldaps:'].includes(protocol) && isBare && hostname !== '' && isIP(hostname.replace(/^\[|\]$/g, '')) === 0;
}

function textKey(placeholder: string, text: string, allowed: string, isTaken: (given: string) => boolean): PolicyKey<string> {
  return {
    schema: z
      .string()
      .max(textMax)
      .refine((given) => given === '' || isTaken(given), { error: `it takes ${allowed}` }),
    ...{ preset: '', strictest: '', placeholder, text, allowed: `${allowed}, or 'none'` },
    fromText: (typed) => (typed === 'none' ? '' : typed),
  };
}

export const ldapUrl = textKey(
  'URL',
  'with sign-in ldap: the server, as ldaps://HOST, or ldap://HOST for StartTLS',
  'ldaps:// or ldap:// with the name of a host, and a port if you like',
  isServer,
);

export const ldapDn = textKey(
  'DN',
  `whose password it is, such as uid=${ldapName},ou=people,dc=example,dc=org`,
  `a DN with ${ldapName} in it`,
  (given) => given.includes(ldapName),
);

export const ldapBase = textKey('DN', 'where people are searched for', 'a DN', () => true);

export const ldapFilter = textKey(
  'FILTER',
  `what is searched for; without it, (uid=${ldapName})`,
  `a filter of RFC 4515 with ${ldapName} in it`,
  (given) => given.startsWith('(') && given.endsWith(')') && given.includes(ldapName),
);

export const ldapBindDn = textKey('DN', 'as whom to search; without it, nobody', 'a DN', () => true);

export const ldapBindSecret = secretKey('the password of whoever searches');

export const ldapCa = caKey('ldapCa', 'the CA of the LDAP server (PEM); without it, those of the web');
