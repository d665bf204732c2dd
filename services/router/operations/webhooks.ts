/** Operations on webhooks: addresses of a tenant's own programs, which are told of what happens (lib/runtime/hooks.ts). */
import { z } from 'zod';
import { type Hook, hookEventTypes, hookRows, hookStates, waitingEvents } from '../../../lib/runtime/hooks.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { secretBytes } from '../../../lib/runtime/secrets.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { sealPolicySecret } from '../core/policy-secrets.ts';
import { forgetHook, hookSecretName, postEvent } from '../later/hooks.ts';
import { domainInput, findTenant, secretOutput, uncached } from './inputs.ts';
import { operationLimits } from './limits.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const events = z.array(z.enum(hookEventTypes)).min(1).max(hookEventTypes.length);

/** Which address it leads to is looked at when it is dialled, each time. */
const urlInput = z
  .string()
  .max(runtimeLimits.policyUrlCharactersMax)
  .transform((given, context) => {
    const url = URL.canParse(given) ? new URL(given) : undefined;
    if (url?.protocol === 'https:' && url.username === '' && url.password === '' && url.hash === '') return given;
    context.addIssue("'url' takes an https address without a user or a fragment");
    return z.NEVER;
  });

const idInput = z.string().min(1).max(operationLimits.hookIdCharacters);

export const webhookAdd = operation({
  name: 'webhook-add',
  input: z.strictObject({
    domain: domainInput,
    url: urlInput,
    events: events.describe(`which events it is told of, one a line: ${hookEventTypes.join(', ')}`),
  }),
  /** The secret is shown once. It signs what is posted. */
  output: z.object({ id: z.string(), url: z.string(), events, secret: secretOutput }),
  right: 'tenant.own',
  isRepeatable: false,
  isGrave: true,
  help: "Has events of a tenant posted to an address of the tenant's own program, and shows once what signs them.",
  commands: ['webhook add'],
  http: { method: 'post', path: '/tenants/{domain}/webhooks' },
  async run(dependencies, { domain, url, events: wanted }) {
    const { clock } = dependencies;
    await findTenant(dependencies, domain);
    const id = clock.randomBytes(operationLimits.hookIdCharacters / 2).toString('hex');
    const secret = `whsec_${clock.randomBytes(secretBytes).toString('base64url')}`;
    const sealedSecret = await sealPolicySecret(dependencies, domain, hookSecretName(id), secret);
    if (sealedSecret === undefined) throw new Refusal('conflict', 'the routers have no key to seal its secret with');
    const hook: Hook = {
      id,
      url,
      events: [...new Set(wanted)],
      sealedSecret,
      addedAt: new Date(clock.timeOfDay()).toISOString(),
    };
    const changed = await uncached(dependencies).setHooks(domain, (hooks) => {
      if (hooks.length >= runtimeLimits.hooksMax)
        throw new Refusal('conflict', `tenant '${domain}' has ${runtimeLimits.hooksMax} webhooks, and more are not allowed`);
      return [...hooks, hook];
    });
    if (changed === undefined) await findTenant(dependencies, domain);
    return { id, url, events: [...hook.events], secret };
  },
});

const described = z.object({
  id: z.string(),
  url: z.string(),
  events,
  addedAt: z.string(),
  /** How many events were taken, and how many were dropped after three days. */
  ...{ sent: z.number(), dropped: z.number(), lastSentAt: z.string().optional() },
  /** How many wait, up to a hundred. */
  waiting: z.number(),
  /** Tries in a row that failed, why the last one did, and when the next one is. */
  ...{ failures: z.number(), lastError: z.string().optional(), nextAt: z.string().optional() },
});

export const webhookList = operation({
  name: 'webhook-list',
  input: z.strictObject({ domain: domainInput }),
  output: z.object({ webhooks: z.array(described) }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Lists the webhooks of a tenant, and how it goes with them.',
  commands: ['webhook list'],
  http: { method: 'get', path: '/tenants/{domain}/webhooks' },
  async run(dependencies, { domain }) {
    const { hooks = [] } = await findTenant(dependencies, domain);
    return { webhooks: await Promise.all(hooks.map((hook) => describe(dependencies, domain, hook))) };
  },
});

async function describe(
  { store, clock }: Dependencies,
  domain: string,
  { sealedSecret: _, ...hook }: Hook,
): Promise<z.input<typeof described>> {
  const rows = hookRows(store, domain, hook.id);
  const [found, waiting] = await Promise.all([
    rows.get(hookStates, hook.id),
    rows.list(waitingEvents, { limit: runtimeLimits.adminPageMax, after: `${hook.id} `, before: `${hook.id}!` }),
  ]);
  const { sent = 0, dropped = 0, failures = 0, nextMs = 0, lastError, lastSentMs } = found?.value ?? {};
  return {
    ...{ ...hook, events: [...hook.events], sent, dropped, failures, lastError, waiting: waiting.length },
    lastSentAt: lastSentMs === undefined ? undefined : new Date(lastSentMs).toISOString(),
    nextAt: nextMs > clock.now() ? new Date(nextMs).toISOString() : undefined,
  };
}

export const webhookTest = operation({
  name: 'webhook-test',
  input: z.strictObject({ domain: domainInput, id: idInput }),
  output: z.object({ id: z.string(), event: z.string() }),
  right: 'tenant.own',
  isRepeatable: true,
  help: 'Posts a test event to a webhook at once, and tells whether it was taken.',
  commands: ['webhook test'],
  http: { method: 'post', path: '/tenants/{domain}/webhooks/{id}/test' },
  async run(dependencies, { domain, id }) {
    const tenant = await findTenant(dependencies, domain);
    const hook = tenant.hooks?.find((one) => one.id === id);
    if (hook === undefined) throw noHook(domain, id);
    const { ids, clock } = dependencies;
    const event = { id: ids.mint(), type: 'webhook.test', atMs: clock.now(), data: { webhook: id } } as const;
    const error = await postEvent(dependencies, tenant, hook, event);
    if (error !== undefined) throw new Refusal('unanswered', `the webhook did not take the event: ${error}`);
    return { id, event: event.id };
  },
});

export const webhookRemove = operation({
  name: 'webhook-remove',
  input: z.strictObject({ domain: domainInput, id: idInput }),
  output: z.object({ id: z.string() }),
  right: 'tenant.own',
  isRepeatable: true,
  help: 'Removes a webhook: nothing more is posted there, and what waits is deleted.',
  commands: ['webhook remove'],
  http: { method: 'delete', path: '/tenants/{domain}/webhooks/{id}' },
  async run(dependencies, { domain, id }) {
    const { hooks = [] } = await findTenant(dependencies, domain);
    if (!hooks.some((hook) => hook.id === id)) throw noHook(domain, id);
    await uncached(dependencies).setHooks(domain, (there) => there.filter((hook) => hook.id !== id));
    await forgetHook(hookRows(dependencies.store, domain, id), id);
    return { id };
  },
});

function noHook(domain: string, id: string): Refusal {
  return new Refusal('absent', `there is no webhook '${id}'; to see them: skylark webhook list ${domain}`);
}
