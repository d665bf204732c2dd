/**
 * XEP-0060 §12.4: notifications that come back. Who is not there any more is subscribed no more; who cannot be reached for long, neither. Only
 * the subscriber itself can say so, because the address is proved.
 */
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { HostContext } from '../core/host.ts';
import { pubsubLimits } from '../pep/limits.ts';
import { findNode } from '../pep/nodes.ts';
import { changeSubscriber, type Subscriber } from '../pep/subscriptions.ts';
import { isAbout } from './fan-out-rows.ts';
import { ServicePlace } from './service-place.ts';

/** Nobody is there, or does not want to be told. */
const final: ReadonlySet<string> = new Set(['gone', 'item-not-found', 'jid-malformed', 'service-unavailable']);

export async function takeRefusal(host: HostContext, message: Stanza): Promise<void> {
  const from = message.from!;
  const place = new ServicePlace(host, from);
  const [condition] = message.child('error', 'jabber:client')?.getChildElements() ?? [];
  const isFinal = final.has(condition?.getName() ?? '');
  const now = host.turn.dependencies.clock.timeOfDay();
  for (const name of await place.namesFor(from)) {
    if (!isAbout(message.id, name)) continue;
    const holder = place.holder(name);
    const node = await findNode(holder, name);
    if (node === undefined) continue;
    let hasEnded = false;
    await changeSubscriber(holder, node, from.toString(), (subscriber) => {
      const next = isFinal ? undefined : refusedOnce(subscriber, now);
      hasEnded = next === undefined;
      return next;
    });
    if (hasEnded) await place.unrelate(Jid.of(from.local, from.domain), node);
  }
}

/** @returns undefined when it was once too often */
function refusedOnce(subscriber: Subscriber, now: number): Subscriber | undefined {
  const { refused } = subscriber;
  const isRecent = refused !== undefined && now - refused.at < pubsubLimits.refusalKeptMs;
  const count = (isRecent ? refused.count : 0) + 1;
  return count > pubsubLimits.refusalsMax ? undefined : { ...subscriber, refused: { count, at: now } };
}
