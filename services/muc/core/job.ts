/** What a room has to do. */
import type { DoneReply, RoomRequest } from '../../../lib/runtime/wire.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { RoomTurn } from './room-turn.ts';

export type Job = StanzaJob | SeatJob;

/** A stanza that a router has sent. */
export interface StanzaJob {
  readonly request: RoomRequest;
  readonly stanza: Stanza;
  readonly first?: undefined;
  readonly done: (outcome: Outcome) => void;
}

/** Something that the worker itself found out, such as that a session is over. */
export interface SeatJob {
  /** The full JID of the seat, or the room. */
  readonly about: Jid;
  readonly apply: (turn: RoomTurn) => void;
  /**
   * `mark`: the seat has missed a message. `return`: its session is back, and what it has missed is read beforehand. Both are
   * done before anything else, in this order.
   */
  readonly first?: 'mark' | 'return';
  readonly done?: (outcome: Outcome) => void;
}

/** 'silent': another worker wrote it and answers. If that one dies before, a retry finds what it left. */
export type Outcome = DoneReply | 'silent';
