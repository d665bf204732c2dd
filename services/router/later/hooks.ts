/**
 * Sends events to webhooks: to each in order, one at a time, until it has answered with 2xx. One router at a time sends to a webhook. After a
 * failure all of its events wait; what is older than three days is dropped.
 */
import { Count } from '../../../lib/runtime/counts.ts';
import {
  type Hook,
  type HookEvent,
  type HookState,
  hookRows,
  hookStates,
  sentEvents,
  type WaitingEvent,
  waitingEvents,
} from '../../../lib/runtime/hooks.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { Item, Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { putWork } from '../../../lib/runtime/work-lists.ts';
import { findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { openSecret } from '../core/policy-secrets.ts';
import { signedHeaders } from '../core/signed-post.ts';
import { laterLimits } from './limits.ts';

export const hookPosts = new Count(
  'webhook_posts_total',
  'Events that were posted to webhooks of tenants: `sent`, `failed` and tried again later, or `dropped` after three days',
  ['result'],
);

const newState: HookState = { failures: 0, nextMs: 0, sent: 0, dropped: 0 };

/** The name under which the secret of a webhook is sealed. */
export function hookSecretName(id: string): string {
  return `hook ${id}`;
}

/** What a webhook is posted. */
function bodyOf({ domain }: Pick<Tenant, 'domain'>, { id, type, atMs, data }: HookEvent): string {
  return JSON.stringify({ id, type, at: new Date(atMs).toISOString(), tenant: domain, data });
}

/** @returns why it was not taken; undefined when it was */
export async function postEvent(
  dependencies: Dependencies,
  tenant: Tenant,
  { id, url, sealedSecret }: Hook,
  event: HookEvent,
): Promise<string | undefined> {
  try {
    const secret = await openSecret(dependencies, tenant.domain, hookSecretName(id), sealedSecret);
    if (secret === undefined || dependencies.postDocument === undefined) return 'this deployment cannot open its secret';
    const body = bodyOf(tenant, event);
    const headers = { ...signedHeaders(dependencies, secret, body), 'skylark-event': event.id };
    const { hookAnswerBytesMax: bytesMax, hookMs: msMax } = laterLimits;
    const { status } = await dependencies.postDocument(new URL(url), { body, headers }, { bytesMax, msMax });
    return status >= 200 && status < 300 ? undefined : `it answered with status ${status}`;
  } catch (error) {
    return (error instanceof Error ? error.message : 'it cannot be reached').slice(0, laterLimits.hookErrorCharactersMax);
  }
}

/**
 * Sends what waits for a webhook, as far as it can be sent now.
 * @param by names this process
 * @returns false when another process has it: whatever says that there is something has to stay
 * @throws {Unavailable}
 */
export async function sendWaiting(
  dependencies: Dependencies,
  { domain, id, by }: { readonly domain: string; readonly id: string; readonly by: string },
): Promise<boolean> {
  const { store } = dependencies;
  const tenant = await dependencies.tenants.find(domain);
  const rows = hookRows(store, domain, id);
  const hook = tenant?.hooks?.find((one) => one.id === id);
  if (tenant === undefined || hook === undefined) {
    await forgetHook(rows, id);
    return true;
  }
  const sender = new Sender(dependencies, { tenant, hook, rows, by });
  if (!(await sender.take())) return false;
  try {
    await sender.run();
  } finally {
    await sender.release();
  }
  return true;
}

/** What is left of a webhook that was removed. */
export async function forgetHook(rows: Rows, id: string): Promise<void> {
  const range = { after: `${id} `, before: `${id}!` };
  for (const kind of [waitingEvents, sentEvents]) await rows.deleteAll<unknown>(kind, range);
  await rows.delete(hookStates, id);
}

interface Sending {
  readonly tenant: Tenant;
  readonly hook: Hook;
  readonly rows: Rows;
  readonly by: string;
}

class Sender {
  readonly #dependencies: Dependencies;
  readonly #sending: Sending;

  constructor(dependencies: Dependencies, sending: Sending) {
    this.#dependencies = dependencies;
    this.#sending = sending;
  }

  async take(): Promise<boolean> {
    const { by } = this.#sending;
    const now = this.#now;
    const taken = await this.#change((there) => {
      const isOthers = there.by !== undefined && there.by !== by && (there.untilMs ?? 0) > now;
      return isOthers ? there : { ...there, by, untilMs: now + laterLimits.hookLeaseMs };
    });
    return taken.by === by;
  }

  async release(): Promise<void> {
    await this.#change((there) => (there.by === this.#sending.by ? { ...there, by: undefined, untilMs: undefined } : there));
  }

  async run(): Promise<void> {
    const { rows, hook } = this.#sending;
    const range = { limit: laterLimits.hookPageMax, after: `${hook.id} `, before: `${hook.id}!` };
    const state = (await rows.get(hookStates, hook.id))?.value ?? newState;
    if (state.nextMs > this.#now) return this.#again(state.nextMs);
    for (;;) {
      const page = await rows.list(waitingEvents, range);
      let left = 0;
      for (const item of page) {
        const outcome = await this.#handle(item);
        if (outcome === 'failed') return;
        if (outcome === 'unsure') left++;
      }
      if (left > 0) return this.#again(this.#now + laterLimits.hookUnsureMs / 2);
      if (page.length < range.limit) return;
    }
  }

  /** @returns `unsure`: nobody knows yet whether it has happened */
  async #handle({ key, value: event }: Item<WaitingEvent>): Promise<'done' | 'failed' | 'unsure'> {
    const { rows, tenant, hook } = this.#sending;
    const ageMs = this.#now - event.atMs;
    if (ageMs > runtimeLimits.hookKeepMs) {
      await rows.delete(waitingEvents, key);
      await this.#change((there) => ({ ...there, dropped: there.dropped + 1 }));
      hookPosts.add(tenant.domain, 1, 'dropped');
      return 'done';
    }
    if (event.mayReturn && (await rows.get(sentEvents, key)) !== undefined) {
      await rows.delete(waitingEvents, key);
      return 'done';
    }
    if (event.ifAccount !== undefined && !(await this.#isThere(event.ifAccount))) {
      if (ageMs < laterLimits.hookUnsureMs) return 'unsure';
      await rows.delete(waitingEvents, key);
      return 'done';
    }
    if (!(await this.take())) return 'failed'; // this process stood still, and another one has it
    const error = await postEvent(this.#dependencies, tenant, hook, event);
    hookPosts.add(tenant.domain, 1, error === undefined ? 'sent' : 'failed');
    if (error !== undefined) {
      await this.#failed(error);
      return 'failed';
    }
    if (event.mayReturn) await rows.put(sentEvents, key, true, undefined, event.atMs + runtimeLimits.hookKeepMs);
    await rows.delete(waitingEvents, key);
    const lastSentMs = this.#now;
    await this.#change((there) => ({ ...there, failures: 0, nextMs: 0, lastError: undefined, lastSentMs, sent: there.sent + 1 }));
    return 'done';
  }

  async #isThere({ local, incarnation }: NonNullable<WaitingEvent['ifAccount']>): Promise<boolean> {
    const { store } = this.#dependencies;
    return (await findAccount(store, this.#sending.tenant.domain, local))?.incarnation === incarnation;
  }

  async #failed(lastError: string): Promise<void> {
    const { clock } = this.#dependencies;
    const { failures } = await this.#change((there) => ({ ...there, failures: there.failures + 1, lastError }));
    const pauseMs = Math.min(laterLimits.hookPauseMaxMs, laterLimits.hookPauseMs * 2 ** Math.min(failures - 1, 30));
    const spread = clock.randomBytes(1)[0]! / 255 / 2 - 0.25;
    const nextMs = Math.round(this.#now + pauseMs * (1 + spread));
    await this.#again(nextMs); // before the state says that it waits until then
    await this.#change((there) => ({ ...there, nextMs }));
  }

  /** Notes that there is something to be sent then. */
  #again(atMs: number): Promise<void> {
    const { tenant, hook } = this.#sending;
    const work = { kind: 'hook', domain: tenant.domain, id: hook.id } as const;
    return putWork(this.#dependencies.store, atMs, work, atMs + runtimeLimits.hookKeepMs);
  }

  async #change(change: (there: HookState) => HookState): Promise<HookState> {
    const { rows, hook } = this.#sending;
    return (await update(rows, hookStates, hook.id, (there) => change(there ?? newState)))!;
  }

  get #now(): number {
    return this.#dependencies.clock.now();
  }
}
