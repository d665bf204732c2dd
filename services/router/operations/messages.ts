/** The operation that sends a message to one account, in the name of its domain. */
import { z } from 'zod';
import { Overloaded } from '../../../lib/runtime/fair-queue.ts';
import { findAccount } from '../core/accounts.ts';
import { sendTogether } from '../core/messages-together.ts';
import { noticeOf } from '../core/notices.ts';
import { accountInput, domainInput, findTenant, noAccount, noticeInput } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

export const messageSend = operation({
  name: 'message-send',
  input: z.strictObject({
    domain: domainInput,
    to: accountInput.describe('the address of an account of the domain'),
    type: z
      .enum(['normal', 'chat', 'headline'])
      .default('normal')
      .describe('normal or chat: it waits for whoever is away; headline: for sessions that are there'),
    ...noticeInput,
  }),
  /** `id` is the id of the stanza, by which the account has it in its archive. */
  output: z.object({ to: z.string(), id: z.string() }),
  right: 'tenant.announce',
  isRepeatable: false,
  help: 'Sends a message to one account in the name of its domain.',
  commands: ['message send'],
  http: { method: 'post', path: '/tenants/{domain}/messages' },
  async run(dependencies, { domain, to, type, subject, text }) {
    const tenant = await findTenant(dependencies, domain);
    if (to.domain !== domain) throw new Refusal('invalid', `'${to}' is not an account of '${domain}'`);
    if ((await findAccount(dependencies.store, domain, to.local)) === undefined) throw noAccount(to);
    if (!dependencies.shares.notices.take(domain)) throw new Overloaded(`too many messages of '${domain}' at once`);
    const id = dependencies.ids.mint();
    const sent = await sendTogether(dependencies, tenant, [{ id, stanza: noticeOf(tenant, to, { id, type, subject, text }) }]);
    if (sent === 0) throw new Refusal('conflict', `the message cannot be kept for '${to}'`);
    return { to: `${to}`, id };
  },
});
