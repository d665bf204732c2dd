/** Looks up DNS records as anybody on the internet can. */
import { Resolver } from 'node:dns/promises';
import { BlockList } from 'node:net';
import { programLimits } from '../limits.ts';
import type { Deadline } from './deadline.ts';

export interface SrvTarget {
  /** The host name without the dot at the end. It is empty for the target `.`, which says that the service does not exist. */
  readonly host: string;
  readonly port: number;
  readonly priority: number;
}

/** `none` means that the name or the record type does not exist; `unknown` means that DNS did not give an answer. */
export type Answer<Value> =
  | { readonly kind: 'found'; readonly values: readonly Value[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown'; readonly why: string };

const nothing = new Set(['ENODATA', 'ENOTFOUND']);

/** Addresses that cannot be reached from other networks (RFC 1918, RFC 4193, RFC 6890). */
const inner = new BlockList();
for (const [address, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  inner.addSubnet(address, bits);
for (const [address, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  inner.addSubnet(address, bits, 'ipv6');

export function isInner(address: string): boolean {
  return inner.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}

export class Names {
  readonly #resolver: Resolver;
  readonly #deadline: Deadline;

  /** @param server `address:port` of the DNS server to ask; undefined for the system's servers */
  constructor(deadline: Deadline, server: string | undefined) {
    this.#resolver = new Resolver({ timeout: programLimits.doctorDnsTimeoutMs, tries: programLimits.doctorDnsTriesMax });
    if (server !== undefined) this.#resolver.setServers([server]);
    this.#deadline = deadline;
  }

  async srv(name: string): Promise<Answer<SrvTarget>> {
    const answer = await this.#ask(name, this.#resolver.resolveSrv(name));
    if (answer.kind !== 'found') return answer;
    const targets = answer.values.map(({ name: host, port, priority }) => ({ host: host.replace(/\.$/, ''), port, priority }));
    return { kind: 'found', values: targets.sort((a, b) => a.priority - b.priority) };
  }

  async alias(name: string): Promise<Answer<string>> {
    const answer = await this.#ask(name, this.#resolver.resolveCname(name));
    if (answer.kind !== 'found') return answer;
    return { kind: 'found', values: answer.values.map((target) => target.replace(/\.$/, '').toLowerCase()) };
  }

  /** IPv4 addresses come first, because every network has IPv4. */
  async addresses(name: string): Promise<Answer<string>> {
    const answers = await Promise.all([
      this.#ask(name, this.#resolver.resolve4(name)),
      this.#ask(name, this.#resolver.resolve6(name)),
    ]);
    const values = answers.flatMap((answer) => (answer.kind === 'found' ? answer.values : []));
    if (values.length > 0) return { kind: 'found', values };
    return answers.find(({ kind }) => kind === 'unknown') ?? { kind: 'none' };
  }

  async #ask<Value>(name: string, question: Promise<readonly Value[]>): Promise<Answer<Value>> {
    try {
      const values = await this.#deadline.step(`the DNS for ${name}`, question, () => this.#resolver.cancel());
      return values.length === 0
        ? { kind: 'none' }
        : { kind: 'found', values: values.slice(0, programLimits.doctorDnsValuesMax) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return code !== undefined && nothing.has(code) ? { kind: 'none' } : { kind: 'unknown', why: message };
    }
  }
}
