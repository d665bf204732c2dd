/** `skylark webhook …`: addresses of a tenant's own programs, which are told of what happens. */
import { type HookEventType, hookEventTypes } from '../../../lib/runtime/hooks.ts';
import { webhookAdd, webhookList, webhookRemove, webhookTest } from '../../router/operations/webhooks.ts';
import type { Values } from '../core/arguments.ts';
import { say } from '../core/report.ts';
import type { runningListOptions, runningOptions } from './account-options.ts';
import { adminOf, all, one, withAdmin } from './admin-command.ts';
import type { webhookAddOptions } from './webhook-options.ts';

export async function addWebhook(values: Values<typeof webhookAddOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, url] = all('webhook add', ['DOMAIN', 'URL'], positionals);
  const events = (values.events?.split(',') ?? [...hookEventTypes]) as HookEventType[];
  return withAdmin(adminOf(values), async (admin) => {
    const added = await admin.ask(webhookAdd, { domain, url, events });
    if (values.json) say(JSON.stringify(added));
    else say(`${added.id}  ${added.events.join(',')}`, added.secret);
  });
}

export async function listWebhooks(values: Values<typeof runningListOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('webhook list', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const { webhooks } = await admin.ask(webhookList, { domain });
    for (const webhook of webhooks) {
      const { id, url, events, sent, waiting, dropped, failures, lastError, nextAt } = webhook;
      if (values.json) say(JSON.stringify(webhook));
      else {
        say(`${id}  ${url}  ${events.join(',')}  sent ${sent}, waiting ${waiting}, dropped ${dropped}`);
        if (failures > 0) say(`    failed ${failures} times, the next try is at ${nextAt ?? 'once'}: ${lastError ?? ''}`);
      }
    }
  });
}

export async function testWebhook(values: Values<typeof runningOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, id] = all('webhook test', ['DOMAIN', 'ID'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    say(`${(await admin.ask(webhookTest, { domain, id })).id} has taken a test event`);
  });
}

export async function removeWebhook(values: Values<typeof runningOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, id] = all('webhook remove', ['DOMAIN', 'ID'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    say(`removed ${(await admin.ask(webhookRemove, { domain, id })).id}`);
  });
}
