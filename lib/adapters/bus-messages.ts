/**
 * What every adapter of the Bus port checks and copies, so that a mistake shows on a laptop and not first in the cloud.
 */
import { limits } from '../limits.ts';

const subjectForm = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;

/**
 * A wildcard or a line break in a subject would read other tenants' messages or write commands to the server.
 * @throws {TypeError} when it is not tokens of `[A-Za-z0-9_-]` joined by dots
 */
export function checkSubject(subject: string): void {
  if (subject.length > limits.busSubjectCharactersMax || !subjectForm.test(subject)) {
    throw new TypeError(`cannot use subject ${JSON.stringify(subject.slice(0, 300))}: tokens of [A-Za-z0-9_-] joined by dots`);
  }
}

/**
 * A copy, because the sender may use its buffer again before the bus has sent it.
 * @throws {RangeError} above `bytesMax`
 */
export function copyPayload(payload: Uint8Array, bytesMax: number = limits.busPayloadBytesMax): Buffer {
  if (!(payload instanceof Uint8Array)) throw new TypeError('cannot send a payload that is not a Uint8Array');
  if (payload.length > bytesMax) throw new RangeError(`cannot send ${payload.length} bytes: a message has at most ${bytesMax}`);
  return Buffer.from(payload);
}

/** Counters since the bus was opened, for metrics; the last two are what is the case now. */
export interface BusStats {
  /** Publishes, requests and answers given to the medium. */
  sent: number;
  /** Messages given to handlers. */
  received: number;
  /** Could not be sent: no connection, closed, or a full queue; or lost on purpose by chaos. */
  lost: number;
  /** Arrived and were not handled, because too many handlers were running. */
  dropped: number;
  /** Handlers that threw, or answered more than a message can hold. */
  handlerErrors: number;
  /** Requests that got no answer in time. */
  timeouts: number;
  /** Requests that no one served. */
  noResponders: number;
  /** Each may have lost messages on their way here; being cut off as a slow consumer looks no different. */
  disconnects: number;
  requestsUnderWay: number;
  handlersRunning: number;
}

export function zeroStats(): BusStats {
  return {
    sent: 0,
    received: 0,
    lost: 0,
    dropped: 0,
    handlerErrors: 0,
    timeouts: 0,
    noResponders: 0,
    disconnects: 0,
    requestsUnderWay: 0,
    handlersRunning: 0,
  };
}
