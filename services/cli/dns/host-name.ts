/** Converts host names to the form of DNS: A-labels (RFC 5890), at most 253 characters, without the dot at the end. */
import { isIP } from 'node:net';
import { toASCII } from 'tr46';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import { UsageError } from '../core/report.ts';

/** Top-level domains that RFC 6761, RFC 6762 and RFC 7686 keep out of the public DNS. */
const privateNames: ReadonlySet<string> = new Set(['localhost', 'local', 'invalid', 'onion']);

/** @returns the name as A-labels; undefined when the text is not a host name, such as an IP address */
export function hostNameOf(text: string): string | undefined {
  let domain: string;
  try {
    ({ domain } = Jid.of('', text));
  } catch {
    return undefined;
  }
  const ascii = toASCII(domain);
  if (ascii === null || ascii === '' || ascii.length > xmppLimits.domainCharactersMax) return undefined;
  return domain.startsWith('[') || isIP(ascii) !== 0 || /(?:^|\.)\d+$/.test(ascii) ? undefined : ascii;
}

/** Reads the DOMAIN argument of a command. @throws {UsageError} that says what is wrong with it */
export function publicDomain(text: string): { readonly ascii: string; readonly unicode: string } {
  const shown = `'${text.length > 80 ? `${text.slice(0, 80)}…` : text}'`;
  const ascii = hostNameOf(text);
  if (ascii === undefined) {
    const bare = text.replaceAll(/[[\]]/g, '');
    if (isIP(bare) !== 0) throw new UsageError(`${shown} is an address: records are of names, such as example.org`);
    throw new UsageError(`${shown} is not a domain name such as example.org`);
  }
  const labels = ascii.split('.');
  if (privateNames.has(labels.at(-1)!))
    throw new UsageError(`${shown} is not a name of the public DNS, so nobody can look it up`);
  if (labels.length < 2) throw new UsageError(`${shown} has one label only; a domain is, for example, example.org`);
  return { ascii, unicode: Jid.of('', text).domain };
}

/** @returns the same name. @throws {UsageError} when a name that was composed, such as `files.DOMAIN`, is too long for DNS */
export function checkNameLength(name: string): string {
  if (name.length <= xmppLimits.domainCharactersMax) return name;
  throw new UsageError(
    `'${name}' has ${name.length} characters, and DNS takes ${xmppLimits.domainCharactersMax}: the domain is too long`,
  );
}
