/**
 * Events that a tenant's own programs are told of over HTTPS: what a tenant has registered, and the rows that wait for being sent.
 *
 *     <domain>/s/<shard>   hookEvent/<hook> <event>   an event that one of its webhooks has not taken
 *     <domain>/s/<shard>   hookState/<hook>           who sends to it, and how it went
 *     #work-<number>       work/<time> …              that there is something for it (work-lists.ts)
 *
 * Rows are written with what they tell of, or before it. So nothing is lost when a process dies, and something may come twice, under the same
 * id. No event contains what people say.
 */
import type { Key, Put, Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { Rows } from './rows.ts';
import { shardOf } from './shards.ts';
import { workKey } from './work-lists.ts';

export const hookEvents = {
  'account.added': 'an account was made',
  'account.removed': 'an account was removed, and its name is free',
  'room.made': 'a room was made',
  'room.destroyed': 'a room has ended',
  'report.filed': 'somebody has reported somebody; the messages are not in the event',
} as const;

export type HookEventType = keyof typeof hookEvents;
export const hookEventTypes = Object.keys(hookEvents) as unknown as readonly [HookEventType, ...HookEventType[]];

/** What the row of a tenant has of a webhook. */
export interface Hook {
  readonly id: string;
  readonly url: string;
  readonly events: readonly HookEventType[];
  /** What signs, sealed. */
  readonly sealedSecret: string;
  readonly addedAt: string;
}

export interface HookEvent {
  /** Later events have greater ids, and one that is sent again has the same. */
  readonly id: string;
  /** `webhook.test`: an operator tries the webhook. */
  readonly type: HookEventType | 'webhook.test';
  readonly atMs: number;
  readonly data: Readonly<Record<string, string>>;
}

export interface WaitingEvent extends HookEvent {
  /** Written before what it tells of: it counts if this account is there. */
  readonly ifAccount?: { readonly local: string; readonly incarnation: string } | undefined;
  /** Its row may be written once more after it was sent: whoever sends it remembers that. */
  readonly mayReturn?: true | undefined;
}

/** Who sends to a webhook at the moment, and how it went. */
export interface HookState {
  readonly by?: string | undefined;
  readonly untilMs?: number | undefined;
  /** Tries in a row that failed, and when the next one may be. */
  readonly failures: number;
  readonly nextMs: number;
  readonly lastError?: string | undefined;
  readonly lastSentMs?: number | undefined;
  readonly sent: number;
  readonly dropped: number;
}

export const waitingEvents = collection<WaitingEvent>('hookEvent', 'outbox', 'live');
export const hookStates = collection<HookState>('hookState', 'outbox', 'live');
/** Events that were sent and whose rows may come again. */
export const sentEvents = collection<true>('hookSent', 'outbox', 'live');

export function hookRows(store: Store, domain: string, hook: string): Rows {
  return Rows.ofOutbox(store, domain, shardOf(domain, hook));
}

function eventKey(hook: string, event: string): string {
  return `${hook} ${event}`;
}

interface EventRow extends Key {
  readonly value: unknown;
  readonly expiresAtMs: number;
}

interface Listening {
  readonly domain: string;
  readonly hooks?: readonly Hook[] | undefined;
}

/** The webhooks of a tenant that want events of this type. */
export function hooksFor({ hooks = [] }: Pick<Listening, 'hooks'>, type: HookEvent['type']): readonly Hook[] {
  return hooks.filter(({ events }) => (events as readonly string[]).includes(type));
}

/** What is written for an event. There are no rows where nobody wants it. */
export function eventRows(store: Store, tenant: Listening, event: WaitingEvent): readonly EventRow[] {
  const { domain } = tenant;
  const expiresAtMs = event.atMs + runtimeLimits.hookKeepMs;
  return hooksFor(tenant, event.type).flatMap(({ id }) => [
    { ...hookRows(store, domain, id).keyOf(waitingEvents, eventKey(id, event.id)), value: event, expiresAtMs },
    { ...workKey(store, event.atMs, { kind: 'hook', domain, id }), expiresAtMs },
  ]);
}

export function putOf({ value, ...row }: EventRow): Put {
  return { ...row, value: JSON.stringify(value) };
}
