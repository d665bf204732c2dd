/** Operations on tenants: the domains that the deployment serves. */
import { z } from 'zod';
import { Conflict, Unavailable } from '../../../lib/ports/store.ts';
import { listCells } from '../../../lib/runtime/cells.ts';
import { proofRecord } from '../../../lib/runtime/domain-proof.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { policyKeys } from '../../../lib/runtime/policy/tenant-policy.ts';
import { findRemoval } from '../../../lib/runtime/removals.ts';
import { roomsDomain, type Tenant, uploadsDomain } from '../../../lib/runtime/tenants.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { listAccounts } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { findProof, lookLater } from '../later/domain-proofs.ts';
import { removalsOf } from '../removal/removals.ts';
import { answerInTime, progressOutput, waitingInput } from './answer-in-time.ts';
import { afterInput, cellInput, domainInput, findTenant, uncached } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const { registration, retentionDays } = policyKeys;
/** Never the secret. */
const described = z.object({
  domain: z.string(),
  createdAt: z.string(),
  registration: registration.schema,
  retentionDays: retentionDays.schema,
  /** The name of its cell; absent outside of cells. */
  cell: z.string().optional(),
  /** The TXT record that has to be set before the domain is served; absent: it is served. */
  proof: z.object({ name: z.string(), text: z.string() }).optional(),
});

/** What is at the other domains of a tenant. */
const contents = { rooms: 'rooms', uploads: 'files', proxy: 'bytestreams', pubsub: 'nodes' } as const;

/** `example.org` and `conference.example.org` cannot both be tenants: the second is where the first has its rooms; so with files. */
export const tenantAdd = operation({
  name: 'tenant-add',
  input: z.strictObject({
    domain: domainInput,
    registration: registration.schema.default('closed'),
    cell: cellInput.optional().describe('the name of its cell; without it, the only one there is'),
    prove: z
      .enum(['yes', 'no'])
      .optional()
      .describe('whether a TXT record has to prove the domain before it is served; without it, as this deployment does'),
  }),
  output: described,
  right: 'deployment.run',
  isRepeatable: false,
  help: 'Makes a domain a tenant.',
  commands: ['tenant add'],
  http: { method: 'post', path: '/tenants' },
  async run(dependencies, input) {
    const { domain } = input;
    const tenants = uncached(dependencies);
    const taken = await tenants.place(domain);
    if (taken?.service === 'accounts') throw new Refusal('conflict', `there is a tenant '${domain}' already`);
    if (taken) {
      if (taken.service === 'component')
        throw new Refusal('conflict', `'${domain}' is a component of tenant '${taken.tenant.domain}'`);
      throw new Refusal('conflict', `'${domain}' is where the ${contents[taken.service]} of tenant '${taken.tenant.domain}' are`);
    }
    for (const [what, host] of [
      ['rooms', roomsDomain(domain)],
      ['files', uploadsDomain(domain)],
    ] as const) {
      if (await tenants.find(host))
        throw new Refusal('conflict', `the ${what} of '${domain}' would be at '${host}', which is a tenant`);
    }
    await checkIsFree(dependencies, domain);
    try {
      const cell = await cellOf(dependencies, input.cell);
      const isUnproven = input.prove === undefined ? dependencies.provesDomains === true : input.prove === 'yes';
      const tenant = await dependencies.tenants.add(domain, { registration: input.registration }, cell, isUnproven);
      await checkIsFree(dependencies, domain).catch(async (error: unknown) => {
        await dependencies.tenants.remove(tenant);
        throw error;
      });
      if (isUnproven) await lookLater(dependencies, tenant);
      return describe(tenant);
    } catch (error) {
      if (error instanceof Conflict) throw new Refusal('conflict', `there is a tenant '${domain}' already`);
      throw error;
    }
  },
});

export const tenantProve = operation({
  name: 'tenant-prove',
  input: z.strictObject({ domain: domainInput }),
  output: described,
  right: 'deployment.run',
  isRepeatable: true,
  help: 'Looks for the TXT record that proves the domain of a tenant, and serves the domain if it is there.',
  commands: ['tenant prove'],
  http: { method: 'post', path: '/tenants/{domain}/proof' },
  async run(dependencies, { domain }) {
    const tenant = await findTenant(dependencies, domain);
    if (!tenant.isUnproven) return describe(tenant);
    if (!(await isProven(dependencies, tenant))) {
      const { name, text } = proofRecord(tenant);
      throw new Refusal('conflict', `'${domain}' is not proven: there is no TXT record '${name}' with the text '${text}'`);
    }
    const proven = await dependencies.tenants.setProven(domain);
    if (proven === undefined) throw new Refusal('absent', `tenant '${domain}' was removed meanwhile`);
    return describe(proven);
  },
});

/** @throws {Refusal} when nobody can tell */
async function isProven(dependencies: Dependencies, tenant: Tenant): Promise<boolean> {
  if (dependencies.lookUpTexts === undefined)
    throw new Refusal('conflict', 'this process asks no DNS, so it cannot look for the record');
  try {
    return (await findProof(dependencies, tenant)).isThere;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    throw new Refusal('unanswered', `DNS does not answer, so it is not known whether the record is there: ${error.message}`);
  }
}

export const tenantRemove = operation({
  name: 'tenant-remove',
  input: z.strictObject({
    domain: domainInput,
    /** True: also when the tenant has accounts, which go with it. */
    force: z.boolean().optional(),
    ...waitingInput,
  }),
  output: z.object({ domain: z.string(), ...progressOutput }),
  right: 'deployment.run',
  isRepeatable: true,
  help: 'Ends a tenant and removes all that is kept for it.',
  commands: ['tenant remove'],
  http: { method: 'delete', path: '/tenants/{domain}' },
  async run(dependencies, { domain, force, waitMs, again }) {
    const begun = (await findRemoval(dependencies.store, domain))?.tenant;
    const there = await uncached(dependencies).find(domain);
    if (!there && !begun && again) return { domain };
    const tenant = there ?? begun ?? (await findTenant(dependencies, domain));
    const [local] = begun ? [] : await listAccounts(dependencies.store, domain, 1);
    if (local !== undefined && !force) {
      const example = Jid.of(local, domain);
      throw new Refusal(
        'conflict',
        `tenant '${domain}' has accounts, such as '${example}'; remove them with it by: skylark tenant remove ${domain} --force`,
      );
    }
    const removal = removalsOf(dependencies).tenant(tenant);
    return answerInTime(dependencies, waitMs, domain, { domain }, () => removal);
  },
});

export const tenantList = operation({
  name: 'tenant-list',
  input: z.strictObject({ after: afterInput }),
  /** `next` is what to ask for as `after`; absent on the last page. */
  output: z.object({ tenants: z.array(described), next: z.string().optional() }),
  right: 'deployment.see',
  isRepeatable: true,
  help: 'Lists a page of the tenants.',
  commands: ['tenant list', 'user list'],
  http: { method: 'get', path: '/tenants' },
  async run(dependencies, { after }) {
    const found = await dependencies.tenants.list(runtimeLimits.adminPageMax, after);
    return { tenants: found.map(describe), next: found.length === runtimeLimits.adminPageMax ? found.at(-1)?.domain : undefined };
  },
});

function describe(tenant: Tenant): z.input<typeof described> {
  const { domain, createdAt, policy, cell, isUnproven } = tenant;
  return {
    domain,
    createdAt,
    registration: policy.registration,
    retentionDays: policy.retentionDays,
    ...(cell !== undefined && { cell }),
    ...(isUnproven && { proof: proofRecord(tenant) }),
  };
}

/** @throws {Refusal} when there is no such cell, or when there are several and none is named */
async function cellOf({ store }: Dependencies, asked: string | undefined): Promise<string | undefined> {
  const names = (await listCells(store)).map(({ name }) => name);
  if (asked === undefined && names.length <= 1) return names[0];
  if (asked !== undefined && names.includes(asked)) return asked;
  const known = names.length === 0 ? 'no cell has told its name' : `it takes one of ${names.join(', ')}`;
  throw new Refusal('invalid', asked === undefined ? `which cell? ${known}` : `there is no cell '${asked}'; ${known}`);
}

/** @throws {Refusal} */
async function checkIsFree({ store }: Dependencies, domain: string): Promise<void> {
  if (await findRemoval(store, domain)) {
    throw new Refusal(
      'conflict',
      `the last tenant '${domain}' is being removed, and its domain is not free yet; to wait for it: skylark tenant remove ${domain}`,
    );
  }
}
