/** Sends messages of the service itself that are for accounts of this deployment, as many as came together with one read of the rows they need. */
import { isOperating, report } from '../../../lib/runtime/faults.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from './dependencies.ts';
import { Prefetched } from './prefetch.ts';
import { Turn } from './turn.ts';

export interface OwnMessage {
  /** The same when it is sent again: then the same rows are written, and nodes drop what a session has been given. */
  readonly id: string;
  /** It has `from` and `to`. */
  readonly stanza: Stanza;
}

/**
 * Sends all together. If that fails for good, each alone, so that nobody misses anything because of somebody else.
 * @returns how many were sent
 * @throws {Unavailable} when all must be sent again
 */
export async function sendTogether(dependencies: Dependencies, tenant: Tenant, messages: readonly OwnMessage[]): Promise<number> {
  if (messages.length === 0) return 0;
  try {
    await send(dependencies, tenant, messages);
    return messages.length;
  } catch (error) {
    if (isOperating(error)) throw error;
    if (messages.length === 1) {
      report(dependencies.log, error, 'a message of the service cannot be sent');
      return 0;
    }
    let count = 0;
    for (const message of messages) count += await sendTogether(dependencies, tenant, [message]);
    return count;
  }
}

async function send(dependencies: Dependencies, tenant: Tenant, messages: readonly OwnMessage[]): Promise<void> {
  const prefetched = await Prefetched.read(dependencies, tenant, undefined, messages);
  const turns: Turn[] = [];
  for (const { id, stanza } of messages) {
    const { type = '', attributes } = stanza;
    const dedupeKey = `${id} ${type} ${attributes.from}`; // as routers make it of what they are handed
    const turn = new Turn(dependencies, undefined, { dedupeKey, sender: { jid: attributes.from }, prefetched });
    turns.push(turn);
    try {
      await dependencies.route(turn, tenant, stanza, id);
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      turn.bounce(tenant, stanza, error);
    }
  }
  await Turn.finishAll(turns);
}
