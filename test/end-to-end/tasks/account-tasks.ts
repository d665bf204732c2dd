/** The tasks about the people of a tenant. */
import { first, type Look, ofDomain, ofId, type Place, type Task, tenantPath } from './task.ts';

const romeoPath = (place: Place) => `${tenantPath(place)}/accounts/romeo`;
const invite = (place: Place, look: Look) => first(look, `${tenantPath(place)}/invites`, 'invites');
const report = (place: Place, look: Look) => first(look, `${tenantPath(place)}/reports`, 'reports');
const session = async (place: Place, look: Look) =>
  (await look(`${romeoPath(place)}/sessions`)).sessions!.find(({ resource }) => resource === 'orchard')!.id;
const ofRomeo = ({ romeo }: Place) => ({ jid: romeo });

export const accountTasks: readonly Task[] = [
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
  {
    operation: 'account-import',
    command: ({ domain, theirFile }) => ['import', theirFile, domain],
    shows: ({ domain }) => `imported friar@${domain}`,
  },
  {
    operation: 'account-export',
    command: ({ domain, newFile }) => ['export', domain, newFile],
    shows: ({ domain }) => new RegExp(`wrote \\d accounts of ${domain} into`),
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
  {
    operation: 'file-list',
    command: ({ romeo }) => ['file', 'list', romeo],
    given: ofRomeo,
    shows: () => 'image/png',
  },
  {
    operation: 'file-totals',
    command: ({ domain }) => ['file', 'totals', domain],
    given: ofDomain,
    shows: ({ romeo }) => romeo,
  },
  {
    operation: 'file-remove',
    command: ({ romeo }, id) => ['file', 'remove', romeo, id],
    given: ({ romeo }, id) => ({ jid: romeo, id }),
    id: (place, look) => first(look, `${romeoPath(place)}/files`, 'files'),
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
];
