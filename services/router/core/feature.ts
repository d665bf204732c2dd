/**
 * The shape of a feature: one XEP of an account or host, declared as data (docs/contributing.md shows how to add one).
 *
 * Stages have names, never priorities: `guard` (may refuse; fails closed) → `amend` (adds to or strips from the payload) →
 * `keep` (queues archive rows) → commit → delivery → `follow` (copies to further sessions). Within a stage features do not
 * depend on each other's order.
 */
import type { Collection } from '../../../lib/runtime/collection.ts';
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { ChildSpan, Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import type { HostContext } from './host.ts';
import type { Pending } from './stages.ts';

export interface IqRoute {
  /** 'result', with `to: 'self'`: of what the server has asked a session; what is returned goes nowhere. */
  readonly type: 'get' | 'set' | 'result';
  readonly ns: string;
  readonly name: string;
  /** 'self': no `to`, or the sender's own bare JID. 'account': another account's bare JID of this tenant. */
  readonly to: 'self' | 'account';
  /**
   * Reads, queues writes and stanzas, and returns the child of the result (undefined: an empty result). With `to: 'account'`,
   * `account` is the one addressed and the asker is `iq.from`, who may be anybody. @throws {StanzaError} becomes the error
   */
  readonly handle: (request: Element, account: Account, iq: Stanza) => Promise<Element | undefined> | Element | undefined;
}

export interface HostIqRoute {
  readonly type: 'get' | 'set';
  readonly ns: string;
  readonly name: string;
  /** Answers for the tenant's domain itself, or for one of its services. The asker may be a stranger from another domain. */
  readonly handle: (request: Element, host: HostContext, iq: Stanza) => Promise<Element | undefined> | Element | undefined;
}

/** Is this first-level child to be left out? */
export type Drop = (child: ChildSpan) => boolean;

/** What `amend` may do to the payload that is forwarded. */
export interface Amendment {
  strip(drop: Drop): void;
  /** It declares its namespace, and its name has no prefix. */
  append(child: Element): void;
}

/** The account's sessions when the stanza was delivered, and which of them got it. */
export interface Outcome {
  readonly sessions: readonly SessionEntry[];
  readonly delivered: readonly SessionEntry[];
}

export interface Stages {
  /** Single rows of the account that the stages look at, read together before the first of them: {@link Account.loaded}. */
  readonly reads?: readonly Collection<unknown>[];
  /** @throws {StanzaError} answers the sender with it; @throws {Dropped} drops the stanza in silence */
  readonly guard?: (stanza: Stanza, account: Account) => Pending;
  readonly amend?: (stanza: Stanza, account: Account, amendment: Amendment, id: string) => Pending;
  /** `id` was minted at ingress: rows under it are written again, as they are, by a retry. */
  readonly keep?: (stanza: Stanza, account: Account, id: string) => Pending;
  /** Only of what arrives: does this session, which the message would be delivered to, take it? */
  readonly takes?: (stanza: Stanza, entry: SessionEntry) => boolean;
  readonly follow?: (stanza: Stanza, account: Account, outcome: Outcome, id: string) => Pending;
}

export interface AccountFeature {
  /** `XEP-0191` or `RFC 6121`. */
  readonly spec: string;
  readonly version: string;
  readonly title: string;
  /** For docs/xeps.md: what of it is left out, in a sentence. */
  readonly note?: string;
  readonly disco?: {
    /** Features of the tenant's domain. */
    readonly host?: readonly string[];
    /** Features of an account's bare JID. */
    readonly account?: readonly string[];
    readonly hostIdentity?: readonly Identity[];
    readonly accountIdentity?: readonly Identity[];
  };
  /** Children of `<stream:features/>` after SASL. */
  readonly streamFeatures?: readonly string[];
  readonly iq?: readonly IqRoute[];
  readonly hostIq?: readonly HostIqRoute[];
  /** For the host of files, `upload.example.org`. */
  readonly uploadsIq?: readonly HostIqRoute[];
  /** For stanzas (messages; presence in `guard` too) that a session of the account sends. */
  readonly outbound?: Stages;
  /** For stanzas that arrive at the account. */
  readonly inbound?: Stages;
  /** A session of the account has sent presence to all; `before` is its entry as it was. */
  readonly announced?: (account: Account, presence: Stanza, before: SessionEntry, entry: SessionEntry) => Pending;
  /** A session has come to another node, and may have missed what is in no archive. */
  readonly moved?: (account: Account, entry: SessionEntry) => Pending;
  /** The account has just become a subscriber of the contact's presence. Runs with the account's sessions, after the commit. */
  readonly subscribed?: (account: Account, contact: Jid, sessions: readonly SessionEntry[]) => Pending;
  /** Probes that ask for something of this feature instead of presence. */
  readonly probed?: ProbeAnswer;
  /** A session is over (its entry is gone already); `entry` is as it last was. */
  readonly ended?: (account: Account, entry: SessionEntry) => Pending;
  /** An account is removed: say goodbye (roster, rooms) before its rows go. */
  readonly removed?: (account: Account) => Pending;
  /** What accounts keep about other addresses and must not outlive them. */
  readonly forgets?: Forgetting;
}

export interface ProbeAnswer {
  readonly asks: (probe: Stanza) => boolean;
  /** Runs after the commit, and only for somebody who may see the account's presence. */
  readonly answer: (account: Account, probe: Stanza) => Pending;
}

/** Of collections that are declared with `grants`. */
export interface Forgetting {
  readonly collections: readonly Collection<unknown>[];
  /** `holder` grants nothing to these addresses any more, and its sessions are told. May be done again. */
  readonly forget: (holder: Account, gone: GoneAddresses) => Pending;
}

export interface Identity {
  readonly category: string;
  readonly type: string;
  readonly name?: string;
}
