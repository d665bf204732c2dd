/** Operations on the files that the accounts of a tenant have uploaded. */
import { z } from 'zod';
import { accountNames, listNames } from '../../../lib/runtime/directory.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { listFiles, removeFile, totalOf } from '../uploads/uploaded-files.ts';
import { accountInput, afterInput, domainInput, findTenant, noAccount, tenantOf } from './inputs.ts';
import { operationLimits } from './limits.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const described = z.object({
  id: z.string(),
  type: z.string(),
  sizeBytes: z.number(),
  /** When its slot was given. */
  givenAt: z.string(),
  /** It is there until its account is removed; others, as long as the tenant keeps files. */
  isKept: z.boolean(),
});

export const fileList = operation({
  name: 'file-list',
  input: z.strictObject({ jid: accountInput, after: afterInput }),
  /** A page may have fewer files than the next one: `next` tells whether there is one. */
  output: z.object({ jid: z.string(), files: z.array(described), next: z.string().optional() }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Lists a page of the files that an account has uploaded, without their names and addresses.',
  commands: ['file list'],
  http: { method: 'get', path: '/tenants/{domain}/accounts/{local}/files' },
  async run(dependencies, { jid, after }) {
    const { domain, local } = await uploaderOf(dependencies, jid);
    const { files, next } = await listFiles(dependencies, domain, local, { limit: operationLimits.filePageMax, after });
    const shown = files.map(({ givenMs, ...file }) => ({ ...file, givenAt: new Date(givenMs).toISOString() }));
    return { jid: `${jid}`, files: shown, next };
  },
});

export const fileTotals = operation({
  name: 'file-totals',
  input: z.strictObject({ domain: domainInput, after: afterInput }),
  output: z.object({
    /** Those that have asked for a place for a file, whether they used it or not. */
    accounts: z.array(z.object({ jid: z.string(), slots: z.number(), bytes: z.number() })),
    next: z.string().optional(),
  }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Tells for a page of the accounts of a tenant how many files they have uploaded, and how large these are together.',
  commands: ['file totals'],
  http: { method: 'get', path: '/tenants/{domain}/files' },
  async run(dependencies, { domain, after }) {
    await findTenant(dependencies, domain);
    const names = await listNames(dependencies.store, domain, accountNames, runtimeLimits.adminPageMax, after);
    const accounts: { jid: string; slots: number; bytes: number }[] = [];
    for (const local of names) {
      const total = await totalOf(dependencies, domain, local);
      if (total.slots > 0) accounts.push({ jid: `${Jid.of(local, domain)}`, ...total });
    }
    return { accounts, next: names.length === runtimeLimits.adminPageMax ? names.at(-1) : undefined };
  },
});

export const fileRemove = operation({
  name: 'file-remove',
  input: z.strictObject({ jid: accountInput, id: z.string().min(1).max(operationLimits.versionCharactersMax) }),
  output: z.object({ jid: z.string(), id: z.string() }),
  right: 'tenant.accounts',
  isRepeatable: true,
  help: 'Deletes a file that an account has uploaded: nobody gets it any more.',
  commands: ['file remove'],
  http: { method: 'delete', path: '/tenants/{domain}/accounts/{local}/files/{id}' },
  async run(dependencies, { jid, id }) {
    const { domain, local } = await uploaderOf(dependencies, jid);
    if (!(await removeFile(dependencies, domain, local, id)))
      throw new Refusal('absent', `there is no file '${id}' of '${jid}'; to see them: skylark file list ${jid}`);
    return { jid: `${jid}`, id };
  },
});

/** @throws {Refusal} */
async function uploaderOf(dependencies: Dependencies, jid: Jid): Promise<Pick<Jid, 'domain' | 'local'>> {
  const { domain } = await tenantOf(dependencies, jid);
  if ((await findAccount(dependencies.store, domain, jid.local)) === undefined) throw noAccount(jid);
  return { domain, local: jid.local };
}
