/** What a room has to do. */
import type { DoneReply, RoomRequest } from '../../../lib/runtime/wire.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { RoomTurn } from './room-turn.ts';

/** A stanza, or something that the worker itself found out about an occupant. */
export type Job =
  | { readonly request: RoomRequest; readonly stanza: Stanza; readonly done: (outcome: Outcome) => void }
  | {
      readonly about: Jid;
      readonly apply: (turn: RoomTurn) => void;
      /** `mark`: it is behind; `return`: its session is back, and what it has not got is read. Both go before anything else, in this order. */
      readonly first?: 'mark' | 'return';
      readonly done?: (outcome: Outcome) => void;
    };

/** 'silent': another worker wrote it and answers; if it dies before, the retry finds what it left. */
export type Outcome = DoneReply | 'silent';

export function firstOf(job: Job): 'mark' | 'return' | undefined {
  return 'about' in job ? job.first : undefined;
}

export function finish(job: Job, outcome: Outcome): void {
  job.done?.(outcome);
}
