/** Operations on the accounts of a tenant. */
import { z } from 'zod';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { roleNames } from '../../../lib/runtime/rights.ts';
import { Rows, singleRows } from '../../../lib/runtime/rows.ts';
import { isParked, readSessions } from '../../../lib/runtime/sessions.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import { addAccount } from '../accounts/add-account.ts';
import { fullText } from '../core/account-quota.ts';
import { findAccount, listAccounts, setCredentials } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { heldByEach } from '../core/roles.ts';
import { lastSeen } from '../features/xep0012-last-activity.ts';
import { removalsOf } from '../removal/removals.ts';
import { deriveKeys } from '../sasl/passwords.ts';
import { checkVersion, orStale, versionInput } from './account-version.ts';
import { answerInTime, progressOutput, waitingInput } from './answer-in-time.ts';
import { accountInput, afterInput, domainInput, findTenant, noAccount, passwordInput, tenantOf } from './inputs.ts';
import { checkIsNotLastOwner } from './last-owner.ts';
import { seenAt } from './last-seen.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const account = { jid: z.string() };

const userDetails = z.object({
  ...account,
  role: z.enum(roleNames),
  /** May read messages that were reported. */
  content: z.boolean(),
  /** As `user-show` tells it. */
  lastSeen: z.string().optional(),
});
type UserDetails = z.input<typeof userDetails>;

export const userAdd = operation({
  name: 'user-add',
  input: z.strictObject({ jid: accountInput, password: passwordInput }),
  output: z.object(account),
  right: 'tenant.accounts',
  isRepeatable: false,
  help: 'Adds an account.',
  commands: ['user add'],
  http: { method: 'post', path: '/tenants/{domain}/accounts' },
  async run(dependencies, { jid, password }) {
    const tenant = await tenantOf(dependencies, jid);
    const outcome = await addAccount(dependencies, tenant, jid.local, password);
    if (outcome === 'full') throw new Refusal('conflict', `${fullText(tenant)}; see: skylark tenant set --accounts-max`);
    if (outcome === 'exists') {
      throw new Refusal(
        'conflict',
        `there is an account '${jid}' already; change its password with: skylark user password ${jid}`,
      );
    }
    if (outcome === 'reserved') {
      throw new Refusal(
        'conflict',
        `the name '${jid}' is kept for whoever has an invite; see: skylark invite list ${jid.domain}`,
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
  input: z.strictObject({ jid: accountInput, ...versionInput, ...waitingInput }),
  output: z.object({ ...account, ...progressOutput }),
  right: 'tenant.accounts',
  isRepeatable: true,
  help: 'Removes an account with all that it keeps.',
  commands: ['user remove'],
  http: { method: 'delete', path: '/tenants/{domain}/accounts/{local}', version: 'version' },
  async run(dependencies, { jid, version, waitMs, again }, asked) {
    if (version !== undefined) await checkVersion(dependencies, jid, version);
    await checkIsNotLastOwner(dependencies, jid, asked);
    const removal = removalsOf(dependencies).account(await tenantOf(dependencies, jid), jid.local);
    return answerInTime(dependencies, waitMs, `${jid}`, { jid: `${jid}` }, async () => {
      if (!(await removal) && !again) throw noAccount(jid);
    });
  },
});

export const userList = operation({
  name: 'user-list',
  input: z.strictObject({
    domain: domainInput,
    after: afterInput,
    /** Only accounts whose names begin with it. */
    prefix: z.string().min(1).max(xmppLimits.jidPartBytesMax).optional(),
    online: z
      .boolean()
      .optional()
      .describe('only those of the page that have a session; such a page may be empty before the last'),
    details: z.boolean().optional().describe('also the role of each, and when it was last seen'),
  }),
  /** `next` is what to ask for as `after`; absent on the last page. */
  output: z.object({
    users: z.array(z.string()),
    /** The same accounts in the same order, where these were asked for. */
    details: z.array(userDetails).optional(),
    next: z.string().optional(),
  }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Lists a page of the accounts of a tenant.',
  commands: ['user list'],
  http: { method: 'get', path: '/tenants/{domain}/accounts' },
  async run(dependencies, { domain, after, prefix, online = false, details = false }) {
    await findTenant(dependencies, domain);
    const max = runtimeLimits.adminPageMax;
    const page = await (prefix === undefined
      ? listAccounts(dependencies.store, domain, max, after)
      : listBeginning(dependencies, domain, prefix, after));
    const shown = online ? await onlineOf(dependencies, domain, page) : page;
    const users = shown.map((local) => `${Jid.of(local, domain)}`);
    const next = page.length === max ? page.at(-1) : undefined;
    return details ? { users, details: await detailsOf(dependencies, domain, shown), next } : { users, next };
  },
});

/** By one read each of sessions, of roles and of what is left of the last session. */
async function detailsOf({ store }: Dependencies, domain: string, page: readonly string[]): Promise<UserDetails[]> {
  const accounts = page.map((local) => Rows.ofAccount(store, domain, local));
  const [sessions, held, left] = await Promise.all([
    readSessions(
      store,
      page.map((local, at) => ({ domain, local, rows: accounts[at]! })),
    ),
    heldByEach(store, accounts),
    singleRows(store, accounts, lastSeen),
  ]);
  return page.map((local, at) => {
    const { role, hasContent: content = false } = held[at]!;
    return { jid: `${Jid.of(local, domain)}`, role, content, lastSeen: seenAt(sessions[at]!, left[at]) };
  });
}

/** XEP-0133 §4.15: those that have a connected or available resource. One whose client may come back is available until then. */
async function onlineOf({ store }: Dependencies, domain: string, page: readonly string[]): Promise<string[]> {
  const sessions = await readSessions(
    store,
    page.map((local) => ({ domain, local })),
  );
  return page.filter((_, at) => sessions[at]!.some((entry) => entry.available || !isParked(entry)));
}

/** Names that begin alike stand together, behind the shortest of them. */
async function listBeginning({ store }: Dependencies, domain: string, text: string, after?: string): Promise<string[]> {
  const prefix = preparedStart(text, domain);
  if (prefix === undefined) return [];
  const max = runtimeLimits.adminPageMax;
  const own = after === undefined && (await findAccount(store, domain, prefix)) ? [prefix] : [];
  const from = after !== undefined && Buffer.compare(Buffer.from(after), Buffer.from(prefix)) > 0 ? after : prefix;
  const others = (await listAccounts(store, domain, max, from)).filter((local) => local.startsWith(prefix));
  return [...own, ...others].slice(0, max);
}

/** As it stands in names; undefined when no name has it. */
function preparedStart(text: string, domain: string): string | undefined {
  try {
    return Jid.of(text, domain).local || undefined;
  } catch (error) {
    if (error instanceof StanzaError) return undefined;
    throw error;
  }
}

export const userPassword = operation({
  name: 'user-password',
  input: z.strictObject({ jid: accountInput, password: passwordInput, ...versionInput }),
  output: z.object(account),
  right: 'tenant.accounts',
  isRepeatable: true,
  help: 'Changes the password of an account.',
  isGrave: true,
  commands: ['user password'],
  http: { method: 'put', path: '/tenants/{domain}/accounts/{local}/password', version: 'version' },
  async run(dependencies, { jid, password, version }) {
    const { domain } = await tenantOf(dependencies, jid);
    const { store, clock } = dependencies;
    const { item } = await checkVersion(dependencies, jid, version);
    const scram = await deriveKeys(password, clock);
    const seen = version === undefined ? undefined : item;
    if (!(await orStale(jid, version, setCredentials(store, domain, jid.local, scram, seen)))) throw noAccount(jid);
    return { jid: `${jid}` };
  },
});
