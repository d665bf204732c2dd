/**
 * The fields of the configuration form: those of XEP-0045 §15.5.3, and some for which other servers have found names. Features
 * add theirs.
 */

import type { SubmittedField } from '../../../lib/xmpp/data-form.ts';
import type { Role } from '../core/affiliation.ts';
import { insideRoles, type PmPolicy, pmPolicies, type RoomConfig, registrationOf, registrationPolicies } from '../core/config.ts';
import type { ConfigChange, ConfigField } from '../core/config-field.ts';
import { roomLimits } from '../limits.ts';

const muc = 'muc#roomconfig_';
/** The range that is accepted. The number is then brought into the bounds of its field. */
const anyNumber = { min: 0, max: 999_999_999 } as const;

type FlagKey = { [Key in keyof RoomConfig]-?: NonNullable<RoomConfig[Key]> extends boolean ? Key : never }[keyof RoomConfig];

function flag(name: string, label: string, key: FlagKey, also?: readonly string[]): ConfigField {
  return {
    var: muc + name,
    also,
    type: 'boolean',
    label,
    show: (config) => (config[key] ? '1' : '0'),
    read: (field) => ({ [key]: field.flag() }),
  };
}

function text(name: string, label: string, key: 'name' | 'description' | 'lang' | 'pubsub', charactersMax: number): ConfigField {
  return {
    var: muc + name,
    type: 'text-single',
    label,
    show: (config) => config[key] ?? '',
    read: (field) => ({ [key]: field.text(charactersMax).trim() }),
  };
}

function choice<Value extends string>(
  name: string,
  label: string,
  values: readonly Value[],
  show: (config: RoomConfig) => Value,
  change: (value: Value) => ConfigChange,
): ConfigField {
  return {
    var: muc + name,
    type: 'list-single',
    label,
    options: values.map((value) => ({ value })),
    show,
    read: (field) => change(field.choice(values)),
  };
}

function number(name: string, label: string, key: 'maxUsers' | 'historyLength', least: number, most: number, also: string[]) {
  return {
    var: muc + name,
    also,
    type: 'text-single',
    label,
    show: (config: RoomConfig) => String(config[key]),
    read: (field: SubmittedField): ConfigChange => ({ [key]: Math.min(Math.max(field.whole(anyNumber), least), most) }),
  } satisfies ConfigField;
}

function roles(name: string, label: string, key: 'presenceBroadcast' | 'getMemberList'): ConfigField {
  return {
    var: muc + name,
    type: 'list-multi',
    label,
    options: insideRoles.toReversed().map((value) => ({ value })),
    show: (config) => config[key] ?? insideRoles,
    read: (field) => ({ [key]: field.choices<Role>(insideRoles) }),
  };
}

const mostUsers = number('maxusers', 'Most people at once', 'maxUsers', 1, roomLimits.sessionsMax, []);

/** §15.5.3: an empty field or `none` sets no bound other than the server's. */
const maxUsers = {
  ...mostUsers,
  read: (field) => (field.isEmpty || field.text() === 'none' ? { maxUsers: roomLimits.sessionsMax } : mostUsers.read(field)),
  type: 'list-single',
  options: [10, 20, 50, 100, 500, roomLimits.sessionsMax].map((most) => ({ value: String(most) })),
} satisfies ConfigField;

const historyLength = {
  ...number('historylength', 'Messages shown to new occupants', 'historyLength', 0, roomLimits.historyMax, [
    `${muc}historylength`,
  ]),
  var: 'muc#maxhistoryfetch',
} satisfies ConfigField;

/** This name and the next are those that Openfire uses. */
const registration = {
  ...choice('registration', 'Who may register as a member', registrationPolicies, registrationOf, (policy) => ({
    registration: policy,
  })),
  var: 'x-muc#roomconfig_registration',
} satisfies ConfigField;

const lockedNicks = {
  ...flag('reservednick', 'People can use only the nick that they have registered', 'locksNicks'),
  var: 'x-muc#roomconfig_reservednick',
} satisfies ConfigField;

export const configFields: readonly ConfigField[] = [
  text('roomname', 'Name of the room', 'name', 256),
  text('roomdesc', 'What it is about', 'description', 1024),
  text('lang', 'Its language', 'lang', 35),
  flag('persistentroom', 'Keep the room when nobody is in it', 'persistent'),
  flag('publicroom', 'List the room', 'public'),
  flag('moderatedroom', 'Only those with voice may speak', 'moderated'),
  flag('membersonly', 'Only members may enter', 'membersOnly'),
  registration,
  lockedNicks,
  flag('allowinvites', 'Occupants may invite others', 'allowInvites'),
  flag('changesubject', 'Participants may change the subject', 'changeSubject'),
  choice(
    'allowpm',
    'Who may send private messages',
    pmPolicies,
    ({ allowPm }) => allowPm,
    (allowPm: PmPolicy) => ({ allowPm }),
  ),
  choice(
    'whois',
    'Who may see real addresses',
    ['moderators', 'anyone'] as const,
    ({ whois }) => whois,
    (whois) => ({ whois }),
  ),
  maxUsers,
  historyLength,
  roles('presencebroadcast', 'Roles whose presence is sent to others', 'presenceBroadcast'),
  roles('getmemberlist', 'Roles that may get the list of members', 'getMemberList'),
  text('pubsub', 'Its publish-subscribe node', 'pubsub', 1024),
  flag('enablelogging', 'Keep an archive', 'archive', [`${muc}enablearchiving`, 'mam']),
];
