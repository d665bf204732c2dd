/** What a session tells a router in one go, and reads from its answer. */
import type { Outgoing, StepItem } from '../../../lib/runtime/wire.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { PageEntry } from './catch-up.ts';
import type { Egress } from './egress.ts';
import type { Received } from './inbox.ts';

export interface Batch {
  readonly kind: 'stanzas' | 'page' | 'moved' | 'end';
  readonly items: readonly StepItem[];
  readonly stanzas: readonly Received[];
  /** Of an end: requests that the client has not answered. */
  readonly unanswered?: readonly Buffer[];
  readonly delivered: readonly string[];
  /** Initial presence is among the stanzas. */
  readonly isInitial: boolean;
}

export const bare = { stanzas: [], delivered: [], isInitial: false } as const;

export function deliveredItem(ids: readonly string[]): readonly StepItem[] {
  return ids.length === 0 ? [] : [{ k: 'delivered', ids }];
}

/** @param isMoved routers have not heard yet where the session is */
export function endBatch(isMoved: boolean, delivered: readonly string[], { undelivered, requests, catchUp }: Egress): Batch {
  const end: StepItem = {
    k: 'end',
    ...(undelivered.length > 0 && { undelivered }),
    ...(catchUp.missed && { missed: catchUp.missed }),
  };
  const moved: readonly StepItem[] = isMoved ? [{ k: 'moved' }] : [];
  const bounced = requests.map((): StepItem => ({ k: 'unanswered', body: true }));
  return { ...bare, kind: 'end', items: [...moved, ...deliveredItem(delivered), ...bounced, end], unanswered: requests };
}

export function pageEntries(out: readonly Outgoing[], bodies: readonly Buffer[]): PageEntry[] {
  return out.flatMap(({ id }, index) => (id === undefined ? [] : [{ id, bytes: bodies[index]! }]));
}

/** RFC 6121 §4.2, §4.5: what a stanza says of its session. */
export function presenceChange({ name, attributes }: Stanza, isAvailable: boolean): 'initial' | 'gone' | undefined {
  const { to, type } = attributes;
  if (name !== 'presence' || to !== undefined) return undefined;
  if (type === 'unavailable') return 'gone';
  return type === undefined && !isAvailable ? 'initial' : undefined;
}
