/** `skylark group …`: groups of accounts whose members are in each other's rosters. */
import {
  rosterGroupAdd,
  rosterGroupDrop,
  rosterGroupList,
  rosterGroupRemove,
  rosterGroupSet,
} from '../../router/operations/roster-groups.ts';
import type { Values } from '../core/arguments.ts';
import { quoted, say } from '../core/report.ts';
import type { runningListOptions, runningOptions } from './account-options.ts';
import { adminOf, all, one, withAdmin } from './admin-command.ts';

type RunningValues = Values<typeof runningOptions>;

export async function listGroups(values: Values<typeof runningListOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('group list', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const { groups } = await admin.ask(rosterGroupList, { domain });
    for (const group of groups) {
      if (values.json) say(JSON.stringify(group));
      else say(quoted(group.group), ...group.members.map((member) => `    ${member}`));
    }
  });
}

export async function setGroup(values: RunningValues, positionals: readonly string[]): Promise<number> {
  const [domain, group] = all('group set', ['DOMAIN', 'GROUP'], positionals.slice(0, 2));
  const members = positionals.slice(2);
  return withAdmin(adminOf(values), async (admin) => {
    const made = await admin.ask(rosterGroupSet, { domain, group, members });
    say(`${quoted(made.group)} has ${made.members.length} ${made.members.length === 1 ? 'member' : 'members'}`);
  });
}

export async function addToGroup(values: RunningValues, positionals: readonly string[]): Promise<number> {
  const [domain, group, member] = all('group add', ['DOMAIN', 'GROUP', 'MEMBER'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    await admin.ask(rosterGroupAdd, { domain, group, member });
    say(`added ${member}`);
  });
}

export async function dropFromGroup(values: RunningValues, positionals: readonly string[]): Promise<number> {
  const [domain, group, member] = all('group drop', ['DOMAIN', 'GROUP', 'MEMBER'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    await admin.ask(rosterGroupDrop, { domain, group, member });
    say(`dropped ${member}`);
  });
}

export async function removeGroup(values: RunningValues, positionals: readonly string[]): Promise<number> {
  const [domain, group] = all('group remove', ['DOMAIN', 'GROUP'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    say(`removed ${quoted((await admin.ask(rosterGroupRemove, { domain, group })).group)}`);
  });
}
