/**
 * The shape of a room feature: one specification of what rooms can do beside XEP-0045, declared as data (docs/contributing.md
 * shows how to add one). No other file of the service knows a feature by name; each asks the list of them for what it needs.
 *
 * Stages have names, never priorities, and within a stage features do not depend on each other's order. A `guard` may refuse and
 * changes nothing; `amend` changes what is about to be written or sent; `follow` takes note of what was accepted. Nothing waits
 * in a stage: what a feature needs from the store is read before (`rows`, `prefetch`).
 */
import type { Collection } from '../../../lib/runtime/collection.ts';
import type { Measured } from '../../../lib/runtime/figures.ts';
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Field, Submission } from '../../../lib/xmpp/data-form.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import type { ChildSpan, Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Affiliation } from './affiliation.ts';
import type { Affiliated } from './affiliation-list.ts';
import type { RoomConfig } from './config.ts';
import type { ConfigField } from './config-field.ts';
import type { RoomDependencies } from './dependencies.ts';
import type { Occupant, Room, Seat } from './room.ts';
import type { RoomTurn } from './room-turn.ts';

/** A row of docs/xeps.md. */
export interface SpecRow {
  /** `XEP-0500` or `RFC 8266`. */
  readonly spec: string;
  readonly version: string;
  readonly title: string;
  /** What of it is left out, in a sentence. */
  readonly note?: string;
}

export interface RoomFeature extends Measured {
  /** Absent: nothing is claimed of it. */
  readonly specs?: readonly SpecRow[];
  readonly disco?: {
    /** Features of a room that is configured so. */
    readonly room?: (config: RoomConfig) => readonly string[];
    /** The same, where it depends on the tenant or on what the deployment has. */
    readonly roomOf?: (turn: RoomTurn) => readonly string[];
    readonly roomIdentity?: readonly Identity[];
    /** Fields of `muc#roominfo`, the form in which a room describes itself (XEP-0045 §15.5.4). */
    readonly roomInfo?: (turn: RoomTurn) => readonly Field[];
    /** Other forms in which a room describes itself (XEP-0128). */
    readonly roomForms?: (turn: RoomTurn) => readonly Element[];
    /** Features of the service, `conference.<domain>`. */
    readonly service?: readonly string[];
  };
  /** Fields of the owner's form. What they set is kept in a {@link configPart}. */
  readonly configFields?: readonly ConfigField[];
  readonly entry?: EntryStages;
  readonly presence?: PresenceStages;
  /** For messages to the room, of type groupchat. */
  readonly message?: MessageStages;
  /** Requests to the room itself. */
  readonly iq?: readonly RoomIqRoute[];
  /** Requests to a nick that the room may answer instead of passing them on to the occupant. */
  readonly occupantIq?: readonly OccupantIqRoute[];
  /** Requests to the service. */
  readonly serviceIq?: readonly ServiceIqRoute[];
  /** Ad-hoc commands of a room (XEP-0050). */
  readonly commands?: readonly RoomCommand[];
  readonly affiliation?: AffiliationStages;
  /** Entries of the archive that are read before a stanza is handled: {@link RoomTurn.entry}. */
  readonly prefetch?: readonly EntryReference[];
  /** The feature's own rows: read with the room, and deleted with it. */
  readonly rows?: readonly RoomRows[];
  /** The room was read from its rows: affiliations and history are there, occupants too. */
  readonly load?: (room: Room, rows: LoadedRows) => void;
  readonly forgets?: RoomForgetting;
}

export interface Identity {
  readonly category: string;
  readonly type: string;
  readonly name?: string;
}

/** Somebody who is about to enter, with the nick that it will have. */
export interface Candidate {
  readonly stanza: Stanza;
  readonly nick: string;
  readonly affiliation: Affiliation;
}

/** Somebody who has just entered, or has entered again from inside (XEP-0045 §15.3). */
export interface Entry {
  readonly stanza: Stanza;
  readonly occupant: Occupant;
  readonly seat: Seat;
}

/** In the order in which they come; the room's own checks are over when a guard is asked. */
export interface EntryStages {
  /** @throws {StanzaError} keeps the candidate out */
  readonly guard?: (turn: RoomTurn, candidate: Candidate) => void;
  /** What is sent to it before the presence of the others. */
  readonly beforePresence?: (turn: RoomTurn, entry: Entry) => void;
  /** What is sent to it after the presence of the others, and before its own. */
  readonly beforeOwnPresence?: (turn: RoomTurn, entry: Entry) => void;
  /** A child for the `<x xmlns='…muc#user'/>` of its own presence, which completes the entry. */
  readonly amend?: (turn: RoomTurn) => Element | undefined;
}

export interface PresenceStages {
  /** A child for the presence of an occupant who is inside. */
  readonly amend?: (room: Room, occupant: Occupant) => Element | undefined;
}

/** A message to the room as it has come, and its writer. */
export interface RoomMessage {
  readonly stanza: Stanza;
  readonly occupant: Occupant;
  readonly affiliation: Affiliation;
  /** The writer is an admin or owner. */
  readonly isAdmin: boolean;
  readonly config: RoomConfig;
}

/** A message that has passed all guards. */
export interface AcceptedMessage extends RoomMessage {
  /** Its id in the archive, and its `stanza-id` (XEP-0359). */
  readonly archiveId: string;
  /** The `id` under which the occupants get it. */
  readonly id: string | undefined;
}

/** What becomes of a message; features change it. */
export interface MessageAmendment {
  /** The `id` under which the occupants get it: by default the one that its sender chose. */
  id: string | undefined;
  /** It goes into the archive, whatever it contains and whatever its hints say (XEP-0334). */
  mustKeep: boolean;
  /** First-level children that are left out. */
  readonly strip: ((child: ChildSpan) => boolean)[];
  readonly append: Element[];
}

export interface MessageStages {
  /** The stages see only messages with this child; absent: all messages. */
  readonly only?: { readonly name: string; readonly ns: string };
  /** @throws {StanzaError} answers the sender with it */
  readonly guard?: (turn: RoomTurn, message: RoomMessage) => void;
  readonly amend?: (turn: RoomTurn, message: RoomMessage, amendment: MessageAmendment, archiveId: string) => void;
  /** The message is in the archive, if it is to be kept, and goes to all next. */
  readonly follow?: (turn: RoomTurn, message: AcceptedMessage) => void;
}

export interface RoomIqRoute {
  readonly type: 'get' | 'set';
  readonly ns: string;
  readonly name: string;
  /** Answers with `turn.result`, or with `turn.defer` when it has to read. @throws {StanzaError} becomes the error */
  readonly handle: (turn: RoomTurn, iq: Stanza, request: Element) => void;
  /**
   * How many changes all occupants are told of, at most; absent: one for a set, none for a get. Admins may not flood with them.
   */
  readonly changes?: (request: Element) => number;
}

export interface OccupantIqRoute {
  readonly type: 'get' | 'set';
  readonly ns: string;
  readonly name: string;
  /** @returns false to have the request passed on. @throws {StanzaError} becomes the error */
  readonly handle: (turn: RoomTurn, iq: Stanza, asker: Occupant, target: Occupant) => boolean;
}

export interface ServiceIqRoute {
  readonly type: 'get' | 'set';
  readonly ns: string;
  readonly name: string;
  /** @returns the child of the result. @throws {StanzaError} becomes the error */
  readonly handle: (
    request: Element,
    service: { readonly dependencies: RoomDependencies; readonly tenant: Tenant },
    iq: Stanza,
  ) => Promise<Element | undefined>;
}

/** XEP-0050: a form that is asked for, if any, and what is done with it. Nothing is kept between the two. */
export interface RoomCommand {
  readonly node: string;
  readonly name: string;
  /** FORM_TYPE of its forms (XEP-0068). */
  readonly formType: string;
  readonly isAllowed: (turn: RoomTurn) => boolean;
  /** Absent: the command is done at once. */
  readonly ask?: (turn: RoomTurn) => readonly Field[];
  /** @returns what is shown when it is done. @throws {StanzaError} */
  readonly run: (turn: RoomTurn, submission: Submission) => Element | undefined;
}

/** What becomes of the change of one affiliation; features change it. */
export interface AffiliationAmendment {
  /** As it will be; undefined: the affiliation ends. */
  affiliated: Affiliated | undefined;
  /** Children for the `<x xmlns='…muc#user'/>` of each stanza that tells of the change. */
  readonly append: Element[];
}

export interface AffiliationStages {
  /** `jid` is a bare JID or a domain. What the feature keeps of the affiliation is an {@link affiliationPart}. */
  readonly amend?: (turn: RoomTurn, jid: string, amendment: AffiliationAmendment) => void;
  /** The affiliation of somebody who is not inside has changed, so that no presence tells of it. */
  readonly followAbsent?: (turn: RoomTurn, jid: string, affiliation: Affiliation, appended: readonly Element[]) => void;
}

/** Stanzas that name an entry of the archive: by the `id` of this child. */
export interface EntryReference {
  readonly stanza: 'message' | 'iq';
  readonly name: string;
  readonly ns: string;
}

export interface RoomRows {
  readonly collection: Collection<unknown>;
  /** How many there may be; one has the key ''. */
  readonly most: number;
  /** The feature reads it when it is asked for, not with the room. */
  readonly isOnDemand?: true;
}

export interface LoadedRows {
  /** All rows of a collection that the feature has declared. */
  of<Value>(collection: Collection<Value>): readonly Item<Value>[];
}

/** What a feature remembers of addresses must end with them (docs/decisions/0010-erasure.md). */
export interface RoomForgetting {
  /** Each a single row with the key '': how the addresses that it names are found without loading the room. */
  readonly grants?: readonly {
    readonly collection: Collection<unknown>;
    readonly names: (value: unknown) => readonly string[];
  }[];
  readonly forget: (turn: RoomTurn, gone: GoneAddresses) => void;
}
