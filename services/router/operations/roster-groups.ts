/** Operations on shared roster groups: groups of accounts of a tenant whose members are in each other's rosters. */
import { z } from 'zod';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { GroupMember, RosterGroup } from '../../../lib/runtime/roster-groups.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import { findAccount } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { changeGroups } from '../later/group-changes.ts';
import { routerLimits } from '../limits.ts';
import { domainInput, findTenant } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const { rosterNameBytesMax: nameMax } = routerLimits;
const groupInput = z.string().min(1).max(nameMax).describe('the name of the group, as the members see it');
const memberInput = z
  .string()
  .min(1)
  .max(nameMax + 3 * xmppLimits.jidPartBytesMax);

/** Members as they are written: the address, and behind a space what the others call them. */
const membersInput = z
  .array(memberInput)
  .max(runtimeLimits.rosterGroupMembersMax)
  .describe('one a line: the address of an account, and behind a space what the others call it');

const described = z.object({ group: z.string(), members: z.array(z.string()) });

function describe(domain: string, { name, members }: RosterGroup): z.input<typeof described> {
  return { group: name, members: members.map((member) => textOf(domain, member)) };
}

function textOf(domain: string, { local, name }: GroupMember): string {
  return `${Jid.of(local, domain)}${name === undefined ? '' : ` ${name}`}`;
}

export const rosterGroupList = operation({
  name: 'roster-group-list',
  input: z.strictObject({ domain: domainInput }),
  output: z.object({ groups: z.array(described) }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Lists the shared roster groups of a tenant with their members.',
  commands: ['group list'],
  http: { method: 'get', path: '/tenants/{domain}/roster-groups' },
  async run(dependencies, { domain }) {
    const { rosterGroups } = await findTenant(dependencies, domain);
    return { groups: (rosterGroups?.groups ?? []).map((group) => describe(domain, group)) };
  },
});

export const rosterGroupSet = operation({
  name: 'roster-group-set',
  input: z.strictObject({ domain: domainInput, group: groupInput, members: membersInput }),
  output: described,
  right: 'tenant.accounts',
  isRepeatable: true,
  help: "Makes a shared roster group of these accounts, or changes its members: they are in each other's rosters and see each other's presence.",
  commands: ['group set'],
  http: { method: 'put', path: '/tenants/{domain}/roster-groups/{group}' },
  async run(dependencies, { domain, group: name, members: given }) {
    await findTenant(dependencies, domain);
    const members = await readMembers(dependencies, domain, given);
    const group = { name, members };
    await change(dependencies, domain, (groups) =>
      groups.some((one) => one.name === name) ? groups.map((one) => (one.name === name ? group : one)) : [...groups, group],
    );
    return describe(domain, group);
  },
});

export const rosterGroupAdd = operation({
  name: 'roster-group-add',
  input: z.strictObject({ domain: domainInput, group: groupInput, member: memberInput }),
  output: described,
  right: 'tenant.accounts',
  isRepeatable: true,
  help: 'Adds a member to a shared roster group, or changes what the others call it.',
  commands: ['group add'],
  http: { method: 'post', path: '/tenants/{domain}/roster-groups/{group}/members' },
  async run(dependencies, { domain, group, member: given }) {
    await findTenant(dependencies, domain);
    const [member] = await readMembers(dependencies, domain, [given]);
    const without = (members: readonly GroupMember[]) => members.filter(({ local }) => local !== member!.local);
    return changeMembers(dependencies, domain, group, (members) => [...without(members), member!]);
  },
});

export const rosterGroupDrop = operation({
  name: 'roster-group-drop',
  input: z.strictObject({ domain: domainInput, group: groupInput, member: memberInput }),
  output: described,
  right: 'tenant.accounts',
  isRepeatable: true,
  help: 'Takes a member out of a shared roster group.',
  commands: ['group drop'],
  http: { method: 'delete', path: '/tenants/{domain}/roster-groups/{group}/members/{member}' },
  async run(dependencies, { domain, group, member: given }) {
    await findTenant(dependencies, domain);
    const { local } = readMember(domain, given);
    return changeMembers(dependencies, domain, group, (members) =>
      members.some((one) => one.local === local) ? members.filter((one) => one.local !== local) : members,
    );
  },
});

export const rosterGroupRemove = operation({
  name: 'roster-group-remove',
  input: z.strictObject({ domain: domainInput, group: groupInput }),
  output: z.object({ group: z.string() }),
  right: 'tenant.accounts',
  isRepeatable: true,
  help: "Removes a shared roster group: its members are taken out of each other's rosters, unless they have agreed on each other themselves.",
  commands: ['group remove'],
  http: { method: 'delete', path: '/tenants/{domain}/roster-groups/{group}' },
  async run(dependencies, { domain, group: name }) {
    await findTenant(dependencies, domain);
    await change(dependencies, domain, (groups) =>
      groups.some((one) => one.name === name) ? groups.filter((one) => one.name !== name) : groups,
    );
    return { group: name };
  },
});

async function changeMembers(
  dependencies: Dependencies,
  domain: string,
  name: string,
  changed: (members: readonly GroupMember[]) => readonly GroupMember[],
): Promise<z.input<typeof described>> {
  const groups = await change(dependencies, domain, (there) => {
    const group = there.find((one) => one.name === name);
    if (group === undefined)
      throw new Refusal('absent', `there is no group '${name}'; to see them: skylark group list ${domain}`);
    const members = changed(group.members);
    return members === group.members ? there : there.map((one) => (one === group ? { name, members } : one));
  });
  return describe(domain, groups.find((one) => one.name === name) ?? { name, members: [] });
}

/** @throws {Refusal} when there is no room */
async function change(
  dependencies: Dependencies,
  domain: string,
  changed: (groups: readonly RosterGroup[]) => readonly RosterGroup[],
): Promise<readonly RosterGroup[]> {
  const groups = await changeGroups(dependencies, domain, (there) => {
    const next = changed(there);
    if (next !== there) checkRoom(domain, there, next);
    return next;
  });
  return groups ?? [];
}

/** Groups may always become smaller. @throws {Refusal} */
function checkRoom(domain: string, before: readonly RosterGroup[], groups: readonly RosterGroup[]): void {
  const { rosterGroupsMax, rosterGroupMembersMax, rosterGroupsBytesMax } = runtimeLimits;
  if (groups.length > rosterGroupsMax)
    throw new Refusal('conflict', `'${domain}' has ${rosterGroupsMax} groups, and more are not allowed`);
  if (groups.some(({ members }) => members.length > rosterGroupMembersMax))
    throw new Refusal('conflict', `a group has at most ${rosterGroupMembersMax} members`);
  const bytes = Buffer.byteLength(JSON.stringify(groups));
  if (bytes > rosterGroupsBytesMax && bytes > Buffer.byteLength(JSON.stringify(before)))
    throw new Refusal('conflict', `the groups of '${domain}' have at most ${rosterGroupsBytesMax} bytes together`);
}

/** Each once, in their order. @throws {Refusal} when there is no such account */
async function readMembers({ store }: Dependencies, domain: string, given: readonly string[]): Promise<GroupMember[]> {
  const members = new Map(given.map((text) => readMember(domain, text)).map((member) => [member.local, member]));
  for (const local of members.keys()) {
    if ((await findAccount(store, domain, local)) === undefined)
      throw new Refusal('absent', `there is no account '${Jid.of(local, domain)}'`);
  }
  return [...members.values()];
}

/** @throws {Refusal} */
function readMember(domain: string, text: string): GroupMember {
  const [address = '', ...words] = text.trim().split(' ');
  const name = words.join(' ').trim();
  const jid = Jid.tryParse(address.includes('@') ? address : `${address}@${domain}`);
  if (jid === undefined || jid.domain !== domain || jid.local === '' || !jid.isBare)
    throw new Refusal('invalid', `'${address}' is not an account of '${domain}'`);
  return name === '' ? { local: jid.local } : { local: jid.local, name };
}
