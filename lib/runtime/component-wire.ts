/**
 * What the owner of a component's pair (services/federation) and the node that has its stream (services/connection) say to each other. As in
 * wire.ts, each interface is the header of a frame.
 */
import type { StreamErrorCondition } from '../xmpp/errors.ts';
import { answerKind } from './answer.ts';

/**
 * connection → `s2s.<shard>` of the component's pair: a component opens a stream. Body: what it says in `<handshake/>` (XEP-0114). A stream
 * that is there already is asked whether it lives, so the answer may take `serviceLimits.componentPingMs`.
 */
export interface AttachRequest extends ComponentAddress {
  readonly kind: 'attach';
  readonly streamId: string;
}

/** Where the stream of a component is. */
export interface ComponentAddress {
  readonly component: string;
  /** The subject of the node that has it. */
  readonly node: string;
  /** Names the stream at the node. */
  readonly sid: string;
}

export interface AttachReply {
  /** Why it may not have the domain. */
  readonly condition?: 'host-unknown' | 'not-authorized' | 'conflict';
  /** The tenant that the component belongs to. */
  readonly tenant?: string;
  /** Names the process that may send on the stream, see {@link CarryRequest}. */
  readonly owner?: string;
  /** Names the row that let it in: a component that was removed and added again is another one. */
  readonly grant?: string;
}

export const attachAnswer = answerKind<AttachReply>('attach', { condition: true, tenant: true, owner: true, grant: true });

/** connection → `s2s.<shard>`, regularly: the node has this stream of a component, which an owner that has just begun does not know. */
export interface HoldRequest extends ComponentAddress {
  readonly kind: 'hold';
  readonly grant: string;
  /** Stanzas that have come on it. */
  readonly received: number;
}

export interface HoldReply {
  /** Why it may not have the domain any more. */
  readonly lost?: AttachReply['condition'];
  /** As {@link AttachReply.owner}. */
  readonly ownedBy?: string;
}

export const holdAnswer = answerKind<HoldReply>('hold', { lost: true, ownedBy: true });

/** connection → `s2s.<shard>`, published: the stream of a component is over. No body. */
export interface DetachRequest extends ComponentAddress {
  readonly kind: 'detach';
  /** The component has answered our closing tag. */
  readonly isAnswered: boolean;
}

/** owner of a pair → the node that has the component's stream. Bodies: stanzas, as they are to be written. */
export interface CarryRequest {
  readonly kind: 'carry';
  readonly sid: string;
  /** As the node has heard it last: another process is not the owner any more, or not yet. */
  readonly owner: string;
  /** Counts the requests of an owner for this stream. One that comes again is answered, and not written again. */
  readonly turn: number;
  /** The stream ends behind the stanzas: with our closing tag, which the component has to answer (`closing`), or with an error. */
  readonly end?: 'closing' | StreamErrorCondition | undefined;
}

export interface CarryReply {
  /** False: the node does not have the stream, or this process is not its owner. */
  readonly isWritten: boolean;
  /** What the operating system has not taken yet, bytes. */
  readonly buffered: number;
}

export const carryAnswer = answerKind<CarryReply>('carry', { isWritten: true, buffered: true });
