/** The operation that tells which certificate a tenant has. The others on certificates carry rows for commands. */
import { z } from 'zod';
import { Certificates } from '../../../lib/runtime/certificates.ts';
import { domainInput, findTenant } from './inputs.ts';
import { operation } from './operation.ts';

export const certificateShow = operation({
  name: 'certificate-show',
  input: z.strictObject({ domain: domainInput }),
  /** Absent: there is none in the store. The service may still have one in its files. */
  output: z.object({
    certificate: z
      .object({
        names: z.array(z.string()),
        notBefore: z.string(),
        notAfter: z.string(),
        /** SHA-256, hex. */
        fingerprint: z.string(),
        source: z.enum(['acme', 'pem']),
      })
      .optional(),
  }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Tells the names and dates of the certificate that the store has for a tenant.',
  commands: { whyNone: "'certificate list' shows those of all tenants" },
  http: { method: 'get', path: '/tenants/{domain}/certificate' },
  async run(dependencies, { domain }) {
    await findTenant(dependencies, domain);
    const found = await new Certificates(dependencies.store).find(domain);
    if (found === undefined) return {};
    const { names, notBeforeMs, notAfterMs, fingerprint, source } = found;
    const [notBefore, notAfter] = [notBeforeMs, notAfterMs].map((ms) => new Date(ms).toISOString()) as [string, string];
    return { certificate: { names: [...names], notBefore, notAfter, fingerprint, source } };
  },
});
