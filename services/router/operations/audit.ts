/** Operations that show the audit log. */
import { z } from 'zod';
import { type AuditEntry, findBreak, listAudit } from '../../../lib/runtime/audit.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { domainInput, findTenant } from './inputs.ts';
import { operation } from './operation.ts';

const entry = z.object({
  number: z.number(),
  at: z.string(),
  by: z.string(),
  address: z.string().optional(),
  operation: z.string(),
  input: z.record(z.string(), z.unknown()),
  outcome: z.string(),
  hash: z.string(),
});
const afterNumber = z.number().int().min(0).default(0);
const page = z.object({
  entries: z.array(entry),
  /** The first entry of the page that is missing or was changed; absent when the chain of hashes is whole. */
  brokenAt: z.number().optional(),
  next: z.number().optional(),
});

export const auditList = operation({
  name: 'audit-list',
  input: z.strictObject({ after: afterNumber }),
  output: page,
  right: 'deployment',
  isRepeatable: true,
  help: 'Shows a page of what was done to the deployment, and whether the log is whole.',
  commands: ['audit'],
  http: { method: 'get', path: '/audit' },
  run: (dependencies, { after }) => pageOf(dependencies, undefined, after),
});

export const auditTenantList = operation({
  name: 'audit-tenant-list',
  input: z.strictObject({ domain: domainInput, after: afterNumber }),
  output: page,
  right: 'tenant',
  isRepeatable: true,
  help: 'Shows a page of what was done to a tenant, and whether the log is whole.',
  commands: ['audit'],
  http: { method: 'get', path: '/tenants/{domain}/audit' },
  async run(dependencies, { domain, after }) {
    await findTenant(dependencies, domain);
    return pageOf(dependencies, domain, after);
  },
});

async function pageOf({ store }: Dependencies, domain: string | undefined, after: number): Promise<z.input<typeof page>> {
  const max = runtimeLimits.adminPageMax;
  // The chain is checked from the entry before the page.
  const [before] = after > 0 ? await listAudit(store, domain, 1, after - 1) : [];
  const entries: readonly AuditEntry[] = await listAudit(store, domain, max, after);
  return {
    entries: [...entries],
    brokenAt: findBreak(entries, before),
    next: entries.length === max ? entries.at(-1)?.number : undefined,
  };
}
