/**
 * What an operator asks of a room, and what the room's worker answers. It comes as a request to forget nobody (wire.ts), which a worker of an older
 * version answers without doing anything: it would take a kind that it does not know for the erasure of the room.
 */
import { answerKind } from './answer.ts';

/** The first is what a form begins with: the least harmful. */
export const roomAffiliations = ['none', 'member', 'admin', 'owner', 'outcast'] as const;
export type RoomAffiliation = (typeof roomAffiliations)[number];

export interface RoomAdmin {
  readonly verb: 'look' | 'affiliate' | 'kick' | 'destroy';
  /** The version that the asker has seen; absent: any. */
  readonly version?: string | undefined;
  /** With `affiliate`: a bare JID or a domain. */
  readonly jid?: string;
  readonly affiliation?: RoomAffiliation;
  /** With `kick`. */
  readonly nick?: string;
  readonly reason?: string | undefined;
}

export interface RoomFound {
  readonly name: string;
  readonly description: string;
  readonly createdAt: string;
  readonly madeBy?: string | undefined;
  readonly isPersistent: boolean;
  readonly isPublic: boolean;
  readonly isMembersOnly: boolean;
  readonly isModerated: boolean;
  readonly hasPassword: boolean;
  /** How many there are; the list is bounded. */
  readonly occupantCount: number;
  readonly occupants: readonly {
    readonly nick: string;
    readonly jid: string;
    readonly role: string;
    readonly affiliation: string;
  }[];
  readonly affiliationCount: number;
  readonly affiliations: readonly {
    readonly jid: string;
    readonly affiliation: string;
    readonly nick?: string | undefined;
    readonly reason?: string | undefined;
  }[];
  /** Another one after each change of configuration or affiliations. */
  readonly version: string;
}

export interface RoomAdminReply {
  readonly ok: boolean;
  readonly error?: string;
  /** How the room is now; absent when it was not found, or is not there any more. */
  readonly room?: RoomFound | undefined;
  /** `none`: it was done. Absent: the worker is of an older version and has done nothing. */
  readonly refusal?: 'none' | 'absent' | 'stale' | 'conflict';
  /** With `kick`: the bare JID of who was put out. Absent: the worker does not know `kick`, and has done nothing. */
  readonly kicked?: string | undefined;
  /** Why, for people. */
  readonly why?: string;
}

export const roomAdminAnswer = answerKind<RoomAdminReply>('room-admin', {
  ...{ ok: true, error: true, room: true, refusal: true, kicked: true, why: true },
});
