/** What the owner of a room decides: XEP-0045 §10.2, and the registered options of §15.5.3. */
import { roomLimits } from '../limits.ts';
import type { Role } from './affiliation.ts';

/** Who may send private messages (`muc#roomconfig_allowpm`). */
export const pmPolicies = ['anyone', 'participants', 'moderators', 'none'] as const;
export type PmPolicy = (typeof pmPolicies)[number];

/** How one becomes a member without being made one (§7.10): at once, when an admin or owner approves (§9.9), or not at all. */
export const registrationPolicies = ['open', 'approval', 'none'] as const;
export type RegistrationPolicy = (typeof registrationPolicies)[number];

/** Roles that somebody inside can have, least first. */
export const insideRoles = ['visitor', 'participant', 'moderator'] as const;

export interface RoomConfig {
  readonly name: string;
  readonly description: string;
  /** BCP 47, '' when the owner did not say. */
  readonly lang: string;
  readonly persistent: boolean;
  /** Stands in the service's list of rooms. */
  readonly public: boolean;
  readonly moderated: boolean;
  readonly membersOnly: boolean;
  /** '' for a room without password. */
  readonly password: string;
  /** Who sees occupants' real JIDs: a semi-anonymous or a non-anonymous room. */
  readonly whois: 'moderators' | 'anyone';
  /** May occupants who are no admins invite into a members-only room? */
  readonly allowInvites: boolean;
  /** May participants change the subject? */
  readonly changeSubject: boolean;
  readonly allowPm: PmPolicy;
  readonly maxUsers: number;
  /** Roles whose presence others get; absent: all. */
  readonly presenceBroadcast?: readonly Role[];
  /** Roles that may read the list of members, as far as they see JIDs; absent: all. */
  readonly getMemberList?: readonly Role[];
  /** `muc#roomconfig_pubsub`: a URI; '' or absent for none. */
  readonly pubsub?: string;
  /** Absent: see {@link registrationOf}. */
  readonly registration?: RegistrationPolicy;
  /** §7.10, §7.6: who has a registered nick uses no other. */
  readonly locksNicks?: boolean;
  /** Is the conversation kept for XEP-0313? */
  readonly archive: boolean;
  /** Messages that a new occupant is sent unless it asks for less. */
  readonly historyLength: number;
  /** §10.1.1: from its creation until the owner has sent a configuration. */
  readonly isLocked: boolean;
  readonly createdAt: string;
  /** Bare JID of the account that made the room: counted among its rooms. */
  readonly madeBy?: string;
  /** Keys what the room derives from addresses, base64; absent in rooms that are older: the tenant's serves them. */
  readonly secret?: string;
  /** Archive entries up to this id are of an earlier room by the same name, which is nobody's business. */
  readonly since: string;
}

/** All keys: those that features add in a part of their own (row-part.ts) must be others. */
export const configKeys: Readonly<Record<keyof RoomConfig, true>> = {
  name: true,
  description: true,
  lang: true,
  persistent: true,
  public: true,
  moderated: true,
  membersOnly: true,
  password: true,
  whois: true,
  allowInvites: true,
  changeSubject: true,
  allowPm: true,
  maxUsers: true,
  presenceBroadcast: true,
  getMemberList: true,
  pubsub: true,
  registration: true,
  locksNicks: true,
  archive: true,
  historyLength: true,
  isLocked: true,
  createdAt: true,
  madeBy: true,
  secret: true,
  since: true,
};

export function newConfig(createdAt: string, since: string, secret: string, madeBy?: string): RoomConfig {
  return {
    name: '',
    description: '',
    lang: '',
    persistent: false,
    public: true,
    moderated: false,
    membersOnly: false,
    password: '',
    whois: 'moderators',
    allowInvites: false,
    changeSubject: false,
    allowPm: 'anyone',
    maxUsers: roomLimits.sessionsMax / 4,
    archive: true,
    historyLength: 20,
    isLocked: true,
    createdAt,
    ...(madeBy !== undefined && { madeBy }),
    secret,
    since,
  };
}

/** Where the owner has not said: nobody comes by himself into what membership opens. */
export function registrationOf({ registration, membersOnly, moderated, password }: RoomConfig): RegistrationPolicy {
  return registration ?? (membersOnly || moderated || password !== '' ? 'none' : 'open');
}

export function isBroadcast({ presenceBroadcast }: RoomConfig, role: Role): boolean {
  return presenceBroadcast === undefined || presenceBroadcast.includes(role);
}
