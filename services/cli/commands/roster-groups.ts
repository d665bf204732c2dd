/** `skylark group …`: groups of accounts whose members are in each other's rosters. */
import {
  rosterGroupAdd,
  rosterGroupDrop,
  rosterGroupList,
  rosterGroupRemove,
  rosterGroupSet,
} from '../../router/operations/roster-groups.ts';
import type { Values } from '../core/arguments.ts';
import { quoted, say, UsageError } from '../core/report.ts';
import type { runningListOptions, runningOptions } from './account-options.ts';
import { adminOf, none, one, withAdmin } from './admin-command.ts';

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
  const { domain, group, members } = named('group set', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const made = await admin.ask(rosterGroupSet, { domain, group, members: [...members] });
    say(`${quoted(made.group)} has ${made.members.length} ${made.members.length === 1 ? 'member' : 'members'}`);
  });
}

export async function addToGroup(values: RunningValues, positionals: readonly string[]): Promise<number> {
  const asked = withMember('group add', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    await admin.ask(rosterGroupAdd, asked);
    say(`added ${asked.member}`);
  });
}

export async function dropFromGroup(values: RunningValues, positionals: readonly string[]): Promise<number> {
  const asked = withMember('group drop', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    await admin.ask(rosterGroupDrop, asked);
    say(`dropped ${asked.member}`);
  });
}

export async function removeGroup(values: RunningValues, positionals: readonly string[]): Promise<number> {
  const { domain, group, members } = named('group remove', positionals);
  none('group remove', members);
  return withAdmin(adminOf(values), async (admin) => {
    say(`removed ${quoted((await admin.ask(rosterGroupRemove, { domain, group })).group)}`);
  });
}

function named(command: string, [domain, group, ...members]: readonly string[]) {
  if (domain === undefined || group === undefined)
    throw new UsageError(`'skylark ${command}' needs a DOMAIN and the name of a GROUP; see: skylark help ${command}`);
  return { domain, group, members };
}

function withMember(command: string, positionals: readonly string[]) {
  const { domain, group, members } = named(command, positionals);
  const [member, ...rest] = members;
  if (member === undefined) throw new UsageError(`'skylark ${command}' needs a MEMBER; see: skylark help ${command}`);
  none(command, rest);
  return { domain, group, member };
}
