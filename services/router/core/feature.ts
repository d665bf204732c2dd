/**
 * The shape of a feature: one XEP of an account or host, declared as data (docs/contributing.md shows how to add one).
 *
 * Stages have names, never priorities: `guard` (may refuse; fails closed) → `amend` (adds to the payload or strips from it) →
 * `keep` (queues archive rows) → commit → delivery → `follow` (copies to other sessions). Within a stage, no feature depends on
 * the order of the features.
 */
import type { Collection } from '../../../lib/runtime/collection.ts';
import type { Measured } from '../../../lib/runtime/figures.ts';
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import type { RingWish } from '../../../lib/runtime/ring-wire.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Tenant, TenantSettings } from '../../../lib/runtime/tenants.ts';
import type { ChannelBinding } from '../../../lib/runtime/wire.ts';
import type { Form } from '../../../lib/xmpp/data-form.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Appended, ChildSpan, Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import type { AccountRow } from './accounts.ts';
import type { Dependencies } from './dependencies.ts';
import type { HostContext } from './host.ts';
import type { HostCommand } from './host-command.ts';
import type { IqAnswer } from './replies.ts';
import type { Pending } from './stages.ts';
import type { Turn } from './turn.ts';

export interface IqRoute {
  /**
   * 'result': the answer to a request that the server sent, with `to: 'self'` to a session, with `to: 'account'` to somebody else in the name
   * of the account. What the handler returns is ignored.
   */
  readonly type: 'get' | 'set' | 'result';
  readonly ns: string;
  readonly name: string;
  /**
   * 'self': the iq has no `to`, or the sender's own bare JID. 'account': it has the bare JID of another account of this tenant.
   */
  readonly to: 'self' | 'account';
  /** Guests may ask for it too (guests.ts). To `account`, that is for the account that was addressed to say. */
  readonly forGuests?: true;
  /**
   * Reads rows, queues writes and stanzas, and returns the child of the result (undefined: an empty result). With
   * `to: 'account'`, `account` is the one that was addressed. The asker is `iq.from`, and may be anybody.
   * @throws {StanzaError} becomes the answer
   */
  readonly handle: (request: Element, account: Account, iq: Stanza) => Promise<IqAnswer> | IqAnswer;
}

export interface HostIqRoute {
  readonly type: 'get' | 'set';
  readonly ns: string;
  readonly name: string;
  /** Guests of the tenant may ask for it too (guests.ts). */
  readonly forGuests?: true;
  /** Answers in the name of the tenant's domain or of one of its services. The asker may be a stranger from another domain. */
  readonly handle: (request: Element, host: HostContext, iq: Stanza) => Promise<IqAnswer> | IqAnswer;
}

/** Returns true for a first-level child that is to be left out. */
export type Drop = (child: ChildSpan) => boolean;

/** What the `amend` stage may do to the payload that is forwarded. */
export interface Amendment {
  strip(drop: Drop): void;
  /** @param child declares its namespace; its name has no prefix */
  append(child: Element): void;
  /** The same for a child whose text is known. */
  appendText(child: Appended): void;
}

/** The account's sessions when the stanza was delivered, and the ones that got it. */
export interface Outcome {
  readonly sessions: readonly SessionEntry[];
  readonly delivered: readonly SessionEntry[];
}

export interface Stages {
  /**
   * Single rows of the account that the stages look at. They are read together before the first stage: {@link
   * Account.prefetched}.
   */
  readonly reads?: readonly Collection<unknown>[];
  /**
   * Decides whether the stanza may pass.
   * @throws {StanzaError} the answer to the sender.
   * @throws {Dropped} to drop it in silence
   */
  readonly guard?: (stanza: Stanza, account: Account) => Pending;
  readonly amend?: (stanza: Stanza, account: Account, amendment: Amendment, id: string) => Pending;
  /** Queues rows. The `id` was minted at ingress, so a retry writes the same rows again. */
  readonly keep?: (stanza: Stanza, account: Account, id: string) => Pending;
  /** Inbound only: should this session get the message that would be delivered to it? */
  readonly takes?: (stanza: Stanza, entry: SessionEntry) => boolean;
  readonly follow?: (stanza: Stanza, account: Account, outcome: Outcome, id: string) => Pending;
}

export interface AccountFeature extends Measured {
  /** `XEP-0191` or `RFC 6121`. */
  readonly spec: string;
  readonly version: string;
  readonly title: string;
  /** What is left out, in a sentence for docs/xeps.md. */
  readonly note?: string;
  readonly disco?: {
    /** Features of the tenant's domain. */
    readonly host?: readonly string[];
    /** Features of an account's bare JID. */
    readonly account?: readonly string[];
    /** The same, where it depends on the tenant or on what the deployment has. */
    readonly accountOf?: (account: Account) => readonly string[];
    /** Features of the tenant's pubsub service. */
    readonly pubsub?: readonly string[];
    /** The same, where it depends on the tenant's policy. */
    readonly hostOf?: (tenant: TenantSettings) => readonly string[];
    readonly hostIdentity?: readonly Identity[];
    /**
     * A form of the tenant's domain (XEP-0128), if the tenant's policy says something for it. It depends on the policy alone. Forms of one type
     * are shown as one.
     */
    readonly hostForm?: (tenant: TenantSettings) => Form | undefined;
    readonly accountIdentity?: readonly Identity[];
  };
  /** Children of `<stream:features/>` after SASL. */
  readonly streamFeatures?: readonly string[];
  /** The same for a stream without a resource. */
  readonly unboundFeatures?: readonly string[];
  /** Announces, before SASL, what a client may ask for while it signs in (XEP-0388): complete elements, or ''. */
  readonly signInOffer?: (dependencies: Dependencies, tenant: Tenant, stream: OpenedStream) => string;
  /** What a client may ask for while it binds a resource (XEP-0386). */
  readonly inBind?: InBind;
  readonly iq?: readonly IqRoute[];
  readonly hostIq?: readonly HostIqRoute[];
  /** Nodes of the tenant's domain, for service discovery. */
  readonly hostNodes?: HostNodes;
  /** Ad-hoc commands of the tenant's domain, besides those of the operations. */
  readonly hostCommands?: readonly HostCommand[];
  /** Requests to the host of files, `upload.example.org`. */
  readonly uploadsIq?: readonly HostIqRoute[];
  /** Requests to the tenant's proxy for bytestreams, `proxy.example.org`. */
  readonly proxyIq?: readonly HostIqRoute[];
  /** Requests to the tenant's pubsub service, `pubsub.example.org`. */
  readonly pubsubIq?: readonly HostIqRoute[];
  /** Takes a message to the tenant's pubsub service. @returns false when it means nothing to this feature. @throws {StanzaError} */
  readonly pubsubMessage?: (message: Stanza, host: HostContext) => Promise<boolean>;
  /** Takes an answer to a request that was sent in the name of the tenant's domain. @returns false when it is not for this feature */
  readonly hostAnswered?: (turn: Turn, tenant: Tenant, iq: Stanza) => Promise<boolean>;
  /** The stages of messages that a session sends. Directed presence and requests pass only `guard`. */
  readonly outbound?: Stages;
  /** The stages of messages that arrive at the account. Presence and requests pass only `guard`. */
  readonly inbound?: Stages;
  /** Takes part in available presence of a session, broadcast or directed, before it is kept and shown. */
  readonly appearance?: Appearance;
  /** Called when a session has bound its resource. @param row the account's own */
  readonly begun?: (account: Account, row: AccountRow) => Pending;
  /** Called when a session has broadcast its presence. @param before the session's entry before that */
  readonly announced?: (account: Account, presence: Stanza, before: SessionEntry, entry: SessionEntry) => Pending;
  /** Called with a message, or a request of a contact, that the client of a session with push has not acknowledged. */
  readonly unheard?: (account: Account, stanza: Stanza) => Pending;
  /**
   * Called with messages of a room that have not reached the client of an occupant.
   * @returns for which messages of the room the client is to be woken
   */
  readonly unheardInRoom?: (account: Account, occupant: Occupancy, messages: readonly Stanza[]) => Promise<RingWish>;
  /**
   * Called when it is not known what the client of a session has got of what waits for it.
   * @param isDead the node of the session has died, so that it is not known either what the client has got of what others have acknowledged
   */
  readonly unread?: (account: Account, isDead: boolean) => Pending;
  /**
   * Called when a session has become unavailable, whether it said so or not.
   * @param presence has `from`: the account may have no session in this turn
   */
  readonly departed?: (account: Account, presence: Stanza) => Pending;
  /** Takes a stanza of a component of the tenant before it is routed. @returns false when it is one like any other */
  readonly fromComponent?: (turn: Turn, tenant: Tenant, stanza: Stanza, id: string) => Promise<boolean>;
  /** Called when a session has moved to another node. Meanwhile it may have missed stanzas that are not archived. */
  readonly moved?: (account: Account, entry: SessionEntry) => Pending;
  /** Called after the commit when the account has become a subscriber of the contact's presence. */
  readonly subscribed?: (account: Account, contact: Jid, sessions: readonly SessionEntry[]) => Pending;
  /** Called after the commit when the contact has become a subscriber of the account's presence, and has been shown it. */
  readonly granted?: (account: Account, contact: Jid) => Pending;
  /** Called when somebody's presence, available or not, has arrived and passed the guards. */
  readonly shown?: (account: Account, presence: Stanza) => Pending;
  /** Called when the account has blocked addresses (XEP-0191), with the request. */
  readonly blocked?: (account: Account, request: Element) => Pending;
  /**
   * Called when somebody asks for a subscription.
   * @returns undefined, or, to approve it and to ask the same of them: what is done when the roster has it
   */
  readonly approves?: (account: Account, request: Stanza) => Promise<(() => Promise<void>) | undefined>;
  /**
   * Called when somebody asks for a subscription that nothing approves.
   * @returns what is done, when the request is kept, instead of asking the account. It is called with whether the account has not been asked
   *   before, and approves or offers the request later (presence/subscription.ts).
   */
  readonly checks?: (account: Account, request: Stanza) => Promise<((isNew: boolean) => Pending) | undefined>;
  /** Called when somebody has asked for a subscription, and the account must answer. */
  readonly asked?: (account: Account, sessions: readonly SessionEntry[]) => Pending;
  /** Answers presence probes that ask for something else than presence. */
  readonly probed?: ProbeAnswer;
  /** Takes answers to requests which the service itself has sent in the name of a session, with ids that begin so. */
  readonly answersForSessions?: { readonly idPrefix: string; readonly take: (account: Account, iq: Stanza) => Pending };
  /** Called when a session has ended and its entry was removed. @param entry as it was last */
  readonly ended?: (account: Account, entry: SessionEntry) => Pending;
  /** Called with each answer to a request that the server has sent in the name of the bare JID. Anybody may send such answers. */
  readonly answered?: (account: Account, answer: Stanza) => Pending;
  /** Called every few seconds by each router: looks for what others have left undone. @param turn which lists are read */
  readonly sweep?: (dependencies: Dependencies, turn: Turns) => Promise<void>;
  /** Called when the account is removed, before its rows are erased: others must learn of it. */
  readonly removed?: (account: Account) => Pending;
  /** Ends the rights that accounts have given to addresses which are removed. */
  readonly forgets?: Forgetting;
  /** The same of what a tenant keeps outside of its accounts and rooms. */
  readonly tenantForgets?: TenantForgetting;
}

/** A session of an account in a room. */
export interface Occupancy {
  readonly resource: string;
  /** Its address in the room. */
  readonly address: Jid;
  /** Not everybody may enter the room. */
  readonly isPrivate: boolean;
}

export interface Appearance {
  /** Reads what has to be noted in the session's entry with its first presence. */
  readonly begin: (account: Account) => Promise<(entry: SessionEntry) => SessionEntry>;
  /** Notes in the entry what presence says that is broadcast. @param presence as the client sent it */
  readonly note: (entry: SessionEntry, presence: Stanza) => SessionEntry;
  /** Amends presence that is broadcast, by what the entry has. Like `note`, it may be called again. */
  readonly amend: (presence: Stanza, entry: SessionEntry, amendment: Amendment) => void;
  /** Amends presence that is directed. */
  readonly amendDirected: (presence: Stanza, account: Account, entry: SessionEntry, amendment: Amendment) => Pending;
}

/** Those of many lists whose turn it is to be read. */
export type Turns = (lists: readonly string[]) => readonly string[];

/** What disco#items and disco#info answer for a node of the domain. Both give undefined when the node is not theirs, or not for the asker. */
export interface HostNodes {
  items(node: string, host: HostContext): Promise<readonly Element[] | undefined>;
  info(node: string, host: HostContext): Promise<readonly Element[] | undefined>;
}

/** A stream that has opened. */
export interface OpenedStream {
  readonly secure: boolean;
  readonly binding: ChannelBinding;
}

export interface InBind {
  /** The element that asks. The namespace is what is announced. */
  readonly ns: string;
  readonly name: string;
  /** Changes the entry of the new session. It may be called again. */
  readonly begin: (entry: SessionEntry) => SessionEntry;
}

export interface ProbeAnswer {
  readonly asks: (probe: Stanza) => boolean;
  /** Called after the commit, and only for somebody who may see the account's presence. */
  readonly answer: (account: Account, probe: Stanza) => Pending;
}

/** How rows of collections that are declared with `grants` are changed. */
export interface Forgetting {
  readonly collections: readonly Collection<unknown>[];
  /** Ends what `holder` grants to these addresses, and tells its sessions. It may be called again. */
  readonly forget: (holder: Account, gone: GoneAddresses) => Pending;
}

export interface TenantForgetting {
  readonly collections: readonly Collection<unknown>[];
  /** It may be called again. @param pause to be called after each page of rows */
  readonly forget: (dependencies: Dependencies, tenant: Tenant, gone: GoneAddresses, pause: () => Promise<void>) => Promise<void>;
}

export interface Identity {
  readonly category: string;
  readonly type: string;
  readonly name?: string;
}
