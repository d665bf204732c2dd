/**
 * The rows of a room, all in its own partition: configuration, affiliations and subject in `core`, occupants and the fence in
 * `live`, messages in `archive`. The tenant's directory names its rooms.
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
  /** Archive ids up to this one are history to it. */
  readonly after: string;
  /** The archive id of the first message that did not reach it. */
  readonly missedFrom?: string | undefined;
  /** COMPAT: the name of `missedFrom` in rows of older workers. Until no room has an occupant who entered under one. */
  readonly behind?: string;
  /** What its account has blocked of the room. */
  readonly hides?: Hides | undefined;
}

/** A message as it was sent to the occupants, once per room. */
export interface Archived {
  /** A whole stanza without `to`. */
  readonly xml: string;
  /** By the deployment's clock. */
  readonly at: number;
  /** By how much that was ahead of the time of day; absent: not at all. */
  readonly aheadMs?: number | undefined;
  /** The id of the request that brought it: a retry is known by it. */
  readonly request: string;
  /** Full JID of who sent it. */
  readonly jid: string;
  readonly role: string;
  readonly affiliation: string;
  /** The room was non-anonymous then. */
  readonly isOpen?: true;
  readonly subject?: true;
  /** Kept a short while for new occupants only; not part of the archive. */
  readonly isTransient?: true;
  /** A tombstone stands in its place (XEP-0424 §4). */
  readonly retracted?: true;
}

/** What the tenant's list shows of a room, so that a search need not open it (XEP-0433). */
export interface ListedRoom {
  readonly name: string;
  readonly description?: string;
  readonly lang?: string;
  /** May be a little old. */
  readonly occupants?: number;
  readonly isOpen?: boolean;
  readonly isNonAnonymous?: boolean;
}

/** A row to be written, before it is made text. */
export interface PendingPut {
  readonly table: Table;
  readonly partition: string;
  readonly sort: string;
  readonly value: unknown;
  readonly expiresAtMs?: number;
}

export interface PendingKey {
  readonly table: Table;
  readonly partition: string;
  readonly sort: string;
}

/** A put, or without value a delete. */
export type PendingWrite = PendingKey & Partial<PendingPut>;

/** What the last batch was to write. Whoever loads the room writes it again, because the batch's worker may have died half-way. */
export interface PendingWrites {
  readonly ids: readonly string[];
  /** All of the room's rows but this one go, before `puts`. */
  readonly isCleared?: true;
  readonly puts: readonly PendingPut[];
  readonly deletes: readonly PendingKey[];
}

/** The fence: each batch is one conditional write of this row, so a worker that lost the room fails before it does harm. */
export interface RoomState {
  /** How many workers have written to the room, and how often this one has. */
  readonly epoch: number;
  readonly seq: number;
  /** The last archive id: the next one is greater, whatever the clocks say. */
  readonly lastId: string;
  /** Requests of the batches before the last one. */
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

/** By {@link jidKey}. */
export const keptRoles = collection<{ jid: string; role: Role }>('kept-role', 'room', 'core', { grants: true });

/** In the tenant's directory, beside the names of all rooms: those that are listed. */
export const listed = collection<ListedRoom>('listed-room', 'directory');

/** A JID as a sort key: JIDs may be longer than a key. */
export function jidKey(jid: string): string {
  return Buffer.byteLength(jid) <= roomLimits.jidKeyBytesMax ? jid : `#${createHash('sha256').update(jid).digest('hex')}`;
}
