/**
 * Finds and dials the server of a domain: RFC 6120 §3.2, XEP-0368, RFC 2782, RFC 8305. Every address is checked by the guard when it is
 * dialled. Names are looked up in the system's file of hosts first, as the system itself does.
 */
import { isIP, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Clock } from '../../../lib/ports/clock.ts';
import { Unavailable } from '../../../lib/ports/store.ts';
import { AddressGuard, type ListenAddress } from './address-guard.ts';
import { AddressRace, type Dialled } from './address-race.ts';
import { type Attempt, dial } from './dial.ts';
import { Forbidden, NoSuchDomain, Unreachable } from './errors.ts';
import { HostsFile, systemHostsFile } from './hosts-file.ts';
import { findingLimits } from './limits.ts';
import type { Resolver } from './resolver.ts';
import { findTargets, ownTargets, type Target, type Targets } from './targets.ts';

export interface Connected {
  /** TCP is connected, and nothing was sent or read. It belongs to whoever asked for it. Once there is TLS on it, destroy only TLS. */
  readonly socket: Socket;
  readonly target: Target;
  /** What was dialled. */
  readonly address: string;
  /** Closes the socket, if nobody has. @param why what went wrong with TLS or the stream, in words, for the message of {@link Unreachable} */
  giveUp(why: string): void;
}

export interface FinderOptions {
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly log: Logger;
  /** CIDR blocks that the guard lets through, such as `10.0.0.0/8`. */
  readonly networks?: readonly string[];
  /** Where this process listens: it never dials itself. */
  readonly ownAddresses?: () => readonly ListenAddress[];
  readonly hostsFile?: string;
}

/** What went wrong, and which kind of error it is if nothing else went wrong. */
interface Failure {
  readonly kind: 'unreachable' | 'unavailable' | 'forbidden' | 'nothing';
  readonly text: string;
}

const loopback: Readonly<Record<4 | 6, readonly string[]>> = { 4: ['127.0.0.1'], 6: ['::1'] };

export class Finder {
  readonly #resolver: Resolver;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #guard: AddressGuard;
  readonly #hosts: HostsFile;

  /** @throws {TypeError} when a network cannot be read */
  constructor({ resolver, clock, log, networks, ownAddresses, hostsFile = systemHostsFile }: FinderOptions) {
    this.#resolver = resolver;
    this.#clock = clock;
    this.#log = log;
    this.#guard = new AddressGuard({ networks, ownAddresses });
    this.#hosts = new HostsFile(clock, hostsFile);
  }

  /**
   * Connections to the domain's servers, best first. Take one, try TLS and the stream, and take the next when that has failed; each is dialled
   * only when it is asked for. It never ends without an error.
   *
   * @param domain in U-labels, as in XMPP
   * @throws {NoSuchDomain} @throws {Forbidden} @throws {Unreachable} @throws {Unavailable} when name servers do not answer
   * @throws the signal's reason
   */
  async *connections(domain: string, signal: AbortSignal): AsyncGenerator<Connected, never> {
    const found = await orAborted(this.#targetsOf(domain), signal);
    return yield* this.#connectToAll(domain, found, signal);
  }

  /** As {@link connections}, to a host that is named by something else than SRV records. @param host A-labels or an address */
  async *hostConnections(host: string, port: number, signal: AbortSignal): AsyncGenerator<Connected, never> {
    return yield* this.#connectToAll(host, { targets: [{ host, port, isDirectTls: true }], isFallback: true }, signal);
  }

  /** The first of {@link hostConnections}, for whoever tries no other. It belongs to the caller. */
  async dialHost(host: string, port: number, signal: AbortSignal): Promise<Socket> {
    for await (const { socket } of this.hostConnections(host, port, signal)) return socket;
    throw new Unreachable(`${host} was not reached`);
  }

  async *#connectToAll(
    name: string,
    { targets, isFallback, unsaid }: Targets,
    signal: AbortSignal,
  ): AsyncGenerator<Connected, never> {
    const failures: Failure[] = unsaid === undefined ? [] : [{ kind: 'unavailable', text: unsaid.message }];
    for (const target of targets) yield* this.#connectTo(target, failures, signal);
    const error = errorOf(name, failures, isFallback);
    this.#log.debug({ name, reason: error.message }, 'no connection to a server');
    throw error;
  }

  async *#connectTo(target: Target, failures: Failure[], signal: AbortSignal): AsyncGenerator<Connected, void> {
    const where = `${target.host} port ${target.port}`;
    const fail = (error: Error) => failures.push({ kind: kindOf(error), text: `${where}: ${error.message}` });
    const race = new AddressRace({
      clock: this.#clock,
      addresses: (family) => this.#addressesOf(target.host, family),
      dial: (address) => this.#dial(address, target.port),
      onFailure: fail,
    });
    try {
      for (let found = await nextOf(race, signal); found !== undefined; found = await nextOf(race, signal)) {
        const { socket, address } = found;
        const giveUp = (why: string) => {
          // COMPAT: Node 24 crashes when TLS is destroyed in the same turn after the socket below it; later, the socket has gone with TLS.
          setImmediate(() => socket.destroy());
          fail(new Error(`${address} ${why}`));
        };
        yield { socket, target, address, giveUp };
      }
    } finally {
      race.stop();
    }
  }

  /** The guard looks at the address that is dialled, whoever named it. */
  #dial(address: string, port: number): Attempt {
    const refusal = this.#guard.refusal(address, port);
    if (refusal === undefined) return dial(this.#clock, address, port);
    return { connected: Promise.reject(new Forbidden(refusal)), cancel() {} };
  }

  async #addressesOf(host: string, family: 4 | 6): Promise<readonly string[]> {
    const kind = isIP(host);
    if (kind !== 0) return kind === family ? [host] : [];
    const known = await this.#hosts.find(host);
    if (known !== undefined) return known.filter((address) => isIP(address) === family);
    if (host === 'localhost' || host.endsWith('.localhost')) return loopback[family]; // RFC 6761 §6.3
    return this.#resolver.addresses(host, family);
  }

  /** Without name servers, what the file of hosts says is all that there is. */
  async #targetsOf(domain: string): Promise<Targets> {
    try {
      return await findTargets(this.#resolver, this.#clock, domain);
    } catch (error) {
      const own = error instanceof Unavailable ? ownTargets(domain) : undefined;
      const isKnown = own !== undefined && (await this.#hosts.find(own.targets[0]!.host)) !== undefined;
      if (isKnown) return own;
      throw error;
    }
  }
}

async function nextOf(race: AddressRace, signal: AbortSignal): Promise<Dialled | undefined> {
  signal.throwIfAborted();
  const stop = () => race.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const found = await race.next();
    if (signal.aborted) found?.socket.destroy();
    signal.throwIfAborted();
    return found;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function kindOf(error: Error): Failure['kind'] {
  if (error instanceof Forbidden) return 'forbidden';
  if (error instanceof Unavailable) return 'unavailable';
  return error instanceof NoSuchDomain ? 'nothing' : 'unreachable';
}

/** One target that may come to life decides; then name servers that may; then the guard. */
function errorOf(domain: string, failures: readonly Failure[], isFallback: boolean): Error {
  const has = (wanted: Failure['kind']) => failures.some(({ kind }) => kind === wanted);
  const shown = failures.slice(0, findingLimits.failuresShownMax).map(({ text }) => text);
  const reasons = shown.join('; ') + (shown.length < failures.length ? `; and ${failures.length - shown.length} more` : '');
  if (has('unreachable')) return new Unreachable(reasons);
  if (has('unavailable')) return new Unavailable(reasons);
  if (has('forbidden')) return new Forbidden(reasons);
  if (has('nothing')) return new NoSuchDomain(reasons);
  if (isFallback) return new NoSuchDomain(`${domain} has no records in DNS that lead to a server`);
  return new Unreachable(`the hosts that ${domain} names in DNS have no addresses`);
}
