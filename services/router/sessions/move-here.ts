/** A session comes from one connection node to another, with its stream (XEP-0198 §5). */
import { unpark } from '../../../lib/runtime/parked.ts';
import { markHeld, unmarkHeld, updateSession } from '../../../lib/runtime/sessions.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../core/account.ts';
import { refresh } from '../presence/presence-broadcast.ts';

/**
 * Notes that the node of this batch holds the session now. From then on a reaper of the old node does not find the session, and
 * one of this node does. Then the session gets the presence that it has missed.
 * @throws {StreamError} if the session has ended
 */
export async function moveHere(account: Account): Promise<void> {
  const { node, sid } = account.session!;
  const { store, features } = account.turn.dependencies;
  await markHeld(store, { node, sid }, account);
  let before: string | undefined;
  let deadline: number | undefined;
  const sessions = await updateSession(store, account, sid, (entry) => {
    before = entry.node;
    deadline = entry.parked?.deadline;
    return entry.node === node ? entry : { ...entry, node, parked: undefined };
  });
  if (before === undefined) {
    await unmarkHeld(store, { node, sid });
    throw new StreamError('reset', 'the session has ended');
  }
  if (deadline !== undefined) await unpark(store, account, sid, deadline);
  else if (before !== node) await unmarkHeld(store, { node: before, sid });
  const entry = sessions.find((other) => other.sid === sid);
  if (!entry?.available) return;
  await refresh(account, entry, sessions);
  for (const moved of features.of('moved')) await moved(account, entry);
  await account.turn.finish();
}

/** Notes how long the session outlives its stream or its node, which has changed. */
export async function noteKept(account: Account): Promise<void> {
  const { resumeMs } = account.session!;
  await account.updateSession((entry) => (entry.resumeMs === resumeMs ? entry : { ...entry, resumeMs }));
}
