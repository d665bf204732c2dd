/** `skylark certificate add|list|remove` change and list the certificates of tenants in the store. */
import { readFileSync, statSync } from 'node:fs';
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import { type CertificateEntry, Certificates } from '../../../lib/runtime/certificates.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { Tenants } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { daysLeft } from '../../certificates/due.ts';
import { certificateLimits } from '../../certificates/limits.ts';
import { BadCertificate, checkPem } from '../../certificates/pem.ts';
import { openKeys } from '../compose/certificate-keys.ts';
import { Refusal, reasonOf, say, UsageError } from '../core/report.ts';
import type { AddValues, ListValues, RemoveValues } from './certificate-options.ts';
import { type CertificateStore, openCertificateStore, type StoreValues } from './certificate-store.ts';

export async function addCertificate(values: AddValues, positionals: readonly string[]): Promise<number> {
  const domain = domainOf('certificate add', positionals);
  const chain = readPem('--cert', values.cert);
  const key = readPem('--key', values.key);
  return withStore(values, async ({ store, folder }) => {
    await checkTenant({ store, folder }, domain);
    const entry = check(domain, chain, key);
    const keys = await openKeys(values, folder);
    const sealedKey = await keys.seal(Buffer.from(key), domain);
    await new Certificates(store).put(entry, { chain, sealedKey });
    say(`added a certificate of ${domain} for ${entry.names.join(', ')}; ${daysLeft(entry, clock.now())} days left`);
    return 0;
  });
}

export async function removeCertificate(values: RemoveValues, positionals: readonly string[]): Promise<number> {
  const domain = domainOf('certificate remove', positionals);
  return withStore(values, async ({ store }) => {
    if (!(await new Certificates(store).remove(domain))) throw new Refusal(`there is no certificate of '${domain}'`);
    say(`removed the certificate of ${domain}`);
    return 0;
  });
}

export async function listCertificates(values: ListValues, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0)
    throw new UsageError(`'${positionals[0]}' is an unexpected argument; see: skylark help certificate list`);
  return withStore(values, async ({ store }) => {
    const certificates = new Certificates(store);
    for (let after: string | undefined; ; ) {
      const page = await certificates.list(runtimeLimits.adminPageMax, after);
      for (const entry of page) say(values.json ? JSON.stringify(described(entry)) : line(entry));
      if (page.length < runtimeLimits.adminPageMax) return 0;
      after = page.at(-1)!.domain;
    }
  });
}

function described({ domain, names, source, fingerprint, ...times }: CertificateEntry) {
  const [notBefore, notAfter] = [times.notBeforeMs, times.notAfterMs].map((ms) => new Date(ms).toISOString());
  return { domain, names, source, notBefore, notAfter, daysLeft: daysLeft(times, clock.now()), fingerprint };
}

function line(entry: CertificateEntry): string {
  const { domain, names, source } = entry;
  return `${domain}  ${source}  ${daysLeft(entry, clock.now())} days left  ${names.join(' ')}`;
}

/** @returns the DOMAIN argument, prepared as a JID's domain. @throws {UsageError} */
export function domainOf(command: string, positionals: readonly string[]): string {
  const [text, ...rest] = positionals;
  if (text === undefined) throw new UsageError(`'skylark ${command}' needs a DOMAIN; see: skylark help ${command}`);
  if (rest.length > 0) throw new UsageError(`'${rest[0]}' is an unexpected argument; see: skylark help ${command}`);
  try {
    return Jid.of('', text).domain;
  } catch (error) {
    if (error instanceof StanzaError) throw new UsageError(`'${text}' is not a domain name`);
    throw error;
  }
}

/** @throws {Refusal} when the store has no such tenant */
export async function checkTenant({ store }: CertificateStore, domain: string): Promise<void> {
  if ((await new Tenants(store, clock).find(domain)) !== undefined) return;
  throw new Refusal(`there is no tenant '${domain}'; add it with: skylark tenant add ${domain}`);
}

export async function withStore(values: StoreValues, work: (open: CertificateStore) => Promise<number>): Promise<number> {
  const open = await openCertificateStore(values);
  try {
    return await work(open);
  } finally {
    await open.store.close();
  }
}

function check(domain: string, chain: string, key: string): CertificateEntry {
  try {
    return checkPem(domain, { chain, key }, 'pem', clock.now());
  } catch (error) {
    throw error instanceof BadCertificate ? new Refusal(error.message) : error;
  }
}

/** @throws {UsageError} when the file cannot be read or is too large */
function readPem(flag: string, path: string | undefined): string {
  if (path === undefined) throw new UsageError(`${flag} is needed; it takes the path of a file in PEM`);
  try {
    if (statSync(path).size <= certificateLimits.certificateBytesMax) return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${flag}: '${path}' cannot be read: ${reasonOf(error)}`);
  }
  throw new UsageError(`${flag}: '${path}' has more than ${certificateLimits.certificateBytesMax} bytes`);
}
