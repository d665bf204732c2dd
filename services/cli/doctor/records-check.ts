/** Checks the DNS records of a domain: where its services are, and whether their addresses are public. */
import { challengeOf, wantedNames } from '../../certificates/names.ts';
import { programLimits } from '../limits.ts';
import { type Findings, shown } from './findings.ts';
import { isInner, type Names, type SrvTarget } from './names.ts';
import type { Place } from './peer-stream.ts';

export type Service = 'xmpp-client' | 'xmpps-client' | 'xmpp-server' | 'xmpps-server';

/** @returns where the service is; empty when it is not offered, undefined when DNS gives no answer */
export async function placesOf(service: Service, domain: string, names: Names, findings: Findings): Promise<Place[] | undefined> {
  const name = `_${service}._tcp.${domain}`;
  const answer = await names.srv(name);
  if (answer.kind === 'unknown') {
    findings.fail(name, `DNS does not answer: ${shown(answer.why)}`, 'look at the name servers of the domain');
    return undefined;
  }
  if (answer.kind === 'none') return noRecord(service, name, domain, names, findings);
  if (answer.values.every(({ host }) => host === '')) {
    if (service === 'xmpp-client') findings.fail(name, 'the record says that there is no such service', 'see: skylark dns');
    else findings.ok(name, 'the record says that there is no such service');
    return [];
  }
  const places: Place[] = [];
  for (const target of answer.values) places.push(...(await placesAt(name, target, names, findings)));
  return places.slice(0, programLimits.doctorPlacesMax);
}

async function placesAt(name: string, { host, port, priority }: SrvTarget, names: Names, findings: Findings): Promise<Place[]> {
  if (host === '') return [];
  const [alias, answer] = await Promise.all([names.alias(host), names.addresses(host)]);
  if (alias.kind === 'found') {
    findings.warn(name, `its target ${shown(host)} is a CNAME, which RFC 2782 forbids`, 'name the host that the alias points to');
  }
  if (answer.kind !== 'found') {
    const why = answer.kind === 'none' ? 'has no address' : `cannot be looked up: ${shown(answer.why)}`;
    findings.fail(name, `its target ${shown(host)} ${why}`, 'give the host A or AAAA records, or correct the SRV record');
    return [];
  }
  const [address = '', ...others] = answer.values;
  findings.ok(name, `${shown(host)}:${port}, priority ${priority}, ${answer.values.join(', ')}`);
  if (answer.values.every(isInner))
    findings.warn(
      name,
      `${shown(host)} has addresses of inner networks only`,
      'nobody reaches it from elsewhere; give it a public one',
    );
  return [{ host: shown(host), address, port, others }];
}

async function noRecord(service: Service, name: string, domain: string, names: Names, findings: Findings): Promise<Place[]> {
  if (service === 'xmpps-client')
    findings.warn(name, 'there is no record', 'without it clients cannot use direct TLS (XEP-0368); see: skylark dns');
  if (service !== 'xmpp-client') return [];
  const answer = await names.addresses(domain);
  if (answer.kind !== 'found') {
    findings.fail(name, 'there is no record, nor an address of the domain', 'publish what `skylark dns` prints');
    return [];
  }
  findings.warn(name, `there is no record; clients try ${domain}:5222 instead`, 'publish what `skylark dns` prints');
  return [{ host: domain, address: answer.values[0]!, port: 5222, others: answer.values.slice(1) }];
}

/**
 * Checks the `_acme-challenge` aliases (RFC 8555 §8.4) that automatic renewal of certificates needs.
 * @param zone where the records should point, if that is known
 */
export async function checkAcme(domain: string, zone: string | undefined, names: Names, findings: Findings): Promise<void> {
  for (const certified of wantedNames(domain)) {
    const { alias: name, target: wanted } = challengeOf(certified, zone ?? '');
    const answer = await names.alias(name);
    if (answer.kind === 'unknown') {
      findings.warn(name, `DNS does not answer: ${shown(answer.why)}`, 'look at the name servers of the domain');
    } else if (answer.kind === 'found') {
      const target = shown(answer.values[0]!);
      if (zone === undefined || target === wanted) findings.ok(name, `CNAME ${target}`);
      else findings.fail(name, `the CNAME points to ${target}`, `point it to ${wanted}`);
    } else if (certified !== domain) {
      findings.warn(
        name,
        'there is no CNAME',
        `a certificate that Skylark gets leaves ${certified} out until there is one: skylark dns`,
      );
    } else if (zone === undefined) {
      findings.warn(name, 'there is no CNAME', 'certificates of your own need none; those that Skylark gets do: skylark dns');
    } else {
      findings.fail(name, 'there is no CNAME', `make one to ${wanted}; without it the certificate cannot be renewed`);
    }
  }
}
