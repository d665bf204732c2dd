/**
 * Shared roster groups: groups of accounts of a tenant whose members are in each other's rosters (services/router/roster/shared-groups.ts).
 * They are a part of the tenant's row, so that nobody reads anything to know them; so there are bounds on them.
 */
import { createHash } from 'node:crypto';

export interface GroupMember {
  readonly local: string;
  /** As the others have it in their rosters; absent: clients choose. */
  readonly name?: string | undefined;
}

export interface RosterGroup {
  readonly name: string;
  readonly members: readonly GroupMember[];
}

export interface RosterGroups {
  readonly groups: readonly RosterGroup[];
  /** When they were changed last: members may not have been told since. */
  readonly changedMs: number;
}

/** What groups make of a contact. */
export interface SharedContact {
  readonly groups: readonly string[];
  readonly name?: string | undefined;
}

/** What the groups add to the roster of one account. */
export interface SharedView {
  /** Tells it from another one. */
  readonly stamp: string;
  /** By local parts. */
  readonly contacts: ReadonlyMap<string, SharedContact>;
}

const views = new WeakMap<readonly RosterGroup[], Map<string, SharedView | undefined>>();

/** @returns undefined for an account that is in no group */
export function sharedView(groups: readonly RosterGroup[] | undefined, local: string): SharedView | undefined {
  if (groups === undefined || groups.length === 0) return undefined;
  const known = views.get(groups) ?? new Map<string, SharedView | undefined>();
  views.set(groups, known);
  if (!known.has(local)) known.set(local, viewOf(groups, local));
  return known.get(local);
}

function viewOf(groups: readonly RosterGroup[], local: string): SharedView | undefined {
  const own = groups.filter(({ members }) => members.some((member) => member.local === local));
  if (own.length === 0) return undefined;
  const contacts = new Map<string, SharedContact>();
  for (const group of own) {
    for (const member of group.members) {
      if (member.local === local) continue;
      const there = contacts.get(member.local);
      contacts.set(member.local, {
        groups: [...(there?.groups ?? []), group.name],
        name: there?.name ?? member.name,
      });
    }
  }
  const stamp = createHash('sha256')
    .update(JSON.stringify([...contacts]))
    .digest('hex');
  return { stamp: stamp.slice(0, stampCharacters), contacts };
}

const stampCharacters = 12;
