/** Tells senders what was not delivered: their errors go to routers, as what a peer says does. */
import { sleep } from '../../../lib/ports/clock.ts';
import { ask, checkDone, isOperating } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { isOfComponent, type PairName } from '../../../lib/runtime/outbox.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { type InboundRequest, inboundAnswer, routerSubject } from '../../../lib/runtime/wire.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { federationLimits } from '../limits.ts';

/** @returns false when the process stops before: the rows are there for the next owner */
export async function tellSenders(
  { bus, clock, ids, log }: Dependencies,
  name: PairName,
  bounces: readonly Buffer[],
  isStopped: () => boolean,
): Promise<boolean> {
  for (let at = 0; at < bounces.length; at += serviceLimits.batchStanzasMax) {
    const bodies = bounces.slice(at, at + serviceLimits.batchStanzasMax);
    const minted = bodies.map(() => ids.mint());
    for (;;) {
      const isFromComponent = isOfComponent(name) ? true : undefined;
      const request: InboundRequest = { kind: 'inbound', domain: name.tenant, ids: minted, at: clock.now(), isFromComponent };
      try {
        const answer = await ask(bus, inboundAnswer, routerSubject, encodeFrame(request, bodies), federationLimits.tellMs);
        clock.observe(answer.take('at'));
        checkDone(answer, routerSubject);
        break;
      } catch (error) {
        if (!isOperating(error)) {
          log.error({ err: error, ...name }, 'cannot tell senders about messages that were not delivered');
          break;
        }
        if (isStopped()) return false;
        await sleep(clock, federationLimits.storeRetryMs);
      }
    }
  }
  return true;
}
