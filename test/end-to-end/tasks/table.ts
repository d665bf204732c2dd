/**
 * Every operation as an operator's task: how it is asked for by command, and with which input by the REST API and the console. The tasks are
 * done in this order, each way in a tenant of its own.
 */
import type { Given, WayName } from './ways.ts';

export interface Place {
  readonly way: WayName;
  readonly domain: string;
  /** A tenant that is added and removed. */
  readonly other: string;
  /** An https address that takes events. */
  readonly hook: string;
  /** Files of a certificate. */
  readonly certificate: readonly string[];
  /** Somebody in the tenant, and a second account. */
  readonly romeo: string;
  readonly nurse: string;
}

/** Reads by the REST API, as somebody else than those who do the tasks. */
export type Look = (path: string) => Promise<Readonly<Record<string, readonly Given[]>>>;

export interface Task {
  readonly operation: string;
  /** Absent where no command asks for it. */
  readonly command?: (place: Place, id: string) => readonly string[];
  /** Absent where only a command asks for it. */
  readonly given?: (place: Place, id: string) => Given;
  /** What everybody is shown who does it; each operation that changes nothing has it. */
  readonly shows?: (place: Place, id: string) => string | RegExp;
  /** The id of what it is about. */
  readonly id?: (place: Place, look: Look) => Promise<unknown>;
  /** The sentence with which it may be refused where this deployment cannot do it, in each way. */
  readonly refusal?: RegExp;
  /** Who does it in the console has a right that comes with no role. */
  readonly isContent?: true;
  /** It goes on while others are done, and none of them needs what it takes away. */
  readonly isLong?: true;
}

const tenantPath = ({ domain }: Place) => `/tenants/${domain}`;
const romeoPath = (place: Place) => `${tenantPath(place)}/accounts/romeo`;
const first = async (look: Look, path: string, list: string) => (await look(path))[list]![0]!.id;
const invite = (place: Place, look: Look) => first(look, `${tenantPath(place)}/invites`, 'invites');
const report = (place: Place, look: Look) => first(look, `${tenantPath(place)}/reports`, 'reports');
const webhook = (place: Place, look: Look) => first(look, `${tenantPath(place)}/webhooks`, 'webhooks');
const key = async ({ way }: Place, look: Look) => (await look('/keys')).keys!.find(({ name }) => name === `by-${way}`)!.id;
const session = async (place: Place, look: Look) =>
  (await look(`${romeoPath(place)}/sessions`)).sessions!.find(({ resource }) => resource === 'orchard')!.id;
const ofDomain = ({ domain }: Place) => ({ domain });
const ofRomeo = ({ romeo }: Place) => ({ jid: romeo });
const ofId = ({ domain }: Place, id: string) => ({ domain, id });

export const tasks: readonly Task[] = [
  // Tenants
  { operation: 'tenant-add', command: ({ other }) => ['tenant', 'add', other], given: ({ other }) => ({ domain: other }) },
  { operation: 'tenant-list', command: () => ['tenant', 'list'], given: () => ({}), shows: ({ other }) => other },
  {
    operation: 'tenant-set',
    command: ({ domain }) => ['tenant', 'set', domain, '--sign-in', 'password,api'],
    given: ({ domain }) => ({ domain, signIn: ['password', 'api'] }),
  },
  {
    operation: 'tenant-show',
    command: ({ domain }) => ['tenant', 'show', domain],
    given: ofDomain,
    shows: () => /password\W+api/,
  },
  {
    operation: 'tenant-index',
    command: ({ domain }) => ['tenant', 'index', domain],
    given: ofDomain,
    refusal: /this deployment keeps no index of words/,
  },
  // A deployment outside of cells has none to show.
  { operation: 'cell-list', command: () => ['cell', 'list'], given: () => ({}), shows: () => /^(?!.*serversHost)/s },

  // Accounts and roles
  {
    operation: 'user-add',
    command: ({ nurse }) => ['user', 'add', nurse],
    given: ({ nurse }) => ({ jid: nurse, password: 'secret' }),
  },
  { operation: 'user-list', command: ({ domain }) => ['user', 'list', domain], given: ofDomain, shows: ({ nurse }) => nurse },
  { operation: 'user-show', command: ({ romeo }) => ['user', 'show', romeo], given: ofRomeo, shows: ({ romeo }) => romeo },
  {
    operation: 'user-password',
    command: ({ nurse }) => ['user', 'password', nurse],
    given: ({ nurse }) => ({ jid: nurse, password: 'secret' }),
  },
  {
    operation: 'user-role',
    command: ({ romeo }) => ['user', 'role', romeo, 'owner', '--content'],
    given: ({ romeo }) => ({ jid: romeo, role: 'owner', content: true }),
  },
  { operation: 'role-list', command: ({ domain }) => ['role', 'list', domain], given: ofDomain, shows: ({ romeo }) => romeo },
  { operation: 'role-deployment-list', command: () => ['role', 'list'], given: () => ({}), shows: () => 'chief@' },
  {
    operation: 'user-reset',
    command: ({ nurse }) => ['user', 'reset', nurse],
    given: ({ nurse }) => ({ jid: nurse }),
    shows: ({ domain }) => `/reset/${domain}/`,
  },
  { operation: 'token-create', command: ({ romeo }) => ['token', 'create', romeo], given: ofRomeo, shows: () => /\beyJ/ },
  { operation: 'token-revoke', command: ({ romeo }) => ['token', 'revoke', romeo], given: ofRomeo },

  // Invites
  {
    operation: 'invite-create',
    command: ({ domain }) => ['invite', 'create', domain],
    given: ofDomain,
    shows: ({ domain }) => `/invite/${domain}/`,
  },
  {
    operation: 'invite-list',
    command: ({ domain }) => ['invite', 'list', domain],
    given: ofDomain,
    id: invite,
    shows: (_, id) => id,
  },
  { operation: 'invite-revoke', command: ({ domain }, id) => ['invite', 'revoke', domain, id], given: ofId, id: invite },

  // Reports
  {
    operation: 'report-list',
    command: ({ domain }) => ['report', 'list', domain],
    given: ofDomain,
    shows: () => 'urn:xmpp:reporting:spam',
  },
  {
    operation: 'report-show',
    command: ({ domain }, id) => ['report', 'show', domain, id],
    given: ofId,
    id: report,
    shows: () => 'buy this',
    isContent: true,
  },
  { operation: 'report-remove', command: ({ domain }, id) => ['report', 'remove', domain, id], given: ofId, id: report },

  // Roster groups
  {
    operation: 'roster-group-set',
    command: ({ domain, romeo }) => ['group', 'set', domain, 'Lovers', romeo],
    given: ({ domain, romeo }) => ({ domain, group: 'Lovers', members: [romeo] }),
  },
  {
    operation: 'roster-group-add',
    command: ({ domain, nurse }) => ['group', 'add', domain, 'Lovers', nurse],
    given: ({ domain, nurse }) => ({ domain, group: 'Lovers', member: nurse }),
  },
  {
    operation: 'roster-group-list',
    command: ({ domain }) => ['group', 'list', domain],
    given: ofDomain,
    shows: ({ nurse }) => nurse,
  },
  {
    operation: 'roster-group-drop',
    command: ({ domain, nurse }) => ['group', 'drop', domain, 'Lovers', nurse],
    given: ({ domain, nurse }) => ({ domain, group: 'Lovers', member: nurse }),
  },
  {
    operation: 'roster-group-remove',
    command: ({ domain }) => ['group', 'remove', domain, 'Lovers'],
    given: ({ domain }) => ({ domain, group: 'Lovers' }),
  },

  // What operators say
  {
    operation: 'announcement-send',
    command: ({ domain }) => ['announcement', 'send', domain, 'maintenance tonight'],
    given: ({ domain }) => ({ domain, text: 'maintenance tonight' }),
  },
  {
    operation: 'announcement-list',
    command: ({ domain }) => ['announcement', 'list', domain],
    given: ofDomain,
    shows: () => 'maintenance tonight',
  },
  {
    operation: 'announcement-cancel',
    command: ({ domain }, id) => ['announcement', 'cancel', domain, id],
    given: ofId,
    id: (place, look) => first(look, `${tenantPath(place)}/announcements`, 'announcements'),
    refusal: /has been told to all/, // of two people, sooner than a command begins
  },
  {
    operation: 'motd-set',
    command: ({ domain }) => ['motd', 'set', domain, 'welcome back'],
    given: ({ domain }) => ({ domain, text: 'welcome back' }),
  },
  {
    operation: 'motd-show',
    command: ({ domain }) => ['motd', 'show', domain],
    given: ofDomain,
    shows: () => 'welcome back',
  },
  { operation: 'motd-remove', command: ({ domain }) => ['motd', 'remove', domain], given: ofDomain },
  {
    operation: 'message-send',
    command: ({ romeo }) => ['message', 'send', romeo, 'hello'],
    given: ({ domain, romeo }) => ({ domain, to: romeo, text: 'hello' }),
  },

  // Rooms
  {
    operation: 'room-list',
    command: ({ domain }) => ['room', 'list', domain],
    given: ofDomain,
    shows: ({ domain }) => `hall@conference.${domain}`,
  },
  {
    operation: 'room-show',
    command: ({ domain }) => ['room', 'show', domain, 'hall'],
    given: ({ domain }) => ({ domain, room: 'hall' }),
    shows: ({ romeo }) => romeo,
  },
  {
    operation: 'room-affiliate',
    command: ({ domain }) => ['room', 'affiliate', domain, 'hall', 'tybalt@elsewhere.example', 'outcast'],
    given: ({ domain }) => ({ domain, room: 'hall', person: 'tybalt@elsewhere.example', affiliation: 'outcast' }),
  },
  {
    operation: 'room-destroy',
    command: ({ domain }) => ['room', 'destroy', domain, 'hall'],
    given: ({ domain }) => ({ domain, room: 'hall' }),
  },

  // Sessions, devices, and whether an account is let in
  { operation: 'session-list', command: ({ romeo }) => ['session', 'list', romeo], given: ofRomeo, shows: () => 'orchard' },
  {
    operation: 'session-end',
    command: ({ romeo }, id) => ['session', 'end', romeo, id],
    given: ({ romeo }, id) => ({ jid: romeo, session: id }),
    id: session,
  },
  { operation: 'device-list', command: ({ romeo }) => ['device', 'list', romeo], given: ofRomeo, shows: () => /connected/i },
  {
    operation: 'device-revoke',
    command: ({ romeo }, id) => ['device', 'revoke', romeo, id],
    given: ({ romeo }, id) => ({ jid: romeo, device: id }),
    id: (place, look) => first(look, `${romeoPath(place)}/devices`, 'devices'),
  },
  { operation: 'user-disable', command: ({ nurse }) => ['user', 'disable', nurse], given: ({ nurse }) => ({ jid: nurse }) },
  { operation: 'user-enable', command: ({ nurse }) => ['user', 'enable', nurse], given: ({ nurse }) => ({ jid: nurse }) },

  // These go on for some seconds, beside what comes after them.
  {
    operation: 'user-remove',
    command: ({ nurse }) => ['user', 'remove', nurse],
    given: ({ nurse }) => ({ jid: nurse }),
    isLong: true,
  },
  {
    operation: 'tenant-remove',
    command: ({ other }) => ['tenant', 'remove', other, '--force'],
    given: ({ other }) => ({ domain: other, force: true }),
    isLong: true,
  },

  // Components, other servers, certificates
  { operation: 'component-add', command: ({ domain }) => ['component', 'add', `irc.${domain}`], shows: () => 'its secret' },
  {
    operation: 'component-grant',
    command: ({ domain }) => ['component', 'grant', `irc.${domain}`, 'roster=get', 'iq=urn:example:a=both'],
    given: ({ domain }) => ({ domain, component: `irc.${domain}`, roster: 'get', iq: { 'urn:example:a': 'both' } }),
  },
  {
    operation: 'component-list',
    command: ({ domain }) => ['component', 'list', domain],
    given: ofDomain,
    shows: ({ domain }) => new RegExp(`irc\\.${domain}.*urn:example:a`, 's'),
  },
  {
    operation: 'component-remove',
    command: ({ domain }) => ['component', 'remove', `irc.${domain}`],
    given: ({ domain }) => ({ domain, component: `irc.${domain}` }),
  },
  {
    operation: 'peer-list',
    command: ({ domain }) => ['peers', '--domain', domain],
    given: ofDomain,
    shows: () => 'down.example',
  },
  { operation: 'peer-tenant-list', given: ofDomain, shows: () => 'down.example' },
  {
    operation: 'peer-retry',
    command: ({ domain }) => ['peer', 'retry', domain, 'down.example'],
    given: ({ domain }) => ({ domain, peer: 'down.example' }),
  },
  {
    operation: 'certificate-put',
    command: ({ domain, certificate }) => ['certificate', 'add', domain, ...certificate],
    shows: ({ domain }) => domain,
  },
  { operation: 'certificate-query', command: () => ['certificate', 'list'], shows: ({ domain }) => domain },
  { operation: 'certificate-show', given: ofDomain, shows: ({ domain }) => `conference.${domain}` },
  {
    operation: 'certificate-get',
    command: ({ domain, certificate }) => ['certificate', 'add', domain, ...certificate],
    shows: ({ domain }) => domain,
  },
  { operation: 'certificate-delete', command: ({ domain }) => ['certificate', 'remove', domain] },

  // Programs of tenants, and keys
  {
    operation: 'webhook-add',
    command: ({ domain, hook }) => ['webhook', 'add', domain, hook, '--events', 'report.filed'],
    given: ({ domain, hook }) => ({ domain, url: hook, events: ['report.filed'] }),
    shows: () => 'whsec_',
  },
  {
    operation: 'webhook-list',
    command: ({ domain }) => ['webhook', 'list', domain],
    given: ofDomain,
    shows: ({ hook }) => hook,
  },
  { operation: 'webhook-test', command: ({ domain }, id) => ['webhook', 'test', domain, id], given: ofId, id: webhook },
  { operation: 'webhook-remove', command: ({ domain }, id) => ['webhook', 'remove', domain, id], given: ofId, id: webhook },
  {
    operation: 'key-add',
    command: ({ way }) => ['key', 'add', `by-${way}`],
    given: ({ way }) => ({ name: `by-${way}` }),
    shows: () => /sk_[0-9a-f]{16}_/,
  },
  { operation: 'key-list', command: () => ['key', 'list'], given: () => ({}), shows: ({ way }) => `by-${way}` },
  {
    operation: 'key-rotate',
    command: (_, id) => ['key', 'rotate', id],
    given: (_, id) => ({ id }),
    id: key,
    shows: (_, id) => `sk_${id}_`,
  },
  { operation: 'key-remove', command: (_, id) => ['key', 'remove', id], given: (_, id) => ({ id }), id: key },

  // The deployment
  { operation: 'console-link', command: () => ['console'], shows: () => '/console/enter/' },
  { operation: 'status', command: () => ['status'], given: () => ({}), shows: () => /\bup\b/ },
  { operation: 'audit-list', command: () => ['audit'], given: () => ({}), shows: () => 'key-remove' },
  {
    operation: 'audit-tenant-list',
    command: ({ domain }) => ['audit', domain],
    given: ofDomain,
    shows: () => 'room-destroy',
  },

  // Last, because nobody is let in then
  {
    operation: 'node-drain',
    command: (_, id) => ['drain', id],
    given: (_, id) => ({ node: id }),
    id: async (_, look) => (await look('/nodes')).nodes!.find(({ kind }) => kind === 'connection')!.name,
  },
];
