/** Operations that show the audit log. */
import { z } from 'zod';
import { findAudit, findBreak, listAudit, listAuditBackward, readDroppedAudit } from '../../../lib/runtime/audit.ts';
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
  /** The last of the entries that are not kept any more. The log begins behind it; absent: it begins with entry 1. */
  dropped: z.object({ number: z.number(), at: z.string(), hash: z.string() }).optional(),
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
  const isNewest = order === 'newest';
  const listed = isNewest
    ? (await listAuditBackward(store, domain, max, after === 0 ? undefined : after)).toReversed()
    : await listAudit(store, domain, max, after);
  const isFull = listed.length === max;
  // The chain is checked from the entry before the page, or from the checkpoint where that one is not kept.
  const from = isNewest ? (isFull ? listed[0]!.number - 1 : 0) : after;
  const before = from > 0 ? await findAudit(store, domain, from) : undefined;
  const dropped = (await readDroppedAudit(store, domain))?.value;
  const begin = dropped?.number ?? 0;
  const entries = listed.filter(({ number }) => number > begin);
  const hasMore = isFull && (!isNewest || (entries[0]?.number ?? 0) > begin + 1);
  return {
    entries: isNewest ? entries.toReversed() : entries,
    brokenAt: breakIn(),
    next: hasMore ? (isNewest ? entries[0] : listed.at(-1))!.number : undefined,
    dropped,
  };

  function breakIn(): number | undefined {
    if (entries.length > 0)
      return from > begin && before === undefined ? from : findBreak(entries, from > begin ? before : dropped);
    // The newest entry is never dropped, so there is one behind a checkpoint.
    const isAtBegin = isNewest ? after === 0 || after > begin + 1 : after <= begin && !isFull;
    return begin > 0 && isAtBegin ? begin + 1 : undefined;
  }
}
