/** Operations on the keys of the REST API. */
import { z } from 'zod';
import { addApiKey, listApiKeys, removeApiKey, rotateApiKey } from '../../../lib/runtime/api-keys.ts';
import { givenRole } from '../../../lib/runtime/field-rights.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { isDeploymentRole, type Role } from '../../../lib/runtime/rights.ts';
import { roleOfKey } from './asker.ts';
import { afterInput, contentInput, domainInput, findTenant, secretOutput } from './inputs.ts';
import { operationLimits } from './limits.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const dayMs = 24 * 60 * 60 * 1_000;
const idInput = z.string().min(1);
const access = z.enum(['read', 'write']);
const role = z.enum(['auditor', 'support', 'admin', 'owner', 'operator', 'deployment-owner'] as const satisfies readonly Role[]);
const described = z.object({
  id: z.string(),
  name: z.string(),
  /** Absent: the whole deployment. */
  domain: z.string().optional(),
  access,
  role,
  /** May read messages that were reported. */
  content: z.boolean(),
  createdAt: z.string(),
  expiresAt: z.string().optional(),
  /** The day of the last use; absent: never used. */
  usedOn: z.string().optional(),
});

export const keyAdd = operation({
  name: 'key-add',
  input: z.strictObject({
    name: z.string().min(1).max(operationLimits.apiKeyNameCharactersMax),
    /** The only tenant that the key is for; absent: the whole deployment. */
    domain: domainInput.optional(),
    access: access.default('read'),
    role: role.optional().describe('whose rights it has; the default is admin for a tenant, and operator').meta(givenRole),
    content: contentInput,
    days: z.number().int().min(1).max(operationLimits.apiKeyDaysMax).optional(),
  }),
  /** The token is shown once. */
  output: z.object({ id: z.string(), token: secretOutput }),
  right: 'deployment.own',
  isRepeatable: false,
  help: 'Makes a key for the REST API and shows it once.',
  isGrave: true,
  commands: ['key add'],
  http: { method: 'post', path: '/keys' },
  async run(dependencies, { name, domain, access, role: given, content, days }) {
    const role = given ?? (domain === undefined ? 'operator' : 'admin');
    if (domain !== undefined && isDeploymentRole(role))
      throw new Refusal('invalid', `a key for one tenant has a role over a tenant, and '${role}' is one over the deployment`);
    const tenant = domain === undefined ? undefined : await findTenant(dependencies, domain);
    const expiresMs = days === undefined ? undefined : dependencies.clock.now() + days * dayMs;
    const rights = { access, role, ...(content && { hasContent: true as const }) };
    return addApiKey(dependencies, { name, domain, tenantSince: tenant?.createdAt, ...rights, expiresMs });
  },
});

export const keyRotate = operation({
  name: 'key-rotate',
  input: z.strictObject({
    id: idInput,
    /** How long the old secret is still good. */
    overlapHours: z.number().min(0).max(operationLimits.apiKeyOverlapHoursMax).default(24),
  }),
  output: z.object({ id: z.string(), token: secretOutput }),
  right: 'deployment.own',
  isRepeatable: false,
  help: 'Gives a key a new secret and shows it once; the old one is good for some hours more.',
  isGrave: true,
  commands: ['key rotate'],
  http: { method: 'post', path: '/keys/{id}/rotate' },
  async run(dependencies, { id, overlapHours }) {
    const token = await rotateApiKey(dependencies, id, overlapHours * 60 * 60 * 1_000);
    if (token === undefined) throw noKey(id);
    return { id, token };
  },
});

export const keyList = operation({
  name: 'key-list',
  input: z.strictObject({ after: afterInput }),
  output: z.object({ keys: z.array(described), next: z.string().optional() }),
  right: 'deployment.see',
  isRepeatable: true,
  help: 'Lists a page of the keys of the REST API.',
  commands: ['key list'],
  http: { method: 'get', path: '/keys' },
  async run({ store }, { after }) {
    const found = await listApiKeys(store, runtimeLimits.adminPageMax, after);
    const keys = found.map(({ key: id, value: { expiresMs, ...row } }) => ({
      ...{ ...row, id, role: roleOfKey(row) as z.output<typeof role>, content: row.hasContent ?? false },
      expiresAt: expiresMs === undefined ? undefined : new Date(expiresMs).toISOString(),
    }));
    return { keys, next: found.length === runtimeLimits.adminPageMax ? found.at(-1)?.key : undefined };
  },
});

export const keyRemove = operation({
  name: 'key-remove',
  input: z.strictObject({ id: idInput }),
  output: z.object({ id: z.string() }),
  right: 'deployment.own',
  isRepeatable: true,
  help: 'Removes a key: from now on it opens nothing.',
  commands: ['key remove'],
  http: { method: 'delete', path: '/keys/{id}' },
  async run({ store }, { id }) {
    if (!(await removeApiKey(store, id))) throw noKey(id);
    return { id };
  },
});

function noKey(id: string): Refusal {
  return new Refusal('absent', `there is no key '${id}'; to see them: skylark key list`);
}
