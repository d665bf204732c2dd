/** What the pages for a tenant's people are answered about links. Whatever is wrong with a link, the answer is the same. */
import type { LinkReply, LinkRequest } from '../../../lib/runtime/invite-wire.ts';
import { networkOf } from '../../../lib/runtime/networks.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { setCredentials } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { findInvite } from '../invites/invites.ts';
import { inviterOf } from '../invites/links.ts';
import { findReset, takeReset } from '../invites/resets.ts';
import { deriveKeys } from '../sasl/passwords.ts';
import { endSessions } from '../sessions/end-sessions.ts';
import { checked, NotRegistered, register } from './register.ts';

/** @throws {Unavailable} */
export async function answerLink(dependencies: Dependencies, request: LinkRequest): Promise<LinkReply> {
  const tenant = await dependencies.tenants.find(request.domain);
  const network = networkOf(request.address);
  if (!dependencies.shares.mayLookAtInvite(request.domain, network)) return { error: 'busy' };
  if (tenant === undefined) return { error: 'link' };
  try {
    if (request.link === 'reset') return await answerReset(dependencies, tenant, request, network);
    return await answerInvite(dependencies, tenant, request, network);
  } catch (error) {
    if (error instanceof NotRegistered) return { error: error.reason };
    throw error;
  }
}

/** @throws {NotRegistered} */
async function answerInvite(
  dependencies: Dependencies,
  tenant: Tenant,
  { verb, id, username, password }: LinkRequest,
  network: string,
): Promise<LinkReply> {
  const invite = await findInvite(dependencies, tenant, id);
  if (invite === undefined) return { error: 'link' };
  if (verb === 'use') {
    const local = await register(dependencies, tenant, { username, password, network, invite: { id, invite } });
    return { account: `${Jid.of(local, tenant.domain)}` };
  }
  const { by, name, expiresMs } = invite;
  return { view: { jid: by && `${Jid.of(by.local, tenant.domain)}`, inviter: inviterOf(invite), name, expiresMs } };
}

/** @throws {NotRegistered} */
async function answerReset(
  dependencies: Dependencies,
  tenant: Tenant,
  { verb, id, password = '' }: LinkRequest,
  network: string,
): Promise<LinkReply> {
  const found = await findReset(dependencies, tenant, id);
  if (found === undefined) return { error: 'link' };
  const { local, expiresMs } = found.value;
  const account = `${Jid.of(local, tenant.domain)}`;
  if (verb === 'look') return { view: { jid: account, expiresMs } };
  const { clock, shares, store } = dependencies;
  const scram = await checked(() =>
    deriveKeys(password, clock, (work) => shares.newPasswords.run([tenant.domain, network], work)),
  );
  if (!(await takeReset(dependencies, tenant, found))) return { error: 'link' };
  if (!(await setCredentials(store, tenant.domain, local, scram))) return { error: 'link' };
  await endSessions(dependencies, tenant, local, { condition: 'not-authorized', text: 'the password was changed' });
  return { account };
}
