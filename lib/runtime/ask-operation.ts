/** How the command line and the REST API ask a router for an operation. */
import type { Bus } from '../ports/bus.ts';
import { type AdminReply, type AdminRequest, adminAnswer } from './admin-wire.ts';
import { ask } from './faults.ts';
import { encodeFrame } from './frame.ts';
import { routerSubject } from './wire.ts';

/** @throws {Unavailable} when no router, or no store, answers in time. @throws {RemoteFault} when the router failed */
export async function askOperation(bus: Bus, asked: Omit<AdminRequest, 'kind'>, timeoutMs: number): Promise<AdminReply> {
  const request: AdminRequest = { kind: 'admin', ...asked };
  const reply = await ask(bus, adminAnswer, routerSubject, encodeFrame(request), timeoutMs);
  return {
    ...{ ok: reply.take('ok'), error: reply.take('error'), result: reply.take('result'), refusal: reply.take('refusal') },
    isReplayed: reply.take('isReplayed'),
  };
}
