/** Operations on one account: what it is, and whether it is let in. */
import { z } from 'zod';
import { roleNames } from '../../../lib/runtime/rights.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { readSessions } from '../../../lib/runtime/sessions.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { setDisabled } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { heldBy } from '../core/roles.ts';
import { lastSeen } from '../features/xep0012-last-activity.ts';
import { endTokens } from '../sasl/clients.ts';
import { voidMinted } from '../sasl/minted-tokens.ts';
import { endSessions } from '../sessions/end-sessions.ts';
import { checkVersion, orStale, seeAccount, versionInput } from './account-version.ts';
import { accountInput, noAccount, tenantOf } from './inputs.ts';
import { checkIsNotLastOwner } from './last-owner.ts';
import { seenAt } from './last-seen.ts';
import { operation } from './operation.ts';

export const userShow = operation({
  name: 'user-show',
  input: z.strictObject({ jid: accountInput }),
  output: z.object({
    jid: z.string(),
    createdAt: z.string(),
    role: z.enum(roleNames),
    /** May read messages that were reported. */
    content: z.boolean(),
    isDisabled: z.boolean(),
    /** Its owner has removed it, and it is erased then, unless it is enabled before. */
    erasedAt: z.string().optional(),
    sessions: z.number(),
    /** Its newest session signed in then; without sessions, one was last available then (XEP-0012). Absent: none ever was. */
    lastSeen: z.string().optional(),
    /** Another one after each change. */
    version: z.string(),
  }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Tells when an account was made and last seen, its role, whether it is let in, and how many sessions it has.',
  commands: ['user show'],
  http: { method: 'get', path: '/tenants/{domain}/accounts/{local}', version: 'version' },
  async run(dependencies, { jid }) {
    const { domain } = await tenantOf(dependencies, jid);
    const { store } = dependencies;
    const { local } = jid;
    const [seen, { role, hasContent: content = false }, [sessions = []], left] = await Promise.all([
      seeAccount(dependencies, { domain, local }),
      heldBy(store, domain, local),
      readSessions(store, [{ domain, local }]),
      Rows.ofAccount(store, domain, local).get(lastSeen, ''),
    ]);
    if (seen === undefined) throw noAccount(jid);
    const { version, item } = seen;
    const { createdAt, isDisabled = false, removeAtMs } = item.value;
    const erasedAt = removeAtMs === undefined ? undefined : new Date(removeAtMs).toISOString();
    return {
      ...{ jid: `${jid}`, createdAt, role, content, isDisabled, erasedAt, sessions: sessions.length, version },
      lastSeen: seenAt(sessions, left?.value),
    };
  },
});

export const userDisable = operation({
  name: 'user-disable',
  input: z.strictObject({ jid: accountInput, ...versionInput }),
  output: z.object({ jid: z.string() }),
  right: 'tenant.help',
  isRepeatable: true,
  help: 'Ends the sessions and tokens of an account and lets nobody in; what it keeps and is sent stays.',
  commands: ['user disable'],
  http: { method: 'post', path: '/tenants/{domain}/accounts/{local}/disable', version: 'version' },
  async run(dependencies, { jid, version }, asked) {
    await checkIsNotLastOwner(dependencies, jid, asked);
    const tenant = await tenantOf(dependencies, jid);
    await disable(dependencies, jid, version, true);
    const ending = { condition: 'not-authorized', text: 'the account is disabled' };
    await endSessions(dependencies, tenant, jid.local, ending);
    await endTokens(dependencies, { tenant, local: jid.local });
    await voidMinted(dependencies, tenant, jid.local);
    return { jid: `${jid}` };
  },
});

export const userEnable = operation({
  name: 'user-enable',
  input: z.strictObject({ jid: accountInput, ...versionInput }),
  output: z.object({ jid: z.string() }),
  right: 'tenant.help',
  isRepeatable: true,
  help: 'Lets a disabled account in again, also one that its owner has removed and that is not erased yet.',
  commands: ['user enable'],
  http: { method: 'post', path: '/tenants/{domain}/accounts/{local}/enable', version: 'version' },
  async run(dependencies, { jid, version }) {
    await tenantOf(dependencies, jid);
    await disable(dependencies, jid, version, false);
    return { jid: `${jid}` };
  },
});

/** @throws {Refusal} */
async function disable(dependencies: Dependencies, jid: Jid, version: string | undefined, isDisabled: boolean): Promise<void> {
  const { store } = dependencies;
  const { domain, local } = jid;
  const seen = version === undefined ? undefined : (await checkVersion(dependencies, jid, version)).item;
  if (!(await orStale(jid, version, setDisabled(store, domain, local, isDisabled, seen)))) throw noAccount(jid);
}
