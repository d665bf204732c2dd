/**
 * Asks DNS for addresses and SRV records, and keeps answers for their TTL. Node's own resolver tells no TTL of SRV records, and takes no
 * bounds. Validation (DNSSEC) is left to the name server; nothing here trusts the AD bit.
 */
import { Resolver as SystemResolver } from 'node:dns';
import { isIP } from 'node:net';
import type { Answer, DecodedPacket } from 'dns-packet';
import type { Clock } from '../../../lib/ports/clock.ts';
import { Unavailable } from '../../../lib/ports/store.ts';
import { FairQueue, Overloaded } from '../../../lib/runtime/fair-queue.ts';
import { type DnsQuestion, exchange, type NameServer, responseCode, responseCodes } from './dns-exchange.ts';
import { NoSuchDomain } from './errors.ts';
import { findingLimits } from './limits.ts';

export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** A-labels, lower case; '' for ".", which says that there is no such service. */
  readonly target: string;
}

export interface ResolverOptions {
  readonly clock: Clock;
  /** Such as `192.0.2.1`, `192.0.2.1:5353` or `[2001:db8::1]:53`; none: those of the system. */
  readonly servers?: readonly string[];
}

interface Kept {
  readonly found: Found;
  /** On the monotonic clock. */
  readonly untilMs: number;
}

/** What an answer says: records as `dns-packet` reads them, for some time. None is not an error, whether the name exists or not. */
interface Found {
  readonly answers: readonly Answer[];
  readonly ttlMs: number;
  /** Why the answer cannot be used. */
  readonly fault?: string;
}

const dnsPort = 53;

export class Resolver {
  readonly #clock: Clock;
  readonly #given: readonly NameServer[] | undefined;
  #system: { readonly servers: readonly NameServer[]; readonly atMs: number } | undefined;
  readonly #kept = new Map<string, Kept>();
  readonly #underWay = new Map<string, Promise<Found>>();
  readonly #queue = new FairQueue({
    atOnceMax: findingLimits.dnsQuestionsAtOnceMax,
    waitingMax: findingLimits.dnsQuestionsWaitingMax,
    waitingPerPathMax: findingLimits.dnsQuestionsWaitingPerNameMax,
  });

  /** @throws {TypeError} when a server cannot be read */
  constructor({ clock, servers = [] }: ResolverOptions) {
    this.#clock = clock;
    if (servers.length > 0) this.#given = servers.map(readNameServer);
  }

  /**
   * @param name A-labels, lower case, no dot at the end
   * @throws {Unavailable} @throws {NoSuchDomain} when what DNS says cannot be used
   */
  async addresses(name: string, family: 4 | 6): Promise<readonly string[]> {
    const { answers } = await this.#find({ name, type: family === 4 ? 'A' : 'AAAA' });
    const records = answers.flatMap((answer) =>
      'data' in answer && isIP(String(answer.data)) === family ? [String(answer.data)] : [],
    );
    return records.slice(0, findingLimits.addressesMax);
  }

  /** @param name such as `_xmpp-server._tcp.example.org` @throws as {@link addresses} */
  async services(name: string): Promise<readonly SrvRecord[]> {
    const { answers } = await this.#find({ name, type: 'SRV' });
    if (answers.length > findingLimits.srvRecordsMax) throw new NoSuchDomain(`${name} has ${answers.length} SRV records`);
    return answers.flatMap(srvRecord);
  }

  /** Follows aliases from one answer to the next. */
  async #find(question: DnsQuestion): Promise<Found> {
    let { name } = question;
    for (let hops = 0; hops <= findingLimits.dnsAliasesMax; hops++) {
      const found = await this.#look({ ...question, name });
      if (found.fault !== undefined) throw new NoSuchDomain(found.fault);
      const [first] = found.answers;
      if (first?.type !== 'CNAME') return found;
      name = lowerCase(first.data);
    }
    throw new NoSuchDomain(`the aliases of ${question.name} do not end`);
  }

  #look(question: DnsQuestion): Promise<Found> {
    const key = `${question.type} ${question.name}`;
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    if (kept !== undefined && kept.untilMs > this.#clock.monotonic()) {
      this.#kept.set(key, kept); // the last used
      return Promise.resolve(kept.found);
    }
    const running = this.#underWay.get(key);
    if (running !== undefined) return running;
    const asked = this.#ask(question, key).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, asked);
    return asked;
  }

  async #ask(question: DnsQuestion, key: string): Promise<Found> {
    try {
      const found = await this.#queue.run([question.name], () => this.#askServers(question));
      this.#kept.set(key, { found, untilMs: this.#clock.monotonic() + found.ttlMs });
      if (this.#kept.size > findingLimits.dnsAnswersMax) this.#kept.delete(this.#kept.keys().next().value!);
      return found;
    } catch (error) {
      if (error instanceof Overloaded) throw new Unavailable('too many questions to DNS wait already');
      throw error;
    }
  }

  async #askServers(question: DnsQuestion): Promise<Found> {
    let failure = 'this system has no name server';
    for (let round = 0; round < findingLimits.dnsRoundsMax; round++) {
      for (const server of this.#servers()) {
        try {
          const packet = await exchange(this.#clock, server, question);
          const code = responseCode(packet);
          if (code === responseCodes.noError || code === responseCodes.nameError) return readAnswer(packet, question);
          failure = `the name server ${server.address} answered with code ${code}`;
        } catch (error) {
          if (error instanceof NoSuchDomain) return unusable(`${error.message} about ${question.name}`);
          if (!(error instanceof Unavailable)) throw error;
          failure = error.message;
        }
      }
    }
    throw new Unavailable(`DNS did not say what ${question.name} is: ${failure}`);
  }

  #servers(): readonly NameServer[] {
    if (this.#given !== undefined) return this.#given;
    const now = this.#clock.monotonic();
    if (this.#system === undefined || now - this.#system.atMs > findingLimits.dnsServersMs) {
      // A new one reads the system's configuration again.
      const servers = new SystemResolver().getServers().slice(0, findingLimits.dnsServersMax).map(readNameServer);
      this.#system = { servers, atMs: now };
    }
    return this.#system.servers;
  }
}

/** @throws {TypeError} */
function readNameServer(text: string): NameServer {
  if (isIP(text) !== 0) return { address: text, port: dnsPort };
  const withPort = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? /^([^:]+):(\d{1,5})$/.exec(text);
  const [, address = '', given] = withPort ?? [];
  const port = given === undefined ? dnsPort : Number(given);
  if (isIP(address) === 0 || port < 1 || port > 65_535)
    throw new TypeError(`'${text}' is not a name server; one is, for example, 192.0.2.1 or [2001:db8::1]:53`);
  return { address, port };
}

/** The records at the end of the aliases that the answer has; when it has only aliases, the last of them. */
function readAnswer(packet: DecodedPacket, { name, type }: DnsQuestion): Found {
  const exists = responseCode(packet) === responseCodes.noError;
  const answers = packet.answers ?? [];
  let owner = name;
  let alias: Answer | undefined;
  let aliasTtl = Number.POSITIVE_INFINITY;
  for (let hops = 0; hops <= findingLimits.dnsAliasesMax; hops++) {
    const ofOwner = answers.filter((answer) => lowerCase(answer.name) === owner);
    const records = ofOwner.filter((answer) => answer.type === type);
    if (records.length > 0) return { answers: records, ttlMs: ttlOf([...records], aliasTtl) };
    const next = ofOwner.find((answer) => answer.type === 'CNAME');
    if (next?.type !== 'CNAME') {
      const isLost = alias !== undefined && exists && soaOf(packet) === undefined; // the server leaves the rest to us
      return isLost ? { answers: [alias!], ttlMs: bounded(aliasTtl) } : { answers: [], ttlMs: nothingTtl(packet, aliasTtl) };
    }
    alias = next;
    aliasTtl = Math.min(aliasTtl, secondsOf(next.ttl));
    owner = lowerCase(next.data);
  }
  return unusable(`the aliases of ${name} do not end`);
}

/** It is kept like others, so that nobody is asked again with each message. */
function unusable(fault: string): Found {
  return { answers: [], ttlMs: findingLimits.dnsAnswerMinMs, fault };
}

function soaOf(packet: DecodedPacket) {
  return packet.authorities?.find((record) => record.type === 'SOA');
}

/** RFC 2308 §5. */
function nothingTtl(packet: DecodedPacket, aliasTtl: number): number {
  const soa = soaOf(packet);
  const seconds = soa?.type === 'SOA' ? Math.min(secondsOf(soa.ttl), secondsOf(soa.data.minimum), aliasTtl) : 0;
  return Math.min(bounded(seconds), findingLimits.dnsNothingMaxMs);
}

function ttlOf(records: readonly Answer[], aliasTtl: number): number {
  return bounded(Math.min(aliasTtl, ...records.map((record) => ('ttl' in record ? secondsOf(record.ttl) : 0))));
}

/** RFC 2181 §8: the first bit of 32 is not set. */
function secondsOf(ttl: number | undefined): number {
  return ttl === undefined || ttl > 0x7fff_ffff ? 0 : ttl;
}

function bounded(seconds: number): number {
  return Math.min(Math.max(seconds * 1_000, findingLimits.dnsAnswerMinMs), findingLimits.dnsAnswerMaxMs);
}

function srvRecord(answer: Answer): SrvRecord[] {
  if (answer.type !== 'SRV') return [];
  const { priority = 0, weight = 0, port, target } = answer.data;
  return [{ priority, weight, port, target: target === '.' ? '' : lowerCase(target) }];
}

function lowerCase(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
