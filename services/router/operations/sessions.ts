/** Operations on the sessions of an account, and on the devices that can sign in to it. */
import { z } from 'zod';
import { isParked, readSessions } from '../../../lib/runtime/sessions.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { Account } from '../core/account.ts';
import { findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { Turn } from '../core/turn.ts';
import { accessesOf, revokeAccess, sessionId } from '../features/xep0494-client-access.ts';
import { endSessionNow } from '../sessions/end-sessions.ts';
import { accountInput, noAccount, tenantOf } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const jid = z.string();
const id = z.string().min(1);

const session = z.object({
  id,
  resource: z.string(),
  since: z.string(),
  /** `parked`: its client is away and can come back to it. */
  state: z.enum(['available', 'connected', 'parked']),
  priority: z.number(),
});

export const sessionList = operation({
  name: 'session-list',
  input: z.strictObject({ jid: accountInput }),
  output: z.object({ jid, sessions: z.array(session) }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Lists the sessions of an account.',
  commands: ['session list'],
  http: { method: 'get', path: '/tenants/{domain}/accounts/{local}/sessions' },
  async run(dependencies, { jid }) {
    const [sessions = []] = await readSessions(dependencies.store, [await accountOf(dependencies, jid)]);
    const described = sessions.map((entry): z.input<typeof session> => {
      const { resource, boundAt, available, priority } = entry;
      const state = isParked(entry) ? 'parked' : available ? 'available' : 'connected';
      return { id: sessionId(entry), resource, since: new Date(boundAt).toISOString(), state, priority };
    });
    return { jid: `${jid}`, sessions: described };
  },
});

export const sessionEnd = operation({
  name: 'session-end',
  input: z.strictObject({ jid: accountInput, session: id }),
  output: z.object({ jid, session: z.string() }),
  right: 'tenant.help',
  isRepeatable: true,
  help: 'Ends a session of an account. Its client may sign in again.',
  commands: ['session end'],
  http: { method: 'post', path: '/tenants/{domain}/accounts/{local}/sessions/{session}/end' },
  async run(dependencies, { jid, session: wanted }) {
    const account = await accountOf(dependencies, jid);
    const [sessions = []] = await readSessions(dependencies.store, [account]);
    const entry = sessions.find((one) => sessionId(one) === wanted);
    if (entry === undefined) throw new Refusal('absent', `there is no session '${wanted}' of '${jid}'`);
    await endSessionNow(dependencies, account.tenant, account.local, entry, {
      condition: 'policy-violation',
      text: 'an operator has ended this session',
    });
    return { jid: `${jid}`, session: wanted };
  },
});

const device = z.object({
  id,
  software: z.string().optional(),
  device: z.string().optional(),
  firstSeen: z.string(),
  lastSeen: z.string(),
  isConnected: z.boolean(),
  /** It can sign in with the password, or with a token that it was given. */
  hasPassword: z.boolean(),
  hasToken: z.boolean(),
});

export const deviceList = operation({
  name: 'device-list',
  input: z.strictObject({ jid: accountInput }),
  output: z.object({ jid, devices: z.array(device) }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Lists the devices that can sign in to an account, and those that are signed in.',
  commands: ['device list'],
  http: { method: 'get', path: '/tenants/{domain}/accounts/{local}/devices' },
  async run(dependencies, { jid }) {
    const devices = (await accessesOf(await accountOf(dependencies, jid))).map((access): z.input<typeof device> => {
      const { row, sessions, hasPassword, hasToken } = access;
      const [firstMs, lastMs] = row ? [row.firstMs, row.lastMs] : [sessions[0]!.boundAt, sessions[0]!.boundAt];
      return {
        ...{ id: access.id, software: row?.software, device: row?.device },
        ...{ firstSeen: new Date(firstMs).toISOString(), lastSeen: new Date(lastMs).toISOString() },
        ...{ isConnected: sessions.length > 0, hasPassword, hasToken },
      };
    });
    return { jid: `${jid}`, devices };
  },
});

export const deviceRevoke = operation({
  name: 'device-revoke',
  input: z.strictObject({ jid: accountInput, device: id }),
  output: z.object({ jid, device: z.string(), hasPassword: z.boolean() }),
  right: 'tenant.help',
  isRepeatable: true,
  help: 'Ends the sessions and the token of a device. Only a new password keeps out a device that has the password.',
  commands: ['device revoke'],
  http: { method: 'post', path: '/tenants/{domain}/accounts/{local}/devices/{device}/revoke' },
  async run(dependencies, { jid, device: wanted }) {
    const account = await accountOf(dependencies, jid);
    const access = (await accessesOf(account)).find((one) => one.id === wanted);
    if (access === undefined) throw new Refusal('absent', `there is no device '${wanted}' of '${jid}'`);
    revokeAccess(account, access);
    await account.turn.finish();
    return { jid: `${jid}`, device: wanted, hasPassword: access.hasPassword };
  },
});

/** @throws {Refusal} */
async function accountOf(dependencies: Dependencies, jid: Jid): Promise<Account> {
  const tenant = await tenantOf(dependencies, jid);
  if (!(await findAccount(dependencies.store, tenant.domain, jid.local))) {
    throw noAccount(jid);
  }
  return new Account(new Turn(dependencies), tenant, jid.local);
}
