/**
 * What services say to the owner of a pair of domains, ours and another server's (services/federation), on `s2s.<shard>`. As in wire.ts, each
 * interface is the header of a frame.
 */
import type { StanzaErrorCondition } from '../xmpp/errors.ts';
import { answerKind } from './answer.ts';
import type { AttachRequest, DetachRequest, HoldRequest } from './component-wire.ts';
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

/**
 * connection → `s2s.<shard>`: a certificate does not prove the peer's domain by its CA. Does the domain say over HTTPS that it is its own (RFC
 * 7711)? Body: the certificate, DER. The answer is a {@link VerifyReply}.
 */
export interface ProveRequest {
  readonly kind: 'prove';
  readonly host: string;
  readonly peer: string;
}

/** connection → `s2s.<shard>`, published: the peer has answered a ping that went out behind a batch. No body. */
export interface PongRequest {
  readonly kind: 'pong';
  readonly host: string;
  readonly peer: string;
  /** The id of the ping. */
  readonly id: string;
}

/** connection → `s2s.<shard>`, published: the peer has proved its domain on a stream to us, so its server is there. No body. */
export interface ProvenNotice {
  readonly kind: 'proven';
  readonly host: string;
  readonly peer: string;
}

/** What an operator is told about a pair. */
export interface PairReport {
  readonly tenant: string;
  readonly host: string;
  readonly peer: string;
  /** `resting`: something waits, and the server is tried again later. */
  readonly state: 'open' | 'connecting' | 'resting' | 'idle';
  /** With a stream: how the two sides have proved themselves, in words. */
  readonly proof?: string | undefined;
  /** Why the last stream broke or could not be opened, in words; until something is confirmed. */
  readonly lastError?: string | undefined;
  /** Rows of the outbox, and how long the oldest of them has waited, ms. */
  readonly waiting: number;
  readonly oldestMs: number;
  /** When the server is tried again, ms. */
  readonly retryInMs?: number | undefined;
}

/** router → `s2s.<shard>`: what are the pairs of the shard, those of one tenant or all? No body. */
export interface PairsRequest {
  readonly kind: 'pairs';
  readonly shard: number;
  readonly tenant?: string | undefined;
}

export interface PairsReply {
  /** Those with something waiting come first. */
  readonly pairs: readonly PairReport[];
  readonly isMore?: boolean;
}

export const pairsAnswer = answerKind<PairsReply>('pairs', { pairs: true, isMore: true });

/** router → `s2s.<shard>`: the pairs of a tenant and a peer in this shard try again at once. No body. */
export interface RetryRequest {
  readonly kind: 'retry';
  readonly shard: number;
  readonly tenant: string;
  readonly peer: string;
}

export interface RetryReply {
  /** Our domains of these pairs. */
  readonly hosts: readonly string[];
}

export const retryAnswer = answerKind<RetryReply>('retry', { hosts: true });

export type PairRequest =
  | DepartRequest
  | HostRequest
  | VerifyRequest
  | ProveRequest
  | PongRequest
  | ProvenNotice
  | PairsRequest
  | RetryRequest
  | AttachRequest
  | HoldRequest
  | DetachRequest;

/** Ids of requests that an owner sends in the name of a session to a room elsewhere begin so: the session does not get the answers. */
export const selfPingPrefix = 'skylark-muc-';

/** Ids of pings that an owner sends behind a batch begin so: their answers are for it. */
export const pongPrefix = 'skylark-s2s-';
