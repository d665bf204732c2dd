/** What rooms say to routers of occupants whose clients may have to be woken (XEP-0357). */
import { answerKind } from './answer.ts';

/**
 * muc → `rt`: messages of a room that have not reached the clients of these occupants, who are all of one tenant. Bodies: the messages,
 * without `to`. When it is answered with `ok`, the clients that are to be woken are, or the store says so.
 */
export interface RingRequest {
  readonly kind: 'ring';
  readonly domain: string;
  /** Not everybody may enter the room. */
  readonly isPrivate?: true | undefined;
  readonly targets: readonly RingTarget[];
  /** As in `StepRequest`. */
  readonly at: number;
}

export interface RingTarget {
  /** The full JID. */
  readonly to: string;
  /** Its nick in the room. */
  readonly nick: string;
  /** Which of the messages have not reached it. */
  readonly messages: readonly number[];
}

/** Which messages of the room wake the client (XEP-0492); `never` also when it cannot be woken. */
export type RingWish = 'always' | 'on-mention' | 'never';

export interface RingReply {
  /** False: to be tried again. */
  readonly ok: boolean;
  /** For people. */
  readonly error?: string;
  /** As in `StepRequest`. */
  readonly at?: number;
  /** One for each target. */
  readonly wishes?: readonly RingWish[];
}

export const ringAnswer = answerKind<RingReply>('ring', { ok: true, error: true, at: true, wishes: true });

/**
 * router → `m.<shard>`: the node of an occupant's session has died, so nobody knows what its client has heard of late. The worker asks for the
 * client to be woken as with {@link RingRequest}. No body; answered as `RoomRequest`, when that is done.
 */
export interface UnheardRequest {
  readonly kind: 'unheard';
  readonly domain: string;
  readonly room: string;
  /** Full JID of the occupant's session. */
  readonly jid: string;
  /** What the room has sent since counts, ms by the deployment's clock. */
  readonly sinceMs: number;
}
