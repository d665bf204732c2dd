/** Operations that show the audit log. */
import { z } from 'zod';
import { type AuditEntry, findBreak, listAudit, listAuditBackward } from '../../../lib/runtime/audit.ts';
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
  /** What was changed, where that does not follow from the input; without secrets. */
  change: z.object({ before: z.unknown(), after: z.unknown() }).optional(),
  hash: z.string(),
});
/** The number of the last entry of the page before; 0 for the first page. */
const afterNumber = z.number().int().min(0).max(runtimeLimits.auditNumberMax).default(0);
const order = z.enum(['oldest', 'newest']).default('oldest');
const page = z.object({
  entries: z.array(entry),
  /** The first entry of the page that is missing or was changed; absent when the chain of hashes is whole. */
  brokenAt: z.number().optional(),
  next: z.number().optional(),
});

export const auditList = operation({
  name: 'audit-list',
  input: z.strictObject({ after: afterNumber, order }),
  output: page,
  right: 'deployment.audit',
  isRepeatable: true,
  help: 'Shows a page of what was done to the deployment, and whether the log is whole.',
  commands: ['audit'],
  http: { method: 'get', path: '/audit' },
  run: (dependencies, { after, order }) => pageOf(dependencies, undefined, after, order),
});

export const auditTenantList = operation({
  name: 'audit-tenant-list',
  input: z.strictObject({ domain: domainInput, after: afterNumber, order }),
  output: page,
  right: 'tenant.audit',
  isRepeatable: true,
  help: 'Shows a page of what was done to a tenant, and whether the log is whole.',
  commands: ['audit'],
  http: { method: 'get', path: '/tenants/{domain}/audit' },
  async run(dependencies, { domain, after, order }) {
    await findTenant(dependencies, domain);
    return pageOf(dependencies, domain, after, order);
  },
});

async function pageOf(
  { store }: Dependencies,
  domain: string | undefined,
  after: number,
  order: 'oldest' | 'newest',
): Promise<z.input<typeof page>> {
  const max = runtimeLimits.adminPageMax;
  if (order === 'newest') {
    const entries = await listAuditBackward(store, domain, max, after === 0 ? undefined : after);
    const first = entries.at(-1);
    const [before] = first !== undefined && first.number > 1 ? await listAudit(store, domain, 1, first.number - 2) : [];
    const brokenAt = findBreak(entries.toReversed(), before);
    return { entries: [...entries], brokenAt, next: entries.length === max ? first?.number : undefined };
  }
  // The chain is checked from the entry before the page.
  const [before] = after > 0 ? await listAudit(store, domain, 1, after - 1) : [];
  const entries: readonly AuditEntry[] = await listAudit(store, domain, max, after);
  return {
    entries: [...entries],
    brokenAt: findBreak(entries, before),
    next: entries.length === max ? entries.at(-1)?.number : undefined,
  };
}
