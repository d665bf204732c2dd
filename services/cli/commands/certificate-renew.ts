/** `skylark certificate renew` renews certificates by hand, as the scheduled Lambda function does by itself. */
import { readFileSync } from 'node:fs';
import { challtestsrvRecords } from '../../../lib/adapters/challtestsrv-records.ts';
import { dnsLookup } from '../../../lib/adapters/dns-lookup.ts';
import { route53Records } from '../../../lib/adapters/route53-records.ts';
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import type { DnsLookup, DnsRecords } from '../../../lib/ports/dns-records.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { dnsName } from '../../../lib/runtime/certificate-names.ts';
import { daysLeft } from '../../../lib/runtime/certificates.ts';
import { Tenants } from '../../../lib/runtime/tenants.ts';
import { accountKey } from '../../certificates/account.ts';
import { openAuthority } from '../../certificates/authority.ts';
import { type RenewalDependencies, type Result, renew } from '../../certificates/renewal.ts';
import { logResult, renewAll } from '../../certificates/tenant-walk.ts';
import { openKeys } from '../compose/certificate-keys.ts';
import { engineOptions } from '../compose/engine-options.ts';
import { openLog } from '../compose/lifetime.ts';
import { Refusal, reasonOf, say, UsageError } from '../core/report.ts';
import type { RenewValues } from './certificate-options.ts';
import { type CertificateStore, openCertificateStore } from './certificate-store.ts';
import { domainOf } from './certificates.ts';

/** @returns 1 when a renewal failed, or waits for a DNS record that only the owner of the domain can publish */
export async function renewCertificates(values: RenewValues, positionals: readonly string[]): Promise<number> {
  const domain = positionals.length === 0 ? undefined : domainOf('certificate renew', positionals);
  if (domain === undefined && values.force)
    throw new UsageError('--force needs a DOMAIN: CAs limit how many certificates they make');
  const { acme: url, acmeEmail: email } = values;
  const zone = values.dnsZone && dnsName(values.dnsZone);
  if (zone === undefined) throw new UsageError('--dns-zone is needed; it takes a domain name of yours, such as acme.example.org');
  const [records, lookup, trusted] = [openRecords(values), openLookup(values.dnsServers), readTrusted(values.acmeCa)];
  const log = openLog({ service: 'certificates' });
  return withStore(values, async ({ store, folder }) => {
    if (domain !== undefined) await checkTenant(store, domain);
    const keys = await openKeys(values, folder);
    const account = await accountKey(store, keys, url);
    const authority = openAuthority({ url, accountKey: account, email, trusted, clock, records, lookup, zone });
    const dependencies: RenewalDependencies = { store, keys, clock, lookup, authority, zone };
    const results =
      domain === undefined ? await renewAll(dependencies, { log }) : [await renew(dependencies, domain, values.force)];
    for (const result of results) {
      if (domain !== undefined) logResult(log, result, clock.now());
      say(values.json ? JSON.stringify(described(result)) : line(result));
    }
    return results.some(({ outcome }) => outcome === 'failed' || outcome === 'undelegated') ? 1 : 0;
  });
}

/** @throws {Refusal} when the store has no such tenant */
async function checkTenant(store: Store, domain: string): Promise<void> {
  if ((await new Tenants(store, clock).find(domain)) !== undefined) return;
  throw new Refusal(`there is no tenant '${domain}'; add it with: skylark tenant add ${domain}`);
}

async function withStore(values: RenewValues, work: (open: CertificateStore) => Promise<number>): Promise<number> {
  const open = await openCertificateStore(values);
  try {
    return await work(open);
  } finally {
    await open.store.close();
  }
}

function described({ domain, outcome, entry, error }: Result) {
  return { domain, outcome, ...(entry && { daysLeft: daysLeft(entry, clock.now()) }), ...(error && { error }) };
}

function line({ domain, outcome, entry, error }: Result): string {
  const left = entry === undefined ? 'none is served' : `${daysLeft(entry, clock.now())} days left`;
  return `${domain}  ${outcome}  ${left}${error === undefined ? '' : `: ${error}`}`;
}

/** Opens the DNS zone in which challenges are published. @throws {UsageError} */
function openRecords({ dns, dnsZoneId, region }: RenewValues): DnsRecords {
  if (dns !== 'aws') return challtestsrvRecords(dns);
  if (dnsZoneId === undefined) throw new UsageError('--dns-zone-id is needed; it takes the id of the hosted zone in Route 53');
  return route53Records({ ...engineOptions('aws', region), hostedZoneId: dnsZoneId, clock });
}

/** @param servers addresses with commas between them; empty for the system's. @throws {UsageError} */
function openLookup(servers: string): DnsLookup {
  try {
    return dnsLookup(servers === '' ? [] : servers.split(','));
  } catch {
    throw new UsageError(`--dns-servers: '${servers}' is not allowed; it takes addresses such as 192.0.2.1 or 192.0.2.1:5353`);
  }
}

/** @returns the text of the PEM file. @throws {UsageError} */
function readTrusted(path: string | undefined): string | undefined {
  try {
    return path && readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--acme-ca: '${path}' cannot be read: ${reasonOf(error)}`);
  }
}
