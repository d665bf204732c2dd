/**
 * Checks and copies that every adapter of the Bus port makes, so that a mistake shows on a laptop and not only in the cloud.
 */
import { portLimits } from '../ports/limits.ts';

const subjectForm = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;

/**
 * Checks a subject: with a wildcard it would read other tenants' messages, and with a line break it would send commands to the
 * server.
 * @throws {TypeError} unless it is tokens of `[A-Za-z0-9_-]` joined by dots
 */
export function checkSubject(subject: string): void {
  if (subject.length > portLimits.busSubjectCharactersMax || !subjectForm.test(subject)) {
    throw new TypeError(`cannot use subject ${JSON.stringify(subject.slice(0, 300))}: tokens of [A-Za-z0-9_-] joined by dots`);
  }
}

/**
 * Copies the payload, because the sender may reuse its buffer before the bus has sent it.
 * @throws {RangeError} above `bytesMax`
 */
export function copyPayload(payload: Uint8Array, bytesMax: number = portLimits.busPayloadBytesMax): Buffer {
  if (!(payload instanceof Uint8Array)) throw new TypeError('cannot send a payload that is not a Uint8Array');
  if (payload.length > bytesMax) throw new RangeError(`cannot send ${payload.length} bytes: a message has at most ${bytesMax}`);
  return Buffer.from(payload);
}

/** Counters since the bus was opened, for metrics. The last two are current values. */
export interface BusStats {
  /** Publishes, requests and answers given to the medium. */
  sent: number;
  /** Messages given to handlers. */
  received: number;
  /** Messages that could not be sent (no connection, closed, or a full queue) or that chaos dropped on purpose. */
  lost: number;
  /** Messages that arrived but were not handled, because too many handlers were running. */
  dropped: number;
  /** Handlers that threw, or answered more than a message can hold. */
  handlerErrors: number;
  /** Requests that got no answer in time. */
  timeouts: number;
  /** Requests whose subject nobody served. */
  noResponders: number;
  /** Lost connections. Each may have lost messages on their way here. Being cut off as a slow consumer looks the same. */
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
