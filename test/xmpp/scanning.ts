/** What the scanner's tests share: a stream around a body, every event of it, and the verdict. */
import { StreamError } from '../../lib/xmpp/errors.ts';
import { openBounds, type ScannerBounds, type ScannerEvent, StreamScanner } from '../../lib/xmpp/scanner.ts';

export const header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
export const footer = '</stream:stream>';

export interface Outcome {
  readonly events: ScannerEvent[];
  /** The condition of the StreamError that ended it. */
  readonly condition: string | undefined;
}

function bytesOf(input: string | Uint8Array): Buffer {
  return typeof input === 'string' ? Buffer.from(input) : Buffer.from(input);
}

/** Pushes the chunks one by one and pulls all events after each. */
export function scanChunks(
  chunks: readonly Uint8Array[],
  bounds: ScannerBounds = openBounds,
  contentNs = 'jabber:client',
): Outcome {
  const scanner = new StreamScanner({ contentNs, bounds });
  const events: ScannerEvent[] = [];
  try {
    for (const chunk of chunks) {
      scanner.push(chunk);
      for (let event = scanner.next(); event !== undefined; event = scanner.next()) events.push(event);
    }
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    return { events, condition: error.condition };
  }
  return { events, condition: undefined };
}

export function scanAll(input: string | Uint8Array, bounds?: ScannerBounds, contentNs?: string): Outcome {
  return scanChunks([bytesOf(input)], bounds, contentNs);
}

/** Events as plain data, to compare. */
export function describe(outcome: Outcome): unknown {
  return {
    condition: outcome.condition,
    events: outcome.events.map((event) =>
      event.kind === 'stanza'
        ? {
            name: event.name,
            ns: event.ns,
            attributes: { ...event.attributes },
            namespaces: [...event.namespaces],
            children: event.children.map((child) => ({ ...child })),
            bytes: event.bytes.toString('latin1'),
            payload: event.payload().toString('latin1'),
          }
        : event.kind === 'open'
          ? { ...event, attributes: { ...event.attributes }, namespaces: [...event.namespaces] }
          : event,
    ),
  };
}
