/** Operations on the certificates of tenants' domains: which there are, giving one, and removing it. A private key is taken, and never given. */
import { z } from 'zod';
import { asciiName } from '../../../lib/runtime/certificate-names.ts';
import { BadCertificate, checkPem, keepPem, type Pem } from '../../../lib/runtime/certificate-pem.ts';
import { type CertificateEntry, Certificates, daysLeft } from '../../../lib/runtime/certificates.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { afterInput, domainInput, findTenant, pemInput, uncached } from './inputs.ts';
import { type Asked, operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const described = z.object({
  names: z.array(z.string()),
  /** Absent: it was stored before issuers were kept, or names none. */
  issuer: z.string().optional(),
  notBefore: z.string(),
  notAfter: z.string(),
  /** Negative when it has ended. */
  daysLeft: z.int(),
  /** SHA-256, hex. */
  fingerprint: z.string(),
  /** `pem` was given by somebody, who renews it as well. */
  source: z.enum(['acme', 'pem']),
});
const ofDomain = z.object({ domain: z.string(), ...described.shape });

export const certificateList = operation({
  name: 'certificate-list',
  input: z.strictObject({ after: afterInput }),
  output: z.object({ certificates: z.array(ofDomain), next: z.string().optional() }),
  right: 'deployment.see',
  isRepeatable: true,
  help: 'Lists a page of the certificates that the store has for tenants.',
  commands: ['certificate list'],
  http: { method: 'get', path: '/certificates' },
  async run({ store, clock }, { after }) {
    const found = await new Certificates(store).list(runtimeLimits.adminPageMax, after);
    return {
      certificates: found.map((entry) => ({ domain: entry.domain, ...describe(entry, clock.now()) })),
      next: found.length === runtimeLimits.adminPageMax ? found.at(-1)?.domain : undefined,
    };
  },
});

export const certificateShow = operation({
  name: 'certificate-show',
  input: z.strictObject({ domain: domainInput }),
  /** Absent: there is none in the store. The service may still have one in its files. */
  output: z.object({ certificate: described.optional() }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Tells the names, the issuer and the dates of the certificate that the store has for a tenant.',
  commands: ['certificate list'],
  http: { method: 'get', path: '/tenants/{domain}/certificate' },
  async run(dependencies, { domain }) {
    await findTenant(dependencies, domain);
    const found = await new Certificates(dependencies.store).find(domain);
    return found === undefined ? {} : { certificate: describe(found, dependencies.clock.now()) };
  },
});

export const certificateAdd = operation({
  name: 'certificate-add',
  input: z.strictObject({
    domain: domainInput,
    chain: pemInput.describe('the certificate of the domain, then each certificate before that of its issuer; PEM'),
    key: pemInput.describe('the private key of the certificate, without a passphrase; PEM'),
  }),
  output: ofDomain,
  right: 'tenant.policy',
  isRepeatable: true,
  help: 'Stores a certificate with its private key for a tenant, instead of the one that is there.',
  commands: ['certificate add'],
  http: { method: 'put', path: '/tenants/{domain}/certificate' },
  async run(dependencies, { domain, ...pem }, { rights, note }) {
    const { store, keys, clock } = dependencies;
    await findTenant(dependencies, domain);
    const certificates = new Certificates(store);
    const before = await certificates.find(domain);
    const entry = withOwnNames(check(domain, pem, clock.now()), rights);
    if (keys === undefined)
      throw new Refusal(
        'conflict',
        'private keys are not taken here: the service has no key to seal them with (--kms-key, --key-file)',
      );
    await keepPem({ store, keys }, entry, pem);
    if ((await uncached(dependencies).find(domain)) === undefined) {
      await certificates.remove(domain);
      throw new Refusal('absent', `tenant '${domain}' was removed meanwhile`);
    }
    const after = describe(entry, clock.now());
    note(before && describe(before, clock.now()), after);
    return { domain, ...after };
  },
});

export const certificateRemove = operation({
  name: 'certificate-remove',
  input: z.strictObject({ domain: domainInput }),
  output: z.object({ domain: z.string() }),
  right: 'tenant.policy',
  isRepeatable: true,
  help: 'Removes the certificate of a tenant, with its private key, from the store.',
  commands: ['certificate remove'],
  http: { method: 'delete', path: '/tenants/{domain}/certificate' },
  async run({ store, clock }, { domain }, { note }) {
    const certificates = new Certificates(store);
    const before = await certificates.find(domain);
    if (!(await certificates.remove(domain))) throw new Refusal('absent', `there is no certificate of '${domain}'`);
    note(before && describe(before, clock.now()), undefined);
    return { domain };
  },
});

function describe({ names, issuer, notBeforeMs, notAfterMs, fingerprint, source }: CertificateEntry, nowMs: number) {
  const [notBefore, notAfter] = [notBeforeMs, notAfterMs].map((ms) => new Date(ms).toISOString()) as [string, string];
  return {
    ...{ names: [...names], notBefore, notAfter, daysLeft: daysLeft({ notAfterMs }, nowMs), fingerprint, source },
    ...(issuer && { issuer }),
  };
}

/** @throws {Refusal} with what is wrong, which quotes names and dates of the certificate, and nothing of the key */
function check(domain: string, pem: Pem, nowMs: number): CertificateEntry {
  try {
    return checkPem(domain, pem, 'pem', nowMs);
  } catch (error) {
    throw error instanceof BadCertificate ? new Refusal('invalid', error.message) : error;
  }
}

/**
 * Anybody can make a certificate for any names. Given by somebody who is not of the deployment, it is shown for those of the tenant alone:
 * other tenants may have none of their own, and are served by that of the deployment.
 */
function withOwnNames(entry: CertificateEntry, rights: Asked['rights']): CertificateEntry {
  if (rights === undefined || rights.includes('deployment.run')) return entry;
  const own = asciiName(entry.domain)!;
  const names = entry.names.filter((name) => name === own || name.endsWith(`.${own}`));
  return { ...entry, names: names.includes(own) ? names : [own, ...names] };
}
