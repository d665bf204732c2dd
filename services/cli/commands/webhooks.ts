/** `skylark webhook …`: addresses of a tenant's own programs, which are told of what happens. */
import { type HookEventType, hookEventTypes } from '../../../lib/runtime/hooks.ts';
import { webhookAdd, webhookList, webhookRemove, webhookTest } from '../../router/operations/webhooks.ts';
import type { Values } from '../core/arguments.ts';
import { say, UsageError } from '../core/report.ts';
import type { runningListOptions, runningOptions } from './account-options.ts';
import { adminOf, none, one, withAdmin } from './admin-command.ts';
import type { webhookAddOptions } from './webhook-options.ts';

export async function addWebhook(values: Values<typeof webhookAddOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, url, ...rest] = positionals;
  if (domain === undefined || url === undefined)
    throw new UsageError("'skylark webhook add' needs a DOMAIN and a URL; see: skylark help webhook add");
  none('webhook add', rest);
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
  const [domain, id] = domainAndId('webhook test', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    say(`${(await admin.ask(webhookTest, { domain, id })).id} has taken a test event`);
  });
}

export async function removeWebhook(values: Values<typeof runningOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, id] = domainAndId('webhook remove', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    say(`removed ${(await admin.ask(webhookRemove, { domain, id })).id}`);
  });
}

function domainAndId(command: string, [domain, id, ...rest]: readonly string[]): readonly [string, string] {
  if (domain === undefined || id === undefined)
    throw new UsageError(`'skylark ${command}' needs a DOMAIN and the ID of a webhook; see: skylark webhook list`);
  none(command, rest);
  return [domain, id];
}
