/** The commands for the people of a tenant together: files with all of them, what operators say in the name of a domain, and groups in rosters. */
import { anyTimeText, type Command, command } from './command.ts';
import * as options from './commands/account-options.ts';
import * as noticeOptions from './commands/notice-options.ts';
import { portableCommands } from './portable-commands.ts';

export const peopleCommands: readonly Command[] = [
  ...portableCommands,
  command({
    name: 'announcement send',
    positionals: ['DOMAIN', 'TEXT'],
    summary: 'sends a message from the domain to those of its accounts that are online, or to all',
    text: [
      'Accounts are told some hundred a second, each once, whichever process dies. With --all it waits for whoever is away.',
      'A service that does not run begins with it when it starts.',
    ],
    options: noticeOptions.announcementSendOptions,
    run: async (values, positionals) => (await import('./commands/notices.ts')).sendAnnouncement(values, positionals),
  }),
  command({
    name: 'announcement list',
    positionals: ['DOMAIN'],
    summary: 'prints the announcements of 30 days with how far they have come, the newest first',
    text: anyTimeText,
    options: options.runningListOptions,
    run: async (values, positionals) => (await import('./commands/notices.ts')).listAnnouncements(values, positionals),
  }),
  command({
    name: 'announcement cancel',
    positionals: ['DOMAIN', 'ID'],
    summary: 'ends an announcement: whoever was not told yet is not told any more',
    text: anyTimeText,
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/notices.ts')).cancelAnnouncement(values, positionals),
  }),
  command({
    name: 'motd set',
    positionals: ['DOMAIN', 'TEXT'],
    summary: 'sets the message of the day, which each account is told once, when a session of it becomes available',
    text: anyTimeText,
    options: noticeOptions.motdSetOptions,
    run: async (values, positionals) => (await import('./commands/notices.ts')).setMotd(values, positionals),
  }),
  command({
    name: 'motd show',
    positionals: ['DOMAIN'],
    summary: 'prints the message of the day',
    text: anyTimeText,
    options: options.runningListOptions,
    run: async (values, positionals) => (await import('./commands/notices.ts')).showMotd(values, positionals),
  }),
  command({
    name: 'motd remove',
    positionals: ['DOMAIN'],
    summary: 'removes the message of the day',
    text: anyTimeText,
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/notices.ts')).removeMotd(values, positionals),
  }),
  command({
    name: 'message send',
    positionals: ['JID', 'TEXT'],
    summary: 'sends a message to one account in the name of its domain',
    text: ['The service has to run, so that clients that are connected get it at once.'],
    options: noticeOptions.messageSendOptions,
    run: async (values, positionals) => (await import('./commands/notices.ts')).sendMessage(values, positionals),
  }),
  command({
    name: 'group set',
    positionals: ['DOMAIN', 'GROUP', '[MEMBER…]'],
    summary: "makes a group of accounts whose members are in each other's rosters, or says who its members are",
    text: [
      "A member is an address, and behind a space what the others call it: 'juliet@example.org Juliet'. Members see each other online, cannot take",
      'each other out of their rosters, and are told at once when the group changes.',
      ...anyTimeText,
    ],
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/roster-groups.ts')).setGroup(values, positionals),
  }),
  command({
    name: 'group add',
    positionals: ['DOMAIN', 'GROUP', 'MEMBER'],
    summary: 'adds a member to a group',
    text: anyTimeText,
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/roster-groups.ts')).addToGroup(values, positionals),
  }),
  command({
    name: 'group drop',
    positionals: ['DOMAIN', 'GROUP', 'MEMBER'],
    summary: 'takes a member out of a group',
    text: anyTimeText,
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/roster-groups.ts')).dropFromGroup(values, positionals),
  }),
  command({
    name: 'group list',
    positionals: ['DOMAIN'],
    summary: 'prints the groups of a tenant with their members',
    text: anyTimeText,
    options: options.runningListOptions,
    run: async (values, positionals) => (await import('./commands/roster-groups.ts')).listGroups(values, positionals),
  }),
  command({
    name: 'group remove',
    positionals: ['DOMAIN', 'GROUP'],
    summary: 'removes a group, so that its members leave the rosters of each other',
    text: anyTimeText,
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/roster-groups.ts')).removeGroup(values, positionals),
  }),
];
