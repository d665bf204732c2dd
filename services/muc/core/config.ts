/** The configuration of a room, as its owner decides it: XEP-0045 §10.2, and the registered options of §15.5.3. */
import { roomLimits } from '../limits.ts';
import type { Role } from './affiliation.ts';

/** Who may send private messages (`muc#roomconfig_allowpm`). */
export const pmPolicies = ['anyone', 'participants', 'moderators', 'none'] as const;
export type PmPolicy = (typeof pmPolicies)[number];

/** How people become members by registering (§7.10): at once, when an admin or owner approves (§9.9), or not at all. */
export const registrationPolicies = ['open', 'approval', 'none'] as const;
export type RegistrationPolicy = (typeof registrationPolicies)[number];

/** The roles of occupants, in the order of their rights. */
export const insideRoles = ['visitor', 'participant', 'moderator'] as const;

export interface RoomConfig {
  readonly name: string;
  readonly description: string;
  /** A language tag (BCP 47); '' when the owner has set none. */
  readonly lang: string;
  readonly persistent: boolean;
  /** The room is in the service's list of rooms. */
  readonly public: boolean;
  readonly moderated: boolean;
  readonly membersOnly: boolean;
  /** '' when the room has no password. */
  readonly password: string;
  /** Who sees the real JIDs of occupants. It makes the room semi-anonymous or non-anonymous. */
  readonly whois: 'moderators' | 'anyone';
  /** May occupants who are not admins invite others into a members-only room? */
  readonly allowInvites: boolean;
  /** May participants change the subject? */
  readonly changeSubject: boolean;
  readonly allowPm: PmPolicy;
  readonly maxUsers: number;
  /** The roles whose presence is sent to others; absent: all. */
  readonly presenceBroadcast?: readonly Role[];
  /** The roles that may read the list of members, as far as they see JIDs; absent: all. */
  readonly getMemberList?: readonly Role[];
  /** `muc#roomconfig_pubsub`: a URI; '' or absent when there is none. */
  readonly pubsub?: string;
  /** Absent: the default of {@link registrationOf}. */
  readonly registration?: RegistrationPolicy;
  /** §7.10, §7.6: people who have registered a nick can use no other. */
  readonly locksNicks?: boolean;
  /** Are messages kept in the archive (XEP-0313)? */
  readonly archive: boolean;
  /** How many messages a new occupant is sent, unless it asks for fewer. */
  readonly historyLength: number;
  /** §10.1.1: true from the creation of the room until its owner has sent a configuration. */
  readonly isLocked: boolean;
  readonly createdAt: string;
  /** The bare JID of the account that created the room. The room is counted among its rooms. */
  readonly madeBy?: string;
  /** The key for what the room derives from addresses, base64. Older rooms have none, and use their tenant's. */
  readonly secret?: string;
  /** Archive entries up to this id belong to an earlier room of the same name, and are shown to nobody. */
  readonly since: string;
}

/** All keys. The keys that features add (row-part.ts) must be different ones. */
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

/** The owner's choice. By default nobody can give himself a membership that opens something. */
export function registrationOf({ registration, membersOnly, moderated, password }: RoomConfig): RegistrationPolicy {
  return registration ?? (membersOnly || moderated || password !== '' ? 'none' : 'open');
}

export function isBroadcast({ presenceBroadcast }: RoomConfig, role: Role): boolean {
  return presenceBroadcast === undefined || presenceBroadcast.includes(role);
}
