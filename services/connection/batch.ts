/** What a session tells a router in one go, and reads from its answer. */
import type { Outgoing, StepItem } from '../../lib/runtime/wire.ts';
import type { PageEntry } from './catch-up.ts';
import type { Received } from './inbox.ts';

export interface Batch {
  readonly kind: 'stanzas' | 'page' | 'moved' | 'end';
  readonly items: readonly StepItem[];
  readonly stanzas: readonly Received[];
  readonly delivered: readonly string[];
  /** Initial presence is among the stanzas. */
  readonly isInitial: boolean;
}

export const bare = { stanzas: [], delivered: [], isInitial: false } as const;

export function deliveredItem(ids: readonly string[]): readonly StepItem[] {
  return ids.length === 0 ? [] : [{ k: 'delivered', ids }];
}

export function pageEntries(out: readonly Outgoing[], bodies: readonly Buffer[]): PageEntry[] {
  return out.flatMap(({ id }, index) => (id === undefined ? [] : [{ id, bytes: bodies[index]! }]));
}
