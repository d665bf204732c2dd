/**
 * What services say to the owner of a pair of domains, ours and another server's (services/federation), on `s2s.<shard>`. As in wire.ts, each
 * interface is the header of a frame.
 */
import type { StanzaErrorCondition } from '../xmpp/errors.ts';
import { answerKind } from './answer.ts';
import type { DoneReply } from './wire.ts';

/**
 * router, muc → `s2s.<shard>`: a batch was written to the outbox of a pair of domains, ours and another server's. Bodies: its stanzas, in
 * order, with `from`. The answer is a {@link DoneReply}: the owner has it.
 */
export interface DepartRequest {
  readonly kind: 'depart';
  /** The tenant that `host` belongs to. */
  readonly tenant: string;
  /** Our domain, which the stanzas are from. */
  readonly host: string;
  readonly peer: string;
  /** Names the row. */
  readonly key: string;
  /** When the row was written, by the deployment's clock. */
  readonly written: number;
  /** One per body: whom it is for. Empty: its own `to` says so. */
  readonly tos?: readonly (readonly string[])[] | undefined;
  /** As in {@link RoomRequest}. */
  readonly at?: number;
}

export const pairAnswer = answerKind<DoneReply>('pair', { ok: true, error: true, at: true });

/** connection → `s2s.<shard>`: a peer opens a stream to this domain. Is it served here, and is the peer's not? No body. */
export interface HostRequest {
  readonly kind: 'host';
  readonly host: string;
  readonly peer: string;
}

export interface HostReply {
  /** The tenant that the host belongs to; absent: it is not served here. */
  readonly tenant?: string;
  /** The peer's domain is served here, too: nobody outside can be it. */
  readonly isPeerOurs?: boolean;
  /** The tenant's policy does not allow the peer. */
  readonly isForbidden?: boolean;
  /** The tenant's policy wants a certificate: dialback does not do. */
  readonly needsCertificate?: boolean;
}

export const hostAnswer = answerKind<HostReply>('host', {
  ...{ tenant: true, isPeerOurs: true },
  ...{ isForbidden: true, needsCertificate: true },
});

/** connection → `s2s.<shard>`: a peer claims to be `peer` by this key of dialback (XEP-0220). Body: the key. */
export interface VerifyRequest {
  /** `verify`: ask the peer's own server. `check`: is it a key that we have given to the peer? */
  readonly kind: 'verify' | 'check';
  readonly host: string;
  readonly peer: string;
  /** Which stream the key was said on, by its id. */
  readonly streamId: string;
}

export interface VerifyReply {
  readonly isValid?: boolean;
  /** The peer's server cannot be asked (XEP-0220 §2.5). */
  readonly condition?: StanzaErrorCondition;
}

export const verifyAnswer = answerKind<VerifyReply>('verify', { isValid: true, condition: true });

/** connection → `s2s.<shard>`, published: the peer has answered a ping that went out behind a batch. No body. */
export interface PongRequest {
  readonly kind: 'pong';
  readonly host: string;
  readonly peer: string;
  /** The id of the ping. */
  readonly id: string;
}

export type PairRequest = DepartRequest | HostRequest | VerifyRequest | PongRequest;

/** Ids of pings that an owner sends behind a batch begin so: their answers are for it. */
export const pongPrefix = 'skylark-s2s-';
