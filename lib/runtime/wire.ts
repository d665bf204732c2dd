/**
 * What the services say to each other on the bus. Each interface is the header of a frame; the comment names its
 * bodies. XML in bodies is in the canonical form: the default namespace is `jabber:client`, implied.
 */
import type { StanzaErrorCondition, StanzaErrorType } from '../xmpp/errors.ts';
import type { AdminRequest } from './admin-wire.ts';
import { answerKind } from './answer.ts';
import type { BoshRequest } from './bosh-wire.ts';
import type { CarryRequest } from './component-wire.ts';
import type { ConsoleRequest } from './console-wire.ts';
import type { LinkRequest } from './invite-wire.ts';
import type { RingRequest } from './ring-wire.ts';
import type { RoomAdmin } from './room-admin-wire.ts';
import type { SessionTerms } from './session-terms.ts';
import type { ChannelBinding, InlineOffer, TlsVersion } from './stream-wire.ts';

export type { ChannelBinding, InlineOffer, TlsVersion };

/** What went wrong, in the header of the reply to any request whose handler has thrown (lib/runtime/faults.ts). */
export interface Fault {
  readonly kind: 'protocol' | 'operating' | 'programming';
  /** Set for `protocol`: what the sender of the stanza is told. */
  readonly condition?: StanzaErrorCondition;
  readonly type?: StanzaErrorType;
  readonly text?: string | undefined;
  readonly uri?: string | undefined;
  readonly by?: string | undefined;
}

/** Where one bound session is held: the node's subject (`n.<node>.<incarnation>`) and the session's id there. */
export interface SessionAddress {
  readonly node: string;
  readonly sid: string;
}

/** The node of a session that is parked in `live`: deliveries find nobody there. */
export const nowhere = '';

export const routerSubject = 'rt';
export const routerQueue = 'rt';

/** Rooms are spread over this many subjects `m.<shard>`; fixed for the life of a deployment. */
export const shardCount = 64;

/** connection → `rt`: one batch of one session. Bodies: one per item that has `body: true`, in order. */
export interface StepRequest extends SessionAddress {
  readonly kind: 'step';
  /** The tenant, fixed where the stream opened. */
  readonly domain: string;
  /** The client's address, until there is a session: whoever signs in or registers has a share by it. */
  readonly address?: string;
  /** What the last reply of a router said; '' at first. Opaque to the node. */
  readonly session: string;
  /** Set when the client has enabled XEP-0198 with resumption: how long the session outlives its stream or node, milliseconds. */
  readonly resumeMs?: number;
  readonly items: readonly StepItem[];
  /**
   * By the deployment's clock: until then the node waits for the answer. What must not come after what the session sent later is not
   * begun, and not written, from then on.
   */
  readonly deadline?: number;
  /** The sender's time by the deployment's clock, which the receiver's follows. */
  readonly at?: number;
}

export type StepItem =
  /** A stream opened: what features has the host? No body. */
  | {
      readonly kind: 'open';
      readonly secure: boolean;
      readonly binding: ChannelBinding;
      /** The bare JID that the client has named as its own (RFC 6120 §4.7.1). */
      readonly from?: string | undefined;
      /** What the node can do in one step with signing in (XEP-0388 §2.1). Without it, the node knows nothing of XEP-0388. */
      readonly inline?: InlineOffer;
      /** The client has shown a certificate. */
      readonly isCertified?: boolean;
    }
  /** An element of SASL, of RFC 6120 or XEP-0388; body. `chain`: certificates of the client, DER in base64, its own first. */
  | {
      readonly kind: 'sasl';
      readonly binding: ChannelBinding;
      readonly tls?: TlsVersion;
      readonly chain?: readonly string[];
      readonly body: true;
    }
  /** `<bind/>` of XEP-0386, after signing in; body. The answer is `bound`, and what goes into `<bound/>`. */
  | { readonly kind: 'bind'; readonly body: true }
  /**
   * A stanza, before or after bind; body. `id` was minted when it was read. `initial`: presence, and none before it was answered:
   * one that no router answered may have left its mark on the session's row.
   */
  | { readonly kind: 'stanza'; readonly id: string; readonly body: true; readonly initial?: boolean }
  /**
   * The client has these archive entries: the account's cursor may move. It got those `aside` while the queue was closed for it: they say
   * nothing of what waits before them.
   */
  | { readonly kind: 'delivered'; readonly ids: readonly string[]; readonly aside?: readonly string[] }
  /** The session has room for the next page of catch-up. */
  | {
      readonly kind: 'catchUp';
      readonly after: string;
      readonly seen: readonly string[];
      /** An entry that did not reach the session, the smallest: the first page begins with it, however old it is. */
      readonly missed?: string;
    }
  /** The client of a session with push has lost its connection, or does not answer, and has not acknowledged this. Body. */
  | { readonly kind: 'unheard'; readonly body: true }
  /** Such a client has not been given all that waits for it. */
  | { readonly kind: 'unread' }
  /** `StepRequest.resumeMs` has changed. */
  | { readonly kind: 'kept' }
  /** The session was resumed at this node, which `StepRequest` names. */
  | { readonly kind: 'moved' }
  /** A request that the client was sent and has not acknowledged; `end` follows. Whoever asked is told that nobody is there. Body. */
  | { readonly kind: 'unanswered'; readonly body: true }
  /**
   * The session is over: unavailable presence, rooms left, rows gone. Without a body also for streams that never bound. `undelivered`:
   * archive entries that it was to get and has not acknowledged. `missed` as in `catchUp`.
   */
  | { readonly kind: 'end'; readonly undelivered?: readonly string[]; readonly missed?: string };

/** Bodies: what to write on this session's stream, in order, one per `out`. */
export interface StepReply {
  /** false: the store is away; nothing of the batch was acknowledged, send it again as it is. */
  readonly ok: boolean;
  readonly session?: string;
  /** Set by a SASL success: the account's bare JID. */
  readonly account?: string;
  /** With `account`: what the client has signed in with is good for so long, ms, and then the stream has to end. Absent: it need not. */
  readonly endsInMs?: number;
  /** With `account` or `bound`: the features of the stream from now on, as `open` would be answered. It need not be asked. */
  readonly features?: string;
  /** How long this answer to `open` is good for other new streams to the domain with this `secure` and types of `binding`, ms. */
  readonly keepMs?: number;
  /** Said of a stream without TLS, or before TLS: clients of the domain may sign in with certificates, so TLS is to ask for them. */
  readonly asksCertificate?: boolean;
  /** Set by a bind: the full JID. */
  readonly bound?: string;
  readonly out: readonly Outgoing[];
  /**
   * Does the session get what waits for its account: is it available, with a priority that is not negative (XEP-0160 §2)? Said with each
   * presence to all, and with each page. A session for which the queue opens reads it; `opened`: it was closed meanwhile, if only between
   * two stanzas of the batch.
   */
  readonly queue?: 'open' | 'opened' | 'closed';
  /** The client has registered for push, or has ended that: the node tells its routers when it does not hear, and keeps it for longer. */
  readonly push?: boolean;
  /** What the tenant's policy says of the session, when the node has not been told. */
  readonly terms?: SessionTerms | undefined;
  /** Where the next page begins; absent after the last one. */
  readonly next?: string;
  /** The stream ends with this error (RFC 6120 §4.9.3) after `out` was written. */
  readonly close?: { readonly condition: string; readonly text?: string };
  /** As in {@link StepRequest}. */
  readonly at?: number;
}

export const stepAnswer = answerKind<StepReply>('step', {
  ok: true,
  session: true,
  account: true,
  endsInMs: true,
  features: true,
  keepMs: true,
  asksCertificate: true,
  bound: true,
  out: true,
  queue: true,
  next: true,
  push: true,
  terms: true,
  at: true,
  close: true,
});

export interface Outgoing {
  /** Set when this is an archive entry that moves the cursor once the client has it. */
  readonly id?: string | undefined;
  /** Set for a session that moves: the client was given the entry while the queue was closed. */
  readonly isAside?: true;
}

/** router, muc → `n.<node>.<incarnation>`. Bodies: the stanza of each item, without `to` where targets name it. */
export interface DeliverRequest {
  readonly kind: 'deliver';
  readonly items: readonly DeliverItem[];
}

export interface DeliverItem {
  /** Sessions of this node. */
  readonly sids: readonly string[];
  /** What to splice into the stanza as `to`, one per session; absent, or '' for one: it stands there already. */
  readonly tos?: readonly string[];
  /** The id of the archive entry behind this stanza: it moves the cursor and is not delivered twice. */
  readonly id?: string;
  /** Names what is in no archive of the account (messages of rooms): a session that was given it once is not given it again. */
  readonly dedupeKey?: string;
}

/** Received means: in the session's queue. `missing` are sids that this node does not hold. */
export interface DeliverReply {
  readonly missing: readonly string[];
  /** Those of the sessions with push whose client has lost its connection, or does not answer. They have the stanza in their queue. */
  readonly away?: readonly string[];
}

export const deliverAnswer = answerKind<DeliverReply>('deliver', { missing: true, away: true });

/** router → node: end a session's stream with an error; nothing else of it remains. */
export interface CloseRequest {
  readonly kind: 'close';
  readonly sid: string;
  readonly condition: string;
  readonly text?: string;
}

/** Bodies: requests that the client has not acknowledged. */
export interface CloseReply {
  /** Archive ids that the client has not acknowledged. */
  readonly undelivered: readonly string[];
}

export const closeAnswer = answerKind<CloseReply>('close', { undelivered: true });

/** node → node that holds a session which a client wants to resume here (XEP-0198 §5), at its subject for that (nodes.ts). */
export interface HandOverRequest {
  readonly kind: 'handOver';
  /** The same when it is asked again because the answer was lost: a session is given away once. */
  readonly id: string;
  readonly sid: string;
  readonly token: string;
  /** Bare JID that the client signed in as: must be the session's. */
  readonly account: string;
}

/** A session as it moves, to another node or into the store. Its stanzas go beside it: the unacknowledged, then those not sent yet. */
export interface SessionParcel {
  readonly session: string;
  readonly jid: string;
  readonly inbound: number;
  /** Number of the last stanza that the client acknowledged. */
  readonly acked: number;
  readonly unacked: readonly Outgoing[];
  readonly pending: readonly Outgoing[];
  readonly available: boolean;
  readonly seen: readonly string[];
  /** The same of {@link DeliverItem.dedupeKey}, of late. */
  readonly seenDedupeKeys: readonly string[];
  /** As in {@link StepItem} `catchUp`. */
  readonly missed: string;
  /** How long it outlives its stream if its client can be woken, milliseconds. */
  readonly resumeMs: number;
  /** Its addresses in rooms, full JIDs, as far as they are known. */
  readonly nicks?: readonly string[] | undefined;
  /** As in {@link StepReply}. */
  readonly push?: boolean | undefined;
}

/** Bodies: the stanzas of the parcel. Absent `state`: no such session. */
export interface HandOverReply {
  readonly state?: SessionParcel;
}

export const handOverAnswer = answerKind<HandOverReply>('handOver', { state: true });

/**
 * router, muc, connection, federation → `rt`: stanzas that arrive at a domain of this deployment, from another one or from another server.
 * Bodies: complete stanzas, one per id.
 */
export interface InboundRequest {
  readonly kind: 'inbound';
  /** The tenant they arrive at. */
  readonly domain: string;
  readonly ids: readonly string[];
  /** {@link DeliverItem.dedupeKey}, one per id; '' for none. */
  readonly dedupeKey?: readonly string[];
  /** {@link RoomRequest.incarnation}, one per id; '' for none. */
  readonly incarnations?: readonly string[] | undefined;
  /** As in {@link StepRequest}. */
  readonly deadline?: number;
  /** As in {@link StepRequest}. */
  readonly at?: number;
  /** They are another server's, which has proved that it is the domain they are from. What only our services tell each other is not believed. */
  readonly isFromPeer?: true;
  /** It has proved that by its certificate. */
  readonly isCertified?: true | undefined;
  /** They are from a component of the tenant, so they may be for any domain. */
  readonly isFromComponent?: true | undefined;
  /** Who asks keeps account of what did not arrive, as rooms do, and wakes clients. What a router sends leaves marks instead. */
  readonly tellsMissed?: true;
}

export interface InboundReply extends DoneReply {
  /** With `tellsMissed`: the numbers of those that a session did not confirm, and that a client does not hear whose session did. */
  readonly missed?: readonly number[];
  readonly away?: readonly number[];
  /** The tenant's policy does not allow the other server: none of them was taken, and its stream has to end. */
  readonly isForbidden?: true;
}

const inbound = { ok: true, error: true, at: true, missed: true, away: true, isForbidden: true } as const;
export const inboundAnswer = answerKind<InboundReply>('inbound', inbound);

/** What an account has blocked of a room (XEP-0191 §6). */
export interface Hides {
  /** Nicks, as resources of the room's address. */
  readonly nicks: readonly string[];
  /** The version of the account's list: an older one than the room knows says nothing. */
  readonly version: number;
}

/** router → `m.<shard>`: the account of an occupant has changed its blocklist. No body; answered as {@link RoomRequest}. */
export interface HidesRequest {
  readonly kind: 'hides';
  readonly domain: string;
  readonly room: string;
  /** Full JID of the occupant's session. */
  readonly jid: string;
  readonly hides: Hides;
}

/** router → `m.<shard>`. Body: one stanza with `from` and `to`. */
export interface RoomRequest {
  readonly kind: 'room';
  readonly domain: string;
  /** Local part of the room; '' for the service itself. */
  readonly room: string;
  readonly id: string;
  /** The sender's session, when it is of this tenant and not of another domain. */
  readonly sender?: SessionAddress;
  /** Which account of its name the sender is, when it is of this deployment: a later one is somebody else. */
  readonly incarnation?: string | undefined;
  /** With presence of a session of this tenant, when its account has blocked somebody. */
  readonly hides?: Hides | undefined;
  /**
   * By the deployment's clock: nobody waits for the answer any more. A worker that stood still lets such requests go: their sender was
   * told that they were not taken, or they came again and another worker has them.
   */
  readonly deadline?: number;
  /** As in {@link StepRequest}. */
  readonly at?: number;
}

/**
 * router → `m.<shard>`, about a room that may be in nobody's memory: `forget`: it grants nothing to these addresses any more (bare JIDs, or
 * domains), and none of them is inside; `erase`: its tenant is removed, and all of its rows go. `destroy`: an operator ends it, and
 * its occupants are told (XEP-0045 §10.9). The answer is a {@link DoneReply}.
 */
export interface RoomErasureRequest {
  readonly kind: 'forget' | 'erase' | 'destroy';
  readonly domain: string;
  readonly room: string;
  readonly addresses: readonly string[];
  /** Why it is destroyed, for its occupants. */
  readonly reason?: string | undefined;
  /** With `forget` and no addresses: what an operator wants of the room. The answer is a {@link RoomAdminReply}. */
  readonly admin?: RoomAdmin;
}

/** → `ctl.<subject of a process>`: how is it; or: let go of your sessions and take no more; or: take them again. The answer is a {@link ControlReply}. */
export interface ControlRequest {
  readonly kind: 'status' | 'drain' | 'undrain';
}

export interface ControlReply {
  readonly isDraining: boolean;
  /** Figures by name: `streams`, `sessions`, `parked`, `rooms`, `batches`. */
  readonly figures: Readonly<Record<string, number>>;
  /** It cannot do that. */
  readonly error?: string;
}

export const controlAnswer = answerKind<ControlReply>('control', { isDraining: true, figures: true, error: true });

/** Done and durable, or to be tried again. */
export interface DoneReply {
  readonly ok: boolean;
  /** For people. */
  readonly error?: string;
  /** As in {@link StepRequest}. */
  readonly at?: number;
}

export const roomAnswer = answerKind<DoneReply>('room', { ok: true, error: true, at: true });

export type RouterRequest = StepRequest | InboundRequest | RingRequest | AdminRequest | ConsoleRequest | LinkRequest;
export type NodeRequest = DeliverRequest | CloseRequest | HandOverRequest | CarryRequest | BoshRequest;
