/** Operations on tokens with which an app's own server lets its people sign in. */
import { z } from 'zod';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { type AccountRow, findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { endTokens } from '../sasl/clients.ts';
import { accountOf } from '../sasl/first-sign-in.ts';
import { jwtLimits } from '../sasl/limits.ts';
import { mintToken, voidMinted } from '../sasl/minted-tokens.ts';
import { accountInput, noAccount, secretOutput, tenantOf } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

export const tokenCreate = operation({
  name: 'token-create',
  input: z.strictObject({
    jid: accountInput,
    seconds: z.int().min(1).max(jwtLimits.mintedSecondsMax).default(jwtLimits.mintedSeconds).describe('how long it is good'),
    makes: z.boolean().optional().describe('makes the account if there is none, without a password'),
  }),
  /** The token is shown once: it is kept nowhere. */
  output: z.object({ jid: z.string(), token: secretOutput, expiresAt: z.string() }),
  right: 'tenant.accounts',
  isRepeatable: true,
  isGrave: true,
  help: "Makes a token with which a client of an account signs in for some minutes, for an app's own server, and shows it once.",
  commands: ['token create'],
  http: { method: 'post', path: '/tenants/{domain}/accounts/{local}/tokens' },
  async run(dependencies, { jid, seconds, makes = false }) {
    const tenant = await tenantOf(dependencies, jid);
    if (!tenant.policy.signIn.includes('api'))
      throw new Refusal(
        'conflict',
        `the ways to sign in to '${jid.domain}' do not have 'api'; see: skylark tenant set --sign-in`,
      );
    const account =
      (await findAccount(dependencies.store, tenant.domain, jid.local)) ??
      (makes ? await made(dependencies, tenant, jid) : undefined);
    if (account === undefined) throw noAccount(jid);
    if (account.isDisabled) throw new Refusal('conflict', `'${jid}' is disabled, so nobody is let in`);
    const minted = await mintToken(dependencies, tenant, jid.local, account, seconds);
    if (minted === undefined) throw new Refusal('conflict', 'the routers have no key of which tokens could be made');
    return { jid: `${jid}`, token: minted.token, expiresAt: new Date(minted.expiresMs).toISOString() };
  },
});

async function made(dependencies: Dependencies, tenant: Tenant, jid: Jid): Promise<AccountRow | undefined> {
  try {
    await accountOf(dependencies, tenant, jid.local);
    return await findAccount(dependencies.store, tenant.domain, jid.local);
  } catch (error) {
    if (error instanceof SaslFailure)
      throw new Refusal('conflict', `the last account '${jid}' is being removed, and its name is not free yet`);
    throw error;
  }
}

export const tokenRevoke = operation({
  name: 'token-revoke',
  input: z.strictObject({ jid: accountInput }),
  output: z.object({ jid: z.string() }),
  right: 'tenant.accounts',
  isRepeatable: true,
  help: 'Voids the tokens of an account: those of the API, and those with which clients come back. Sessions go on.',
  commands: ['token revoke'],
  http: { method: 'delete', path: '/tenants/{domain}/accounts/{local}/tokens' },
  async run(dependencies, { jid }) {
    const tenant = await tenantOf(dependencies, jid);
    if (!(await voidMinted(dependencies, tenant, jid.local))) throw noAccount(jid);
    await endTokens(dependencies, { tenant, local: jid.local });
    return { jid: `${jid}` };
  },
});
