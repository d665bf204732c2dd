/** The commands about who is let in, and what they are in: the console, accounts, sessions, devices, rooms. */
import { anyTimeText, type Command, command } from './command.ts';
import * as options from './commands/account-options.ts';
import { consoleOptions } from './commands/console-options.ts';
import * as inviteOptions from './commands/invite-options.ts';

export const accessCommands: readonly Command[] = [
  command({
    name: 'console',
    summary: 'prints a link that opens the console in a browser, once',
    text: [
      'The link is good for half an hour and lets its first user manage the whole deployment for twelve hours. Admins of a',
      'tenant (`skylark user role`) need no link: they sign in to the console with their address and password.',
      ...anyTimeText,
    ],
    options: consoleOptions,
    run: async (values, positionals) => (await import('./commands/console.ts')).openConsole(values, positionals),
  }),
  command({
    name: 'user show',
    positionals: ['JID'],
    summary: 'prints when an account was made, its role, whether it is let in, and how many sessions it has',
    text: anyTimeText,
    options: options.runningListOptions,
    run: async (values, positionals) => (await import('./commands/user-access.ts')).showUser(values, positionals),
  }),
  command({
    name: 'user disable',
    positionals: ['JID'],
    summary: 'ends the sessions of an account and lets nobody in; what it keeps and is sent stays',
    text: anyTimeText,
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/user-access.ts')).disableUser(values, positionals),
  }),
  command({
    name: 'user enable',
    positionals: ['JID'],
    summary: 'lets a disabled account in again',
    text: anyTimeText,
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/user-access.ts')).enableUser(values, positionals),
  }),
  command({
    name: 'user reset',
    positionals: ['JID'],
    summary: 'prints a link by which the owner of an account sets a new password, once, within a day',
    text: anyTimeText,
    options: inviteOptions.userResetOptions,
    run: async (values, positionals) => (await import('./commands/invites.ts')).resetPassword(values, positionals),
  }),
  command({
    name: 'invite create',
    positionals: ['DOMAIN'],
    summary: 'prints a link by which people make accounts although registration is closed, once, and its address for clients',
    text: [
      'The link is a page with a form, a QR code and apps for the device of whoever opens it. The store keeps only a digest of the',
      'token, so the link cannot be printed again. Who may invite, for how long and how many people, is in the policy of the tenant.',
      ...anyTimeText,
    ],
    options: inviteOptions.inviteCreateOptions,
    run: async (values, positionals) => (await import('./commands/invites.ts')).createInvite(values, positionals),
  }),
  command({
    name: 'invite list',
    positionals: ['DOMAIN'],
    summary: 'prints the invites of a tenant, and whom they have brought',
    text: anyTimeText,
    options: inviteOptions.inviteListOptions,
    run: async (values, positionals) => (await import('./commands/invites.ts')).listInvites(values, positionals),
  }),
  command({
    name: 'invite revoke',
    positionals: ['DOMAIN', 'ID'],
    summary: 'ends an invite: it brings nobody any more',
    text: anyTimeText,
    options: inviteOptions.inviteRevokeOptions,
    run: async (values, positionals) => (await import('./commands/invites.ts')).revokeInvite(values, positionals),
  }),
  command({
    name: 'session list',
    positionals: ['JID'],
    summary: 'prints the sessions of an account',
    options: options.runningListOptions,
    run: async (values, positionals) => (await import('./commands/sessions.ts')).listSessions(values, positionals),
  }),
  command({
    name: 'session end',
    positionals: ['JID', 'ID'],
    summary: 'ends a session of an account, whose client may sign in again',
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/sessions.ts')).endSession(values, positionals),
  }),
  command({
    name: 'device list',
    positionals: ['JID'],
    summary: 'prints the devices that can sign in to an account, and those that are signed in',
    options: options.runningListOptions,
    run: async (values, positionals) => (await import('./commands/sessions.ts')).listDevices(values, positionals),
  }),
  command({
    name: 'device revoke',
    positionals: ['JID', 'ID'],
    summary: 'ends the sessions and the token of a device; only a new password keeps out one that has the password',
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/sessions.ts')).revokeDevice(values, positionals),
  }),
  command({
    name: 'room list',
    positionals: ['DOMAIN'],
    summary: 'prints the rooms of a tenant, hidden ones too',
    text: anyTimeText,
    options: options.runningListOptions,
    run: async (values, positionals) => (await import('./commands/rooms.ts')).listRooms(values, positionals),
  }),
  command({
    name: 'room destroy',
    positionals: ['DOMAIN', 'ROOM'],
    summary: 'destroys a room with its history, and tells its occupants',
    text: anyTimeText,
    options: options.roomDestroyOptions,
    run: async (values, positionals) => (await import('./commands/rooms.ts')).destroyRoom(values, positionals),
  }),
];
