/**
 * Errors are of three kinds, and what happens next depends on the kind alone:
 *
 *     protocol     StanzaError, StreamError, SaslFailure   answered at once with its condition; trying again gives the same
 *     operating    Unavailable, Conflict                   tried again, and answered `wait` when that does not help
 *     programming  everything else                         logged once, counted, and `internal-server-error` for that stanza alone
 *
 * A handler on the bus that throws would answer nothing, and whoever asked would take that for a part that is away and try again. So
 * {@link answering} tells the asker the kind, and {@link ask} throws an error of the same kind there.
 */
import type { Logger } from 'pino';
import type { Bus, BusHandler } from '../ports/bus.ts';
import { Conflict, Unavailable } from '../ports/store.ts';
import { SaslFailure, StanzaError, StreamError } from '../xmpp/errors.ts';
import type { Answer, AnswerKind } from './answer.ts';
import { decodeFrame, encodeFrame } from './frame.ts';
import type { DoneReply, Fault } from './wire.ts';

/** A programming error in another process, which has logged it. */
export class RemoteFault extends Error {
  override name = 'RemoteFault';
}

export function kindOf(error: unknown): Fault['kind'] {
  if (error instanceof Unavailable || error instanceof Conflict) return 'operating';
  if (error instanceof StanzaError || error instanceof StreamError || error instanceof SaslFailure) return 'protocol';
  return 'programming';
}

/** Trying again may help. */
export function isOperating(error: unknown): boolean {
  return kindOf(error) === 'operating';
}

let programmingErrors = 0;
const reported = new WeakSet<object>();

/** How many there were in this process, for the metric `Faults`. */
export function countProgrammingErrors(): number {
  return programmingErrors;
}

/** Logs and counts a programming error, once, however many borders it crosses. Errors of the other kinds are nobody's mistake. */
export function report(log: Logger, error: unknown, message: string, about: Readonly<Record<string, unknown>> = {}): void {
  if (kindOf(error) !== 'programming' || error instanceof RemoteFault) return;
  if (typeof error === 'object' && error !== null) {
    if (reported.has(error)) return;
    reported.add(error);
  }
  programmingErrors++;
  log.error({ err: error, ...about }, message);
}

/** What the sender of a stanza is told (RFC 6120 §8.3). */
export function toStanzaError(error: unknown): StanzaError {
  if (error instanceof StanzaError) return error;
  if (isOperating(error)) return new StanzaError('resource-constraint', 'the service is busy; try again in a moment');
  // The stanza had passed a stream; what was made of it is more than the services take.
  if (error instanceof StreamError) return new StanzaError('not-acceptable', error.text ?? error.condition);
  return new StanzaError('internal-server-error');
}

function toFault(error: unknown): Fault {
  const kind = kindOf(error);
  const text = error instanceof Error ? error.message : String(error);
  if (kind !== 'protocol') return { kind, text };
  const { condition, type, text: own, uri, by } = toStanzaError(error);
  return { kind, condition, type, text: own, uri, by };
}

/** The error that the other side threw, or one of its kind. */
function fromFault({ kind, condition, type, text, uri, by }: Fault): Error {
  if (kind === 'operating') return new Unavailable(text ?? 'another service is busy');
  if (kind === 'protocol' && condition !== undefined) return new StanzaError(condition, text, { type, uri, by });
  return new RemoteFault(text ?? 'another service failed');
}

/** A handler whose errors are answered too. What returns undefined answers nothing. */
export function answering(log: Logger, handle: BusHandler): BusHandler {
  const failed = (error: unknown, subject: string): Uint8Array => {
    report(log, error, 'a request on the bus failed', { subject });
    return encodeFrame({ ok: false, fault: toFault(error) });
  };
  return (payload, subject) => {
    try {
      const answer = handle(payload, subject);
      return answer instanceof Promise ? answer.catch((error: unknown) => failed(error, subject)) : answer;
    } catch (error) {
      return failed(error, subject);
    }
  };
}

/** @throws {Unavailable} when the request is to come again */
export function checkDone(answer: Answer<DoneReply>, subject: string): void {
  const [ok, error] = [answer.take('ok'), answer.take('error')];
  if (!ok) throw new Unavailable(`${subject} answered: ${error}`);
}

/** Requests, and throws what the other side has thrown. @throws {Unavailable} when nobody answers */
export function ask<Fields extends object>(
  bus: Bus,
  kind: AnswerKind<Fields>,
  subject: string,
  payload: Uint8Array,
  timeoutMs: number,
): Promise<Answer<Fields>> {
  return bus.request(subject, payload, { timeoutMs }).then((answer) => {
    const frame = decodeFrame<Fields & { readonly fault?: Fault }>(answer);
    if (frame.header.fault !== undefined) throw fromFault(frame.header.fault);
    return kind.of(frame);
  });
}
