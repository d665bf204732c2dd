/** Operations on the accounts of a tenant. */
import { z } from 'zod';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { addAccount } from '../accounts/add-account.ts';
import { findAccount, listAccounts, setCredentials } from '../core/accounts.ts';
import { removalsOf } from '../removal/removals.ts';
import { deriveKeys } from '../sasl/passwords.ts';
import { answerInTime, progressOutput, waitingInput } from './answer-in-time.ts';
import { accountInput, afterInput, domainInput, findTenant, passwordInput, tenantOf } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const account = { jid: z.string() };

export const userAdd = operation({
  name: 'user-add',
  input: z.strictObject({ jid: accountInput, password: passwordInput }),
  output: z.object(account),
  right: 'tenant',
  isRepeatable: false,
  help: 'Adds an account.',
  commands: ['user add'],
  http: { method: 'post', path: '/tenants/{domain}/accounts' },
  async run(dependencies, { jid, password }) {
    const outcome = await addAccount(dependencies, await tenantOf(dependencies, jid), jid.local, password);
    if (outcome === 'exists') {
      throw new Refusal(
        'conflict',
        `there is an account '${jid}' already; change its password with: skylark user password ${jid}`,
      );
    }
    if (outcome === 'leaving') {
      throw new Refusal(
        'conflict',
        `the last account '${jid}' is being removed, and its name is not free yet; to wait for it: skylark user remove ${jid}`,
      );
    }
    return { jid: `${jid}` };
  },
});

export const userRemove = operation({
  name: 'user-remove',
  input: z.strictObject({ jid: accountInput, ...waitingInput }),
  output: z.object({ ...account, ...progressOutput }),
  right: 'tenant',
  isRepeatable: true,
  help: 'Removes an account with all that it keeps.',
  commands: ['user remove'],
  http: { method: 'delete', path: '/tenants/{domain}/accounts/{local}' },
  async run(dependencies, { jid, waitMs, again }) {
    const removal = removalsOf(dependencies).account(await tenantOf(dependencies, jid), jid.local);
    return answerInTime(dependencies, waitMs, `${jid}`, { jid: `${jid}` }, async () => {
      if (!(await removal) && !again) throw noAccount(jid);
    });
  },
});

export const userList = operation({
  name: 'user-list',
  input: z.strictObject({ domain: domainInput, after: afterInput }),
  /** `next` is what to ask for as `after`; absent on the last page. */
  output: z.object({ users: z.array(z.string()), next: z.string().optional() }),
  right: 'tenant',
  isRepeatable: true,
  help: 'Lists a page of the accounts of a tenant.',
  commands: ['user list'],
  http: { method: 'get', path: '/tenants/{domain}/accounts' },
  async run(dependencies, { domain, after }) {
    await findTenant(dependencies, domain);
    const locals = await listAccounts(dependencies.store, domain, runtimeLimits.adminPageMax, after);
    const users = locals.map((local) => `${Jid.of(local, domain)}`);
    return { users, next: locals.length === runtimeLimits.adminPageMax ? locals.at(-1) : undefined };
  },
});

export const userPassword = operation({
  name: 'user-password',
  input: z.strictObject({ jid: accountInput, password: passwordInput }),
  output: z.object(account),
  right: 'tenant',
  isRepeatable: true,
  help: 'Changes the password of an account.',
  commands: ['user password'],
  http: { method: 'put', path: '/tenants/{domain}/accounts/{local}/password' },
  async run(dependencies, { jid, password }) {
    const { domain } = await tenantOf(dependencies, jid);
    if (!(await findAccount(dependencies.store, domain, jid.local))) throw noAccount(jid);
    const scram = await deriveKeys(password, dependencies.clock);
    if (!(await setCredentials(dependencies.store, domain, jid.local, scram))) throw noAccount(jid);
    return { jid: `${jid}` };
  },
});

function noAccount(jid: Jid): Refusal {
  return new Refusal('absent', `there is no account '${jid}'; add it with: skylark user add ${jid}`);
}
