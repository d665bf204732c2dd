/** How the console asks a router who somebody is. */
import type { Bus } from '../ports/bus.ts';
import { type ConsoleReply, type ConsoleRequest, consoleAnswer } from './console-wire.ts';
import { ask } from './faults.ts';
import { encodeFrame } from './frame.ts';
import { routerSubject } from './wire.ts';

/** @throws {Unavailable} when no router, or no store, answers in time. @throws {RemoteFault} when the router failed */
export async function askConsole(bus: Bus, asked: Omit<ConsoleRequest, 'kind'>, timeoutMs: number): Promise<ConsoleReply> {
  const request: ConsoleRequest = { kind: 'console', ...asked };
  const reply = await ask(bus, consoleAnswer, routerSubject, encodeFrame(request), timeoutMs);
  return { who: reply.take('who'), error: reply.take('error'), isFailure: reply.take('isFailure') };
}
