/** What a session sends to a router in one batch, and what it reads from the answer. */
import { nothing } from '../../../lib/runtime/short-lists.ts';
import type { StepItem } from '../../../lib/runtime/wire.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { PageEntry } from './catch-up.ts';
import { type Delivered, nothingDelivered } from './cursor-flush.ts';
import type { Egress } from './egress.ts';
import type { Received } from './inbox.ts';
import type { StepAnswer } from './router-link.ts';

export interface Batch {
  readonly kind: 'stanzas' | 'bind' | 'page' | 'moved' | 'kept' | 'unheard' | 'end';
  readonly items: readonly StepItem[];
  readonly stanzas: readonly Received[];
  /** What its items need, where that is not the stanzas: the request to bind, or requests that the client has not answered. */
  readonly bodies?: readonly Buffer[];
  readonly delivered: Delivered;
  /** True when initial presence is among the stanzas. */
  readonly isInitial: boolean;
  /**
   * True when presence to all contacts is among the stanzas. After it, the queue of the account may be open or closed for this
   * session.
   */
  readonly mayTurnQueue: boolean;
}

interface StanzaBatch extends Batch {
  /** How many of the stanzas are presence to all contacts, and whether the session is available after them. */
  readonly presences: number;
  readonly isAvailable: boolean;
}

export const bare = { stanzas: [], delivered: nothingDelivered, isInitial: false, mayTurnQueue: false } as const;

export function deliveredItem({ ids, aside }: Delivered): readonly StepItem[] {
  if (ids.length + aside.length === 0) return nothing;
  return [{ kind: 'delivered', ids, ...(aside.length > 0 && { aside }) }];
}

/** What the client has acknowledged, and perhaps a request for more. */
export function carrying(kind: Batch['kind'], delivered: Delivered, ...further: readonly StepItem[]): Batch {
  return { ...bare, kind, items: [...deliveredItem(delivered), ...further], delivered };
}

/** @param isMoved true when routers do not know yet where the session is */
export function endBatch(isMoved: boolean, delivered: Delivered, { undelivered, requests, catchUp }: Egress): Batch {
  const end: StepItem = {
    kind: 'end',
    ...(undelivered.length > 0 && { undelivered }),
    ...(catchUp.missed && { missed: catchUp.missed }),
  };
  const moved: readonly StepItem[] = isMoved ? [{ kind: 'moved' }] : [];
  const bounced = requests.map((): StepItem => ({ kind: 'unanswered', body: true }));
  return { ...bare, kind: 'end', items: [...moved, ...deliveredItem(delivered), ...bounced, end], bodies: requests };
}

/** What a client that does not hear has not acknowledged. @param isUnread true when more waits in the archive */
export function unheardBatch(bodies: readonly Buffer[], isUnread: boolean): Batch {
  const items = bodies.map((): StepItem => ({ kind: 'unheard', body: true }));
  return { ...bare, kind: 'unheard', items: isUnread ? [...items, { kind: 'unread' }] : items, bodies };
}

export function pageEntries({ out, reply: { bodies } }: StepAnswer): PageEntry[] {
  return out.flatMap(({ id }, index) => (id === undefined ? [] : [{ id, bytes: bodies[index]! }]));
}

/** @param wasAvailable before these stanzas; presence may be in the same batch as the request to bind */
export function stanzaBatch(stanzas: readonly Received[], wasAvailable: boolean, delivered: Delivered): StanzaBatch {
  let isAvailable = wasAvailable;
  let presences = 0;
  let isInitial = false;
  const items = stanzas.map(({ id, stanza }): StepItem => {
    const change = presenceChange(stanza, isAvailable);
    if (change !== undefined) {
      isAvailable = change !== 'gone';
      presences++;
    }
    isInitial ||= change === 'initial';
    return { kind: 'stanza', id, body: true, initial: change === 'initial' || undefined };
  });
  for (const item of deliveredItem(delivered)) items.push(item);
  const mayTurnQueue = presences > 0;
  return { kind: 'stanzas', items, stanzas, delivered, isInitial, mayTurnQueue, presences, isAvailable };
}

export function bodiesOf({ bodies, stanzas }: Batch): readonly Buffer[] {
  return bodies ?? stanzas.map(({ bytes }) => bytes);
}

/** The number of the last stanza, as XEP-0198 counts. */
export function lastNumber({ stanzas }: Batch): number {
  return stanzas.at(-1)?.number ?? 0;
}

type PresenceChange = 'initial' | 'changed' | 'gone';

/** RFC 6121 §4.2, §4.4, §4.5: whether a stanza makes its session available. */
function presenceChange({ name, attributes }: Stanza, isAvailable: boolean): PresenceChange | undefined {
  const { to, type } = attributes;
  if (name !== 'presence' || to !== undefined) return undefined;
  if (type === 'unavailable') return 'gone';
  if (type !== undefined) return undefined;
  return isAvailable ? 'changed' : 'initial';
}
