/**
 * The rows of a room. They are all in the room's own partition: configuration, affiliations and subject in the table `core`,
 * occupants and the fence in `live`, messages in `archive`. The tenant's directory lists its rooms. Features declare rows of
 * their own.
 */
import { createHash } from 'node:crypto';
import type { Table } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import type { Hides, SessionAddress } from '../../../lib/runtime/wire.ts';
import { roomLimits } from '../limits.ts';
import type { Role } from './affiliation.ts';
import type { Affiliated } from './affiliation-list.ts';
import type { RoomConfig } from './config.ts';

export interface Subject {
  /** The whole message, without `to`. */
  readonly xml: string;
  readonly text: string;
  readonly at: number;
}

export interface OccupantRow extends Partial<SessionAddress> {
  /** Full JID. */
  readonly jid: string;
  readonly nick: string;
  readonly role: Role;
  readonly incarnation?: string | undefined;
  readonly joinedAt: number;
  /** Messages up to this archive id were history when it entered. */
  readonly after: string;
  /** The archive id of the first message that did not reach it. */
  readonly missedFrom?: string | undefined;
  /** COMPAT: the name of `missedFrom` in rows of older workers. Until no room has an occupant who entered under one. */
  readonly behind?: string;
  /** The occupants that its account has blocked. */
  readonly hides?: Hides | undefined;
}

/** A message as it was sent to the occupants. It is kept once for the whole room. */
export interface Archived {
  /** A whole stanza without `to`. */
  readonly xml: string;
  /** When it was sent, on the deployment's clock. */
  readonly at: number;
  /** How far that clock was ahead of the time of day; absent when it was not. */
  readonly aheadMs?: number | undefined;
  /** The id of the request that brought the message. A retry is recognized by it. */
  readonly request: string;
  /** Full JID of the sender. */
  readonly jid: string;
  readonly role: string;
  readonly affiliation: string;
  /** The room was non-anonymous when it was sent. */
  readonly isOpen?: true;
  readonly subject?: true;
  /** It is kept a short while for new occupants only, and does not belong to the archive. */
  readonly isTransient?: true;
  /** It is a tombstone: the message was retracted (XEP-0424 §4). */
  readonly retracted?: true;
}

/** What the tenant's list shows of a room. A search (XEP-0433) reads it instead of the room itself. */
export interface ListedRoom {
  readonly name: string;
  readonly description?: string;
  readonly lang?: string;
  /** The number when the row was written, which may have changed by a tenth. */
  readonly occupants?: number;
  readonly isOpen?: boolean;
  readonly isNonAnonymous?: boolean;
}

/** A row that is to be written; its value is not JSON text yet. */
export interface PendingPut {
  readonly table: Table;
  readonly partition: string;
  readonly sort: string;
  readonly value: unknown;
  readonly expiresAtMs?: number;
  /** A message of an archive that can be searched (XEP-0431). Its text is taken from the value when the row is written. */
  readonly isSearched?: true | undefined;
}

export interface PendingKey {
  readonly table: Table;
  readonly partition: string;
  readonly sort: string;
}

/** A put, or a delete when there is no value. */
export type PendingWrite = PendingKey & Partial<PendingPut>;

/**
 * What the last batch was to write. Whoever loads the room writes it again, because the batch's worker may have died half-way.
 */
export interface PendingWrites {
  readonly ids: readonly string[];
  /** All rows of the room but its fence and its archive are deleted before `puts` are written. */
  readonly isCleared?: true;
  readonly puts: readonly PendingPut[];
  readonly deletes: readonly PendingKey[];
}

/**
 * The fence. Each batch begins with a conditional write of this row, so that a worker which has lost the room fails before it
 * does harm.
 */
export interface RoomState {
  /** How many workers have written to the room, and how often the last one has. */
  readonly epoch: number;
  readonly seq: number;
  /** The last archive id. The next one is greater, whatever the clocks say. */
  readonly lastId: string;
  /** Ids of requests that were handled in earlier batches than the last. */
  readonly handled: readonly string[];
  readonly pendingWrites: PendingWrites;
}

/** COMPAT: in rows of older workers the pending writes are called `redo`. Until no room was last written to by one. */
export function stateOf(row: RoomState | (Omit<RoomState, 'pendingWrites'> & { readonly redo: PendingWrites })): RoomState {
  return 'redo' in row ? { ...row, pendingWrites: row.redo } : row;
}

export const configs = collection<RoomConfig>('room', 'room');
export const subjects = collection<Subject>('subject', 'room');
export const affiliationRows = collection<Affiliated>('affiliation', 'room', 'core', { grants: true });
export const occupantRows = collection<OccupantRow>('occupant', 'room', 'live', { grants: true });
export const presences = collection<string>('presence', 'room', 'live');
export const states = collection<RoomState>('state', 'room', 'live');
export const messages = collection<Archived>('m', 'room', 'archive');

/** The key is the {@link jidKey} of the person. */
export const keptRoles = collection<{ jid: string; role: Role }>('kept-role', 'room', 'core', { grants: true });

/** Rooms that are listed. Their rows are in the tenant's directory, beside the names of all rooms. */
export const listed = collection<ListedRoom>('listed-room', 'directory');

/** A JID as a sort key. It is hashed when it is longer than a key may be. */
export function jidKey(jid: string): string {
  return Buffer.byteLength(jid) <= roomLimits.jidKeyBytesMax ? jid : `#${createHash('sha256').update(jid).digest('hex')}`;
}
