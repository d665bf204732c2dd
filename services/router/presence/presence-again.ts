/**
 * Presence that changes while it is being shown. A router reads presence from an account's row and shows it to somebody.
 * Meanwhile another router may change the row, and its news may arrive first, so that the old presence would stay. Therefore a
 * router that took long looks at the row again and shows what has changed.
 */
import { readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { spliceTo } from '../../../lib/xmpp/stanza.ts';
import { Account } from '../core/account.ts';
import { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';
import { isVisible, unavailableFrom } from './shown-presence.ts';

/** An account whose presence was shown, with its sessions as they were read. */
export interface Shown {
  readonly account: Account;
  readonly sessions: readonly SessionEntry[];
  /** Set if only the presence of this resource was shown. */
  readonly resource?: string;
}

/** Queues another look. It calls `show`, in a turn of its own, for each presence that is different now. */
export function lookAgain(turn: Turn, shown: readonly Shown[], show: (turn: Turn, presence: Buffer) => Promise<void>): void {
  look(turn, shown, show, routerLimits.lookAgainMax);
}

function look(turn: Turn, shown: readonly Shown[], show: (turn: Turn, presence: Buffer) => Promise<void>, left: number): void {
  if (left === 0 || shown.length === 0) return;
  turn.lookAgain(async () => {
    const lists = await readSessions(
      turn.dependencies.store,
      shown.map(({ account }) => account),
    );
    const next = new Turn(turn.dependencies);
    const now = shown.map((before, index) => ({ ...before, sessions: chosen(lists[index]!, before.resource) }));
    for (const [index, { account, sessions }] of shown.entries()) {
      for (const presence of differences(account.jid, sessions, now[index]!.sessions)) await show(next, presence);
    }
    look(next, now, show, left - 1);
    await next.finish();
  });
}

function chosen(sessions: readonly SessionEntry[], resource: string | undefined): readonly SessionEntry[] {
  return resource === undefined ? sessions : sessions.filter((entry) => entry.resource === resource);
}

/** The new presence of each resource that has changed, and `unavailable` for each one that has gone. */
function differences(owner: Jid, before: readonly SessionEntry[], now: readonly SessionEntry[]): Buffer[] {
  const visible = now.filter(isVisible);
  const changed = visible.filter(({ resource, presence }) => {
    return !before.some((other) => other.resource === resource && isVisible(other) && other.presence === presence);
  });
  const gone = before.filter((entry) => isVisible(entry) && !visible.some(({ resource }) => resource === entry.resource));
  return [
    ...changed.map(({ presence }) => Buffer.from(presence!)),
    ...gone.map(({ resource }) => unavailableFrom(owner.withResource(resource))),
  ];
}

/** Shows presence to an address, here or elsewhere. */
export function showTo(account: Account, to: Jid): (turn: Turn, presence: Buffer) => Promise<void> {
  return async (turn, presence) => {
    const again = new Account(turn, account.tenant, account.local);
    again.post(spliceTo(presence, to.toString()), turn.dependencies.ids.mint());
  };
}
