/**
 * The gate: cuts a peer's bytes into stream headers, first-level elements and stream ends, and accepts nothing else.
 *
 * It follows RFC 6120 §4 (streams) and §11 (XML usage). `FrameScanner` does the same for WebSocket messages. The caller pushes
 * chunks and pulls events, so that it can stop between two stanzas: for a restart, for back-pressure, or to drop what follows
 * `<starttls/>`. A pushed chunk belongs to the scanner; stanzas are views of it. Bytes are copied only where a stanza spans
 * chunks.
 */
import { StreamError } from './errors.ts';
import { xmppLimits } from './limits.ts';
import { borrowMachine, returnMachine } from './spare-machines.ts';
import { Stanza } from './stanza.ts';
import { classes, SPACE } from './xml-characters.ts';
import { declarationLength } from './xml-declaration.ts';
import type { ElementBounds, Scope } from './xml-element.ts';
import type { XmlMachine } from './xml-machine.ts';

export const NS_STREAM = 'http://etherx.jabber.org/streams';

export interface ScannerBounds extends ElementBounds {
  /** All bytes since the start of the stream or the last `restart()`. Before SASL succeeds this bound is low. */
  readonly streamBytesMax: number;
  /** First-level elements, counted the same way. */
  readonly stanzasMax: number;
}

/** Bounds after authentication. */
export const openBounds: ScannerBounds = {
  stanzaBytesMax: xmppLimits.stanzaBytesMax,
  depthMax: xmppLimits.depthMax,
  attributesMax: xmppLimits.attributesMax,
  elementsMax: xmppLimits.elementsMax,
  nameBytesMax: xmppLimits.nameBytesMax,
  streamBytesMax: Number.POSITIVE_INFINITY,
  stanzasMax: Number.POSITIVE_INFINITY,
};

/** Bounds before authentication. */
export const preauthBounds: ScannerBounds = {
  ...openBounds,
  stanzaBytesMax: xmppLimits.preauthStanzaBytesMax,
  streamBytesMax: xmppLimits.preauthBytesMax,
  stanzasMax: xmppLimits.preauthElementsMax,
};

export interface StreamScannerOptions {
  /**
   * The content namespace that a stream header must declare, if it declares any. Stanzas in it are reported in `jabber:client`.
   */
  readonly contentNs: string;
  readonly bounds: ScannerBounds;
}

/** A peer's `<stream:stream …>` (RFC 6120 §4.7). */
export interface StreamHeader {
  readonly kind: 'open';
  readonly to: string | undefined;
  readonly from: string | undefined;
  readonly id: string | undefined;
  readonly version: string | undefined;
  readonly lang: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  /** All namespace declarations, by prefix; '' is the default namespace. */
  readonly namespaces: ReadonlyMap<string, string>;
}

/** `</stream:stream>` (RFC 6120 §4.4). */
export interface StreamEnd {
  readonly kind: 'close';
}

export type ScannerEvent = StreamHeader | Stanza | StreamEnd;

/** The interface that both framings share. */
export interface Scanner {
  /** Sets new bounds from here on; what was counted stays counted until `restart()`. */
  bounds: ScannerBounds;
  /** Bytes pushed and not yet reported. */
  readonly bufferedBytes: number;
  /** Adds a chunk, which belongs to the scanner from now on. */
  push(chunk: Uint8Array): void;
  /**
   * @returns the next event, or undefined when more bytes are needed
   * @throws {StreamError} after which the scanner must not be used again
   */
  next(): ScannerEvent | undefined;
  /** Expects a new stream (RFC 6120 §4.3.3) and counts from zero. What was pushed and not pulled belongs to the new stream. */
  restart(): void;
  /** Drops what was pushed and not pulled: nothing after `<starttls/>` may count (RFC 6120 §5.4.3.3). */
  discard(): void;
}

const streamEnd: StreamEnd = { kind: 'close' };
const NS_CLIENT = 'jabber:client';
const closingTag = Buffer.from('</stream:stream');
const noBytes = Buffer.alloc(0);
const noScope: Scope = { defaultNs: '', contentNs: '', prefixes: new Map() };

/** Where the scanner stands between two bytes. */
type Place = 'start' | 'prolog' | 'header' | 'between' | 'element' | 'closing' | 'closed';

/** The gate for TCP: elements inside `<stream:stream>` (RFC 6120). */
export class StreamScanner implements Scanner {
  readonly #contentNs: string;
  /** Set only while an element is read; an idle stream has none. */
  #machine: XmlMachine | undefined;
  #bounds: ScannerBounds;
  #scope: Scope = noScope;
  #place: Place = 'start';
  /** White space before the declaration is allowed: it belongs to the previous stream. */
  #mayFollowSpace = false;

  #buffer: Buffer = noBytes;
  /** The offset where the current element began; equal to `#at` between elements. */
  #base = 0;
  #at = 0;
  #end = 0;
  /** Whether bytes may be appended after `#end`, because the buffer is our own. */
  #isOwn = false;
  /** The header was `<stream:stream/>`, so its end must still be reported. */
  #isEndDue = false;

  #bytesBefore = 0;
  #stanzas = 0;

  constructor(options: StreamScannerOptions) {
    this.#contentNs = options.contentNs;
    this.#bounds = options.bounds;
  }

  get bounds(): ScannerBounds {
    return this.#bounds;
  }

  set bounds(bounds: ScannerBounds) {
    this.#bounds = bounds;
    if (this.#machine !== undefined) this.#machine.bounds = bounds;
  }

  get bufferedBytes(): number {
    return this.#end - this.#base;
  }

  restart(): void {
    this.#place = 'start';
    this.#mayFollowSpace = true;
    this.#stanzas = 0;
    this.#bytesBefore = -this.#at;
    this.#base = this.#at;
  }

  discard(): void {
    this.#bytesBefore += this.#at;
    this.#buffer = noBytes;
    this.#base = 0;
    this.#at = 0;
    this.#end = 0;
    this.#isOwn = false;
  }

  next(): ScannerEvent | undefined {
    if (this.#isEndDue) {
      this.#isEndDue = false;
      this.#place = 'closed';
      return streamEnd;
    }
    const end = Math.min(this.#end, this.#bounds.streamBytesMax - this.#bytesBefore);
    const event = this.#pull(end);
    if (event === undefined && end < this.#end) {
      throw new StreamError('policy-violation', `${this.#bounds.streamBytesMax} bytes are allowed at this point`);
    }
    // Bytes that were read belong to their stanzas; an idle stream keeps nothing of them.
    if (event === undefined && this.#base === this.#end && this.#end > 0) this.discard();
    return event;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const kept = this.#end - this.#base;
    if (kept === 0) {
      this.#bytesBefore += this.#at;
      this.#buffer = bytes;
      this.#base = 0;
      this.#at = 0;
      this.#end = bytes.length;
      this.#isOwn = false;
      return;
    }
    if (!this.#isOwn || this.#buffer.length - this.#end < bytes.length) {
      // Doubling keeps the cost linear when a peer sends byte by byte. The old memory is never reused: stanzas may be views of
      // it.
      const larger = Buffer.allocUnsafeSlow(Math.max(kept + bytes.length, kept * 2));
      this.#buffer.copy(larger, 0, this.#base, this.#end);
      this.#bytesBefore += this.#base;
      this.#at -= this.#base;
      this.#end = kept;
      this.#base = 0;
      this.#buffer = larger;
      this.#isOwn = true;
    }
    bytes.copy(this.#buffer, this.#end);
    this.#end += bytes.length;
  }

  #pull(end: number): ScannerEvent | undefined {
    for (;;) {
      switch (this.#place) {
        case 'start':
        case 'prolog': {
          if (!this.#skipProlog(end)) return undefined;
          break;
        }
        case 'header':
          return this.#header(end);
        case 'between': {
          if (!this.#skipBetween(end)) return undefined;
          break;
        }
        case 'element':
          return this.#element(end);
        case 'closing': {
          if (!this.#readClosing(end)) return undefined;
          this.#place = 'closed';
          return streamEnd;
        }
        default: {
          this.#skipSpace(end);
          if (this.#at < end) throw new StreamError('not-well-formed', 'data after the end of the stream');
          return undefined;
        }
      }
    }
  }

  #skipSpace(end: number): void {
    let at = this.#at;
    while (at < end && (classes[this.#buffer[at]!]! & SPACE) !== 0) at += 1;
    this.#at = at;
    this.#base = at;
  }

  /**
   * Skips an XML declaration at the very start, then white space. Some clients end each line with a newline, so a restarted
   * stream may begin with the white space that follows the element which restarted it, as it may follow any element (RFC 6120
   * §4.6.1).
   * @returns whether an opening tag begins
   */
  #skipProlog(end: number): boolean {
    if (this.#place === 'start') {
      if (this.#mayFollowSpace) this.#skipSpace(end);
      if (this.#base === end) return false;
      const first = this.#buffer[this.#base]!;
      // UTF-16 and UTF-32 begin with a zero or a byte order mark; UTF-8 must not have one (RFC 6120 §11.6).
      if (first >= 0xfe || first === 0) throw new StreamError('unsupported-encoding', 'UTF-8 only');
      if (first === 0x3c) {
        const length = declarationLength(this.#buffer, this.#base, end);
        if (length < 0) return false;
        this.#at = this.#base + length;
        this.#base = this.#at;
      }
      this.#place = 'prolog';
    }
    this.#skipSpace(end);
    if (this.#at === end) return false;
    this.#begin('header');
    return true;
  }

  #skipBetween(end: number): boolean {
    if (this.#at === this.#base) {
      this.#skipSpace(end);
      if (this.#at === end) return false;
      if (this.#buffer[this.#at] !== 0x3c) throw new StreamError('bad-format', 'there is text between stanzas');
      this.#at += 1;
    }
    if (this.#at === end) return false;
    if (this.#buffer[this.#at] === 0x2f) {
      this.#place = 'closing';
      return true;
    }
    this.#at = this.#base;
    this.#begin('element');
    this.#stanzas += 1;
    if (this.#stanzas > this.#bounds.stanzasMax) {
      throw new StreamError('policy-violation', `${this.#bounds.stanzasMax} elements are allowed at this point`);
    }
    return true;
  }

  #begin(place: 'header' | 'element'): void {
    if (this.#buffer[this.#at] !== 0x3c) throw new StreamError('not-well-formed', 'there is text outside of the stream');
    this.#at += 1;
    this.#machine = borrowMachine(this.#bounds, place === 'header' ? noScope : this.#scope);
    this.#place = place;
  }

  #readClosing(end: number): boolean {
    for (;;) {
      if (this.#at === end) return false;
      const index = this.#at - this.#base;
      const byte = this.#buffer[this.#at]!;
      if (index < closingTag.length) {
        if (byte !== closingTag[index]) throw new StreamError('not-well-formed', 'a closing tag that matches no opening one');
      } else if (byte !== 0x3e) {
        if ((classes[byte]! & SPACE) === 0) throw new StreamError('not-well-formed', 'a closing tag that matches no opening one');
        if (index > this.#bounds.nameBytesMax) throw new StreamError('policy-violation', 'a closing tag is too long');
      }
      this.#at += 1;
      if (byte === 0x3e) {
        this.#base = this.#at;
        return true;
      }
    }
  }

  #header(end: number): StreamHeader | undefined {
    const machine = this.#machine!;
    const headerEnd = machine.scan(this.#buffer, this.#base, this.#at, end, true);
    if (headerEnd < 0) {
      this.#at = end;
      return undefined;
    }
    const isEmpty = machine.isEmptyTag;
    const element = this.#take(machine, headerEnd);
    const { attributes, namespaces } = element;
    this.#scope = this.#checkHeader(element);
    this.#place = 'between';
    this.#isEndDue = isEmpty;
    return {
      kind: 'open',
      to: attributes.to,
      from: attributes.from,
      id: attributes.id,
      version: attributes.version,
      lang: attributes['xml:lang'],
      attributes,
      namespaces,
    };
  }

  /** Checks a stream header (RFC 6120 §4.8). @returns what stanzas inherit */
  #checkHeader(header: Stanza): Scope {
    const { namespaces } = header;
    if (header.ns !== NS_STREAM)
      throw new StreamError('invalid-namespace', `a stream header must be in the namespace ${NS_STREAM}`);
    // §4.8.5 allows a server to insist on the prefix that everybody uses.
    if (namespaces.get('stream') !== NS_STREAM || !header.isPrefixed) {
      throw new StreamError('bad-namespace-prefix', 'the prefix of the stream header must be "stream"');
    }
    if (header.name !== 'stream') throw new StreamError('bad-format', 'a stream must begin with <stream:stream>');
    const declared = namespaces.get('');
    if (declared !== undefined && declared !== this.#contentNs) {
      throw new StreamError('invalid-namespace', `the content namespace must be ${this.#contentNs}`);
    }
    const prefixes = new Map(namespaces);
    prefixes.delete('');
    return { defaultNs: declared === undefined ? '' : NS_CLIENT, contentNs: this.#contentNs, prefixes };
  }

  #element(end: number): Stanza | undefined {
    const machine = this.#machine!;
    const elementEnd = machine.scan(this.#buffer, this.#base, this.#at, end);
    if (elementEnd < 0) {
      this.#at = end;
      return undefined;
    }
    const stanza = this.#take(machine, elementEnd);
    this.#place = 'between';
    checkStanza(stanza);
    return stanza;
  }

  #take(machine: XmlMachine, end: number): Stanza {
    const stanza = new Stanza(this.#buffer.subarray(this.#base, end), machine.finish(), this.#scope);
    returnMachine(machine);
    this.#machine = undefined;
    this.#at = end;
    this.#base = end;
    return stanza;
  }
}

/** Checks what must hold for every first-level element, in either framing. @throws {StreamError} */
export function checkStanza(stanza: Stanza): void {
  if (stanza.ns === '') throw new StreamError('invalid-namespace', 'an element must be in a namespace');
  // DEVIATION: RFC 6120 §4.8.3 lets a peer bind the content namespace to a prefix. Nobody does, and all code behind the gate is
  // simpler.
  if (stanza.ns === NS_CLIENT && stanza.isPrefixed) {
    throw new StreamError('bad-namespace-prefix', 'stanzas must not have a prefix');
  }
}
