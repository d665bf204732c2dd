/**
 * The gate for WebSocket (RFC 7395 §3.3.3): each message is one complete element, optionally after an XML declaration, and begins
 * with `<`. So white space cannot keep a stream alive here (§3.8 says to use pings). It accepts what `StreamScanner` accepts
 * between two stream headers.
 */
import { StreamError } from './errors.ts';
import { checkStanza, type Scanner, type ScannerBounds } from './scanner.ts';
import { Stanza } from './stanza.ts';
import { declarationLength } from './xml-declaration.ts';

export class FrameScanner implements Scanner {
  bounds: ScannerBounds;
  /** The caller bounds this queue: it must not push while `bufferedBytes` grows. */
  readonly #frames: Buffer[] = [];
  #bufferedBytes = 0;
  #bytes = 0;
  #stanzas = 0;

  constructor(options: { readonly bounds: ScannerBounds }) {
    this.bounds = options.bounds;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Adds one whole message. */
  push(frame: Uint8Array): void {
    this.#frames.push(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
    this.#bufferedBytes += frame.length;
  }

  restart(): void {
    this.#bytes = 0;
    this.#stanzas = 0;
  }

  discard(): void {
    this.#frames.length = 0;
    this.#bufferedBytes = 0;
  }

  next(): Stanza | undefined {
    const frame = this.#frames.shift();
    if (frame === undefined) return undefined;
    this.#bufferedBytes -= frame.length;
    this.#bytes += frame.length;
    if (this.#bytes > this.bounds.streamBytesMax) {
      throw new StreamError('policy-violation', `${this.bounds.streamBytesMax} bytes are allowed at this point`);
    }
    return this.#read(frame);
  }

  #read(frame: Buffer): Stanza {
    if (frame[0] !== 0x3c) throw new StreamError('not-well-formed', 'a WebSocket message begins with "<" (RFC 7395 §3.3.3)');
    const skipped = declarationLength(frame, 0, frame.length);
    if (skipped < 0) throw new StreamError('not-well-formed', 'the message is not an element');
    this.#stanzas += 1;
    if (this.#stanzas > this.bounds.stanzasMax) {
      throw new StreamError('policy-violation', `${this.bounds.stanzasMax} elements are allowed at this point`);
    }
    const stanza = Stanza.parse(frame.subarray(skipped), { defaultNs: '', bounds: this.bounds });
    checkStanza(stanza);
    return stanza;
  }
}
