/**
 * The other servers, and what is between them and the deployment: a second Skylark, and Prosody where it is wanted and installed; two name
 * servers, one that the deployment asks and one that they ask; and gates, which are all that the names lead to.
 */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { end, startDnsmasq } from '../peers/federation-neighbours.ts';
import { type OtherServer, password, theirAccounts } from '../peers/other-server.ts';
import { startProsody } from '../peers/prosody-server.ts';
import type { Random } from '../simulator/random.ts';
import { type Authority, createAuthority } from '../support/authority.ts';
import { addressRecord, type DnsServer, srvRecord, startDnsServer } from '../support/dns-server.ts';
import type { Door } from './door.ts';
import { PeerServer } from './peer-server.ts';
import { TcpGate } from './tcp-gate.ts';

export const ourDomains = ['a.example', 'c.example'] as const;
const peerDomains = ['b1.example', 'b2.example', 'b3.example'];
export const prosodyDomain = 'p.example';

/** Answers of DNS are kept for as short a time as the product keeps any. */
const ttlSeconds = 1;
const prosodyPort = 5269;

/** It reads /etc/resolv.conf, which is put before it in a mount namespace of its own, and asks port 53. */
export const skipWithoutProsody: string | false = ['prosody', 'dnsmasq'].some((name) => spawnSync('which', [name]).status !== 0)
  ? 'prosody and dnsmasq are not installed'
  : process.getuid?.() !== 0 && 'it needs root';

export interface NeighbourhoodOptions {
  readonly folder: string;
  readonly random: Random;
  /** Where other servers may connect to the deployment, direct TLS. */
  readonly ourDoors: () => readonly Door[];
  readonly hasProsody: boolean;
}

/** Somebody who may sign in at another server. */
export interface Resident {
  readonly local: string;
  readonly domain: string;
  readonly password: string;
  /** Has no account yet. */
  readonly isNew: boolean;
}

export class Neighbourhood {
  readonly network = `127.61.${(process.pid % 250) + 1}`;
  readonly ourAddress = `${this.network}.2`;
  readonly #options: NeighbourhoodOptions;
  #authority!: Authority;
  /** The name server of the deployment. */
  dns!: DnsServer;
  #theirDns!: DnsServer;
  /** Between the deployment and the peer, both ways; and on to Prosody, whose streams to us come through `fromPeers`, too. */
  toPeer!: TcpGate;
  fromPeers!: TcpGate;
  toProsody: TcpGate | undefined;
  peer!: PeerServer;
  prosody: OtherServer | undefined;
  #prosodyDns: ChildProcess | undefined;

  constructor(options: NeighbourhoodOptions) {
    this.#options = options;
  }

  /** What the deployment needs to be told. Before {@link start}. @returns arguments */
  async prepare(): Promise<void> {
    this.#authority = await createAuthority();
    writeFileSync(this.#at('ca.pem'), this.#authority.cert);
    await this.#issue('ours', [...ourDomains]);
    this.dns = await startDnsServer([], `${this.network}.1`);
  }

  /** How other servers are found. */
  get findingArguments(): string[] {
    return this.#findingArguments(this.dns);
  }

  get authorityArguments(): string[] {
    return ['--s2s-ca', this.#at('ca.pem')];
  }

  get certificateArguments(): string[] {
    return ['--cert', this.#at('ours.cert.pem'), '--key', this.#at('ours.key.pem')];
  }

  async start(): Promise<void> {
    const { folder, ourDoors, random, hasProsody } = this.#options;
    this.#theirDns = await startDnsServer([], `${this.network}.6`);
    this.fromPeers = await TcpGate.open(`${this.network}.5`, ourDoors, random.fork('from peers'));
    for (const domain of ourDomains) publish(this.#theirDns, domain, '_xmpps-server', this.fromPeers.door);
    await this.#issue('peer', peerDomains);
    const certificate = ['--cert', this.#at('peer.cert.pem'), '--key', this.#at('peer.key.pem')];
    const options = [...certificate, ...this.authorityArguments, ...this.#findingArguments(this.#theirDns)];
    this.peer = await PeerServer.start({ folder, address: `${this.network}.3`, domains: peerDomains, options });
    this.toPeer = await TcpGate.open(`${this.network}.4`, () => [this.peer.s2s], random.fork('to the peer'));
    for (const domain of peerDomains) publish(this.dns, domain, '_xmpp-server', this.toPeer.door);
    if (hasProsody) await this.#startProsody();
  }

  /** The domains whose streams to us are the second Skylark's. */
  get peerDomains(): readonly string[] {
    return peerDomains;
  }

  get gates(): readonly TcpGate[] {
    return [this.toPeer, this.fromPeers, ...(this.toProsody ? [this.toProsody] : [])];
  }

  get residents(): Resident[] {
    const ofPeer = Array.from({ length: 8 }, (_, index): Resident => {
      const domain = peerDomains[index % peerDomains.length]!;
      return { local: `r${index + 1}`, domain, password: 'pencil', isNew: true };
    });
    const ofProsody = theirAccounts.map((local): Resident => ({ local, domain: prosodyDomain, password, isNew: false }));
    return this.prosody === undefined ? ofPeer : [...ofPeer, ...ofProsody];
  }

  doorsOf(domain: string): readonly Door[] {
    return domain === prosodyDomain ? [{ host: '127.0.0.1', port: this.prosody!.c2sTls }] : [this.peer.c2sTls];
  }

  /** Everything works again. */
  heal(): void {
    for (const gate of this.gates) gate.heal();
    this.dns.isSilent = false;
    this.dns.delayMs = 0;
    this.dns.failureCode = undefined;
  }

  /** @returns what was left behind, if anything */
  async stop(): Promise<string[]> {
    const isInTime = (await this.peer?.stop()) ?? true;
    await this.prosody?.kill('SIGCONT');
    await this.prosody?.kill('SIGKILL');
    if (this.#prosodyDns) await end(this.#prosodyDns);
    for (const gate of [this.toPeer, this.fromPeers, this.toProsody]) gate?.close();
    for (const server of [this.dns, this.#theirDns]) server?.close();
    return isInTime ? [] : ['the other Skylark did not stop in time'];
  }

  async #startProsody(): Promise<void> {
    const address = `${this.network}.7`;
    const resolver = `${this.network}.9`;
    const { host, port } = this.fromPeers.door;
    const srv = ourDomains.map((domain) => `--srv-host=_xmpps-server._tcp.${domain},xmpp.${domain},${port}`);
    const hosts = ourDomains.map((domain) => `--host-record=xmpp.${domain},${host}`);
    this.#prosodyDns = await startDnsmasq(resolver, [...srv, ...hosts]);
    const folder = this.#at('prosody');
    mkdirSync(folder);
    const identity = await this.#authority.issue([prosodyDomain, `rooms.${prosodyDomain}`]);
    this.prosody = await startProsody(folder, prosodyDomain, identity, { address, resolver, ca: this.#at('ca.pem') });
    const door = { host: address, port: prosodyPort };
    this.toProsody = await TcpGate.open(`${this.network}.8`, () => [door], this.#options.random.fork('to Prosody'));
    publish(this.dns, prosodyDomain, '_xmpp-server', this.toProsody.door);
  }

  async #issue(name: string, domains: readonly string[]): Promise<void> {
    const { cert, key } = await this.#authority.issue(domains.flatMap((domain) => [domain, `conference.${domain}`]));
    writeFileSync(this.#at(`${name}.cert.pem`), cert);
    writeFileSync(this.#at(`${name}.key.pem`), key);
  }

  #findingArguments(dns: DnsServer): string[] {
    return ['--s2s-resolver', dns.address, '--s2s-networks', '127.0.0.0/8'];
  }

  #at(name: string): string {
    return join(this.#options.folder, name);
  }
}

function publish({ records }: DnsServer, domain: string, service: string, { host, port }: Door): void {
  for (const name of [domain, `conference.${domain}`])
    records.push(srvRecord(`${service}._tcp.${name}`, `xmpp.${domain}`, port, 0, ttlSeconds));
  records.push(addressRecord(`xmpp.${domain}`, host, ttlSeconds));
}
