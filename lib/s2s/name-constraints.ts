/**
 * Name constraints of a CA (RFC 5280 §4.2.1.10). They bind the domain in each name that could prove one: a CA that is held to names in DNS
 * cannot evade it by SRVName or XmppAddr. Constraints on these two forms themselves (RFC 4985 §4) are not evaluated: a certificate with
 * names of the constrained form is refused.
 */
import { asciiDomain } from '../xmpp/idna.ts';
import type { CertificateNames, NameConstraints } from './certificate.ts';

/** @returns the name that is not allowed; undefined when all are */
export function forbiddenName(names: CertificateNames, { permitted, excluded }: NameConstraints): string | undefined {
  for (const { form } of [...permitted, ...excluded]) if (form !== 'dns' && names[form].length > 0) return names[form][0];
  const isPermitted = bases(permitted);
  const isExcluded = bases(excluded);
  return domainsOf(names).find(
    (name) =>
      (isPermitted.length > 0 && !isPermitted.some((base) => isWithin(name, base))) ||
      isExcluded.some((base) => isWithin(name, base) || isReached(name, base)),
  );
}

/** What each name is about, in A-labels; a name that is not a domain stands for itself, and is in no subtree. */
function domainsOf({ dns, srv, xmpp }: CertificateNames): string[] {
  return [...dns, ...srv.map((name) => name.replace(/^_[^.]*\./, '')), ...xmpp.map((name) => asciiDomain(name) ?? name)];
}

function bases(subtrees: NameConstraints['permitted']): string[] {
  return subtrees.flatMap((subtree) => (subtree.form === 'dns' ? [subtree.base] : []));
}

/** `.example.org`, with a dot, is taken for what is below alone, as OpenSSL does. */
function isWithin(name: string, base: string): boolean {
  return base === '' || name === base || name.endsWith(base.startsWith('.') ? base : `.${base}`);
}

/** A wildcard also stands for the one name that is excluded. */
function isReached(name: string, base: string): boolean {
  return name.startsWith('*.') && base.includes('.') && base.slice(base.indexOf('.')) === name.slice(1);
}
