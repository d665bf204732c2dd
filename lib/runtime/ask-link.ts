/** How the pages for a tenant's people ask a router about a link. */
import type { Bus } from '../ports/bus.ts';
import { Unavailable } from '../ports/store.ts';
import { ask } from './faults.ts';
import { encodeFrame } from './frame.ts';
import { type LinkReply, type LinkRequest, linkAnswer } from './invite-wire.ts';
import { routerSubject } from './wire.ts';

/** @throws {Unavailable} when no router, or no store, answers in time */
export async function askLink(
  bus: Bus,
  asked: Omit<LinkRequest, 'kind'>,
  timeoutMs: number,
): Promise<Omit<LinkReply, 'isFailure'>> {
  const request: LinkRequest = { kind: 'link', ...asked };
  const reply = await ask(bus, linkAnswer, routerSubject, encodeFrame(request), timeoutMs);
  if (reply.take('isFailure')) throw new Unavailable('the router failed');
  return { view: reply.take('view'), account: reply.take('account'), error: reply.take('error') };
}
