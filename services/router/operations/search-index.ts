/** An operation on the index of words in which clients search archives (XEP-0431). */
import { z } from 'zod';
import { type Progress, reindexSome } from '../archive/reindex.ts';
import { afterInput, domainInput, findTenant } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

export const tenantIndex = operation({
  name: 'tenant-index',
  input: z.strictObject({ domain: domainInput, after: afterInput }),
  /** `next` is what to ask for as `after`; absent when all is done. */
  output: z.object({ domain: z.string(), messages: z.int(), next: z.string().optional() }),
  right: 'tenant.policy',
  isRepeatable: true,
  help: "Makes older messages searchable, or not searchable any more, as the tenant's policy says: some of them at a time.",
  commands: ['tenant index'],
  http: { method: 'post', path: '/tenants/{domain}/search-index' },
  async run(dependencies, { domain, after }) {
    const tenant = await findTenant(dependencies, domain);
    if (dependencies.store.index === undefined)
      throw new Refusal('conflict', 'this deployment keeps no index of words: only the embedded store has one');
    const { count, next } = await reindexSome(dependencies, tenant, after === undefined ? undefined : readProgress(after));
    return { domain, messages: count, next: next && writeProgress(next) };
  },
});

/** Names of accounts and rooms have no slash. */
function writeProgress({ kind, name, id }: Progress): string {
  return [kind, name, ...(id === undefined ? [] : [id])].join('/');
}

/** @throws {Refusal} */
function readProgress(text: string): Progress {
  const [kind, name, id, ...more] = text.split('/');
  if ((kind !== 'account' && kind !== 'room') || !name || more.length > 0)
    throw new Refusal('invalid', `'${text}' is not what an answer before has named as 'next'`);
  return { kind, name, id };
}
