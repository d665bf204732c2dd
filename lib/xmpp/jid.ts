/**
 * RFC 7622: XMPP addresses, `local@domain/resource`.
 *
 * A `Jid` is prepared when it is made, so two addresses are equal exactly when their texts are. The domain is kept as U-labels.
 */
import { isIPv6 } from 'node:net';
import { StanzaError } from './errors.ts';
import { unicodeDomain } from './idna.ts';
import { xmppLimits } from './limits.ts';
import { opaqueString, usernameCaseMapped } from './precis.ts';

/** Longer texts are refused before any mapping: composing (NFC) hardly ever shortens a part to less than half. */
const textCharactersMax = 4 * xmppLimits.jidPartBytesMax;
const partCharactersMax = 2 * xmppLimits.jidPartBytesMax;
/**
 * A label has at most 63 octets in ASCII (RFC 1035 §2.3.4), so no more characters than that; before it is composed, some more.
 */
const labelCharactersMax = 4 * xmppLimits.domainLabelOctetsMax;

function malformed(what: string, text: string): StanzaError {
  const shown = text.length > 64 ? `${text.slice(0, 64)}…` : text;
  return new StanzaError('jid-malformed', `${what}: ${JSON.stringify(shown)}`);
}

/** Refuses hostile lengths before the expensive steps. */
function checkInput(text: string): void {
  if (text.length > partCharactersMax) throw malformed(`longer than ${xmppLimits.jidPartBytesMax} bytes`, text);
}

function checkLength(part: string, what: string): string {
  if (part.length * 3 > xmppLimits.jidPartBytesMax && Buffer.byteLength(part) > xmppLimits.jidPartBytesMax) {
    throw malformed(`${what} is longer than ${xmppLimits.jidPartBytesMax} bytes`, part);
  }
  return part;
}

/** Prepares a localpart (§3.3). @throws {StanzaError} jid-malformed */
function prepareLocal(text: string): string {
  checkInput(text);
  const local = usernameCaseMapped(text);
  // This comes after the mapping, because U+FF20 FULLWIDTH COMMERCIAL AT becomes "@".
  if (local === undefined || /["&'/:<>@]/.test(local)) throw malformed('not a localpart', text);
  return checkLength(local, 'the localpart');
}

/** Prepares a resourcepart (§3.4). @throws {StanzaError} jid-malformed */
function prepareResource(text: string): string {
  checkInput(text);
  const resource = opaqueString(text);
  if (resource === undefined) throw malformed('not a resourcepart', text);
  return checkLength(resource, 'the resourcepart');
}

const asciiDomain = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** Prepares a domainpart (§3.2) with the mapping of UTS 46. @throws {StanzaError} jid-malformed */
function prepareDomain(text: string): string {
  checkInput(text);
  if (asciiDomain.test(text) && !text.includes('xn--')) return checkLength(text, 'the domainpart');
  if (text.startsWith('[')) {
    if (!text.endsWith(']') || text.includes('%') || !isIPv6(text.slice(1, -1))) throw malformed('not an IPv6 address', text);
    return text.toLowerCase();
  }
  if (/^[\0-\x7F]+$/.test(text)) {
    const lower = text.toLowerCase().replace(/\.$/, '');
    if (!asciiDomain.test(lower)) throw malformed('not a domainpart', text);
    if (!/(?:^|\.)xn--/.test(lower)) return checkLength(lower, 'the domainpart');
  }
  // The mapping below costs as much for each character of a long label as for a whole normal name, and such labels are never
  // valid.
  if (text.split(/[.\u3002\uFF0E\uFF61]/).some((label) => label.length > labelCharactersMax))
    throw malformed('not a domainpart', text);
  const domain = unicodeDomain(text);
  if (domain === undefined) throw malformed('not a domainpart', text);
  return checkLength(domain, 'the domainpart');
}

export class Jid {
  /** '' if there is none. */
  readonly local: string;
  readonly domain: string;
  /** '' if there is none. */
  readonly resource: string;
  #text: string | undefined;
  #bare: Jid | undefined;

  /** Takes only prepared parts. */
  private constructor(local: string, domain: string, resource: string) {
    this.local = local;
    this.domain = domain;
    this.resource = resource;
  }

  /** Splits and prepares an address (§3.1). @throws {StanzaError} jid-malformed */
  static parse(text: string): Jid {
    const known = cache.get(text);
    if (known !== undefined) return known;
    if (text.length > textCharactersMax) throw malformed('too long for an address', text);
    const slash = text.indexOf('/');
    const rest = slash < 0 ? text : text.slice(0, slash);
    const at = rest.indexOf('@');
    // An empty part next to its separator is refused when it is prepared.
    const jid = new Jid(
      at < 0 ? '' : prepareLocal(rest.slice(0, at)),
      prepareDomain(rest.slice(at + 1)),
      slash < 0 ? '' : prepareResource(text.slice(slash + 1)),
    );
    if (text.length <= xmppLimits.jidCachedCharactersMax) cache.set(text, jid);
    return jid;
  }

  /** @returns undefined when the text is not an address */
  static tryParse(text: string): Jid | undefined {
    try {
      return Jid.parse(text);
    } catch (error) {
      if (error instanceof StanzaError) return undefined;
      throw error;
    }
  }

  /** Builds an address from parts that are not prepared yet; '' leaves a part out. @throws {StanzaError} jid-malformed */
  static of(local: string, domain: string, resource = ''): Jid {
    if (local.length + domain.length + resource.length > textCharactersMax) throw malformed('too long for an address', domain);
    const known = cache.get(textOf(local, domain, resource));
    if (known !== undefined && known.local === local && known.domain === domain && known.resource === resource) return known;
    return new Jid(
      local === '' ? '' : prepareLocal(local),
      prepareDomain(domain),
      resource === '' ? '' : prepareResource(resource),
    );
  }

  /** The domain in its prepared form. @returns undefined when the text is not one */
  static tryDomain(text: string): string | undefined {
    try {
      return Jid.of('', text).domain;
    } catch (error) {
      if (error instanceof StanzaError) return undefined;
      throw error;
    }
  }

  get bare(): Jid {
    if (this.resource === '') return this;
    this.#bare ??= new Jid(this.local, this.domain, '');
    return this.#bare;
  }

  get isBare(): boolean {
    return this.resource === '';
  }

  get isFull(): boolean {
    return this.resource !== '';
  }

  /** The same address with another resource; '' gives the bare address. @throws {StanzaError} jid-malformed */
  withResource(resource: string): Jid {
    if (resource === '') return this.bare;
    return new Jid(this.local, this.domain, prepareResource(resource));
  }

  equals(other: Jid | undefined): boolean {
    return (
      other === this ||
      (other !== undefined && this.local === other.local && this.domain === other.domain && this.resource === other.resource)
    );
  }

  toString(): string {
    this.#text ??= textOf(this.local, this.domain, this.resource);
    return this.#text;
  }

  toJSON(): string {
    return this.toString();
  }
}

function textOf(local: string, domain: string, resource: string): string {
  return `${local === '' ? '' : `${local}@`}${domain}${resource === '' ? '' : `/${resource}`}`;
}

/** A cache of two generations: an entry that is used again moves to the young one. When that is full, the old one is dropped. */
class JidCache {
  #young = new Map<string, Jid>();
  #old = new Map<string, Jid>();
  readonly #generationMax: number;

  constructor(entriesMax: number) {
    this.#generationMax = Math.max(1, entriesMax >> 1);
  }

  get(text: string): Jid | undefined {
    const young = this.#young.get(text);
    if (young !== undefined) return young;
    const old = this.#old.get(text);
    if (old !== undefined) this.set(text, old);
    return old;
  }

  set(text: string, jid: Jid): void {
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(text, jid);
  }
}

const cache = new JidCache(xmppLimits.jidCacheMax);
