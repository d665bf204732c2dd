/** Names as certificates have them, and which of them a certificate covers. */
import { toASCII } from 'tr46';
import { xmppLimits } from '../xmpp/limits.ts';

const label = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
/** Node's own `domainToASCII` drops line breaks, and decodes `%2e`. */
const idna = { useSTD3ASCIIRules: true, checkHyphens: true, checkBidi: true, checkJoiners: true } as const;

/** The name as in DNS and certificates (A-labels); undefined for addresses and for texts that are not a name. */
export function asciiName(domain: string): string | undefined {
  const name = toASCII(domain, idna) ?? '';
  const labels = name.split('.');
  const isName = labels.every((each) => each.length <= xmppLimits.domainLabelOctetsMax && label.test(each));
  return isName && name.length <= xmppLimits.domainCharactersMax && !/^\d+$/.test(labels.at(-1)!) ? name : undefined;
}

/** The same, if a public CA could prove it; `localhost` cannot be proven. */
export function dnsName(domain: string): string | undefined {
  const name = asciiName(domain);
  return name?.includes('.') ? name : undefined;
}

/** @returns whether a certificate for these names is valid for that one (RFC 6125 §6.4.3) */
export function covers(names: readonly string[], name: string): boolean {
  const parent = name.slice(name.indexOf('.') + 1);
  return names.includes(name) || (parent.includes('.') && names.includes(`*.${parent}`));
}
