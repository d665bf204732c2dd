/**
 * Deployments of Skylark that talk to each other as servers do: each is `skylark start` in this process, with a folder, ports and tenants of
 * its own; a name server on the loopback says where they are.
 */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { PolicyChange } from '../../lib/runtime/policy/tenant-policy.ts';
import { openAdmin } from '../../services/cli/commands/admin-client.ts';
import { type Embedded, startEmbedded } from '../../services/cli/compose/embedded.ts';
import { tenantSet } from '../../services/router/operations/tenant-policy.ts';
import { tenantAdd } from '../../services/router/operations/tenants.ts';
import { userAdd } from '../../services/router/operations/users.ts';
import { type Authority, createAuthority, type Identity } from '../support/authority.ts';
import { addressRecord, type DnsServer, srvRecord, startDnsServer } from '../support/dns-server.ts';
import { freePorts } from '../support/free-ports.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { until } from '../support/until.ts';

const password = 'secret';

export interface DeploymentOptions {
  /** The first is that of `--domain`. */
  readonly domains: readonly string[];
  /** Certificates of the ground's authority prove the domains; else a self-signed one proves nothing. */
  readonly isCertified?: boolean;
}

/** A name server, an authority, and the deployments that a test makes. */
export class Ground implements AsyncDisposable {
  readonly dns: DnsServer;
  readonly authority: Authority;
  readonly folder: string;
  /** What has to end with the test. */
  readonly disposals: (() => Promise<void>)[] = [];
  readonly #deployments: Deployment[] = [];

  private constructor(dns: DnsServer, authority: Authority) {
    this.dns = dns;
    this.authority = authority;
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), 'skylark-test-')));
    writeFileSync(join(this.folder, 'ca.pem'), authority.cert);
  }

  static async open(): Promise<Ground> {
    return new Ground(await startDnsServer(), await createAuthority());
  }

  async deploy(options: DeploymentOptions): Promise<Deployment> {
    const [s2s, s2sTls, component] = (await freePorts(3)) as [number, number, number];
    const identity = options.isCertified
      ? await this.authority.issue(options.domains.flatMap((name) => [name, `*.${name}`]))
      : undefined;
    const deployment = new Deployment(this, options, { s2s, s2sTls, component }, identity);
    await deployment.start();
    this.#deployments.push(deployment);
    this.disposals.push(() => deployment.stop());
    return deployment;
  }

  /** How the deployments stand with other servers, for the message of a test that fails. */
  get report(): string {
    return this.#deployments.map(({ report }) => report).join('\n');
  }

  /** Says where the servers of a domain, of its rooms and of its nodes are. */
  publish(domain: string, ports: { readonly s2s?: number; readonly s2sTls?: number }, address = '127.0.0.1'): void {
    const host = `xmpp.${domain}`;
    for (const name of [domain, `conference.${domain}`, `pubsub.${domain}`]) {
      const { records } = this.dns;
      const old = records.filter((record) => record.name.endsWith(`._tcp.${name}`));
      for (const record of old) records.splice(records.indexOf(record), 1);
      if (ports.s2s) records.push(srvRecord(`_xmpp-server._tcp.${name}`, host, ports.s2s));
      if (ports.s2sTls) records.push(srvRecord(`_xmpps-server._tcp.${name}`, host, ports.s2sTls));
    }
    this.dns.records.push(addressRecord(host, address));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.disposals.map((dispose) => dispose()));
    this.dns.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Deployment {
  readonly ports: { readonly s2s: number; readonly s2sTls: number; readonly component: number };
  readonly folder: string;
  readonly log: string[] = [];
  readonly #ground: Ground;
  readonly #options: DeploymentOptions;
  readonly #identity: Identity | undefined;
  readonly #clients: TcpClient[] = [];
  #service: Embedded | undefined;

  constructor(ground: Ground, options: DeploymentOptions, ports: Deployment['ports'], identity: Identity | undefined) {
    this.#ground = ground;
    this.#options = options;
    this.ports = ports;
    this.#identity = identity;
    this.folder = join(ground.folder, options.domains[0]!);
  }

  async start(): Promise<void> {
    const { folder } = this;
    const ground = this.#ground;
    const [domain, ...others] = this.#options.domains as [string, ...string[]];
    const pem = (name: 'cert' | 'key') => {
      if (this.#identity === undefined) return undefined;
      const path = `${folder}.${name}.pem`;
      writeFileSync(path, this.#identity[name]);
      return path;
    };
    const absent = { filesUrl: undefined, websocketUrl: undefined, certificates: undefined, defaultCertificate: undefined };
    const sealing = { kms: 'aws', kmsKey: undefined, keyFile: undefined, region: 'eu-central-1' };
    const finding = { s2sNetworks: '127.0.0.0/8', s2sResolver: ground.dns.address, s2sCa: join(ground.folder, 'ca.pem') };
    this.#service = await startEmbedded(
      {
        ...{ domain, bind: '127.0.0.1', data: folder, json: false, proveDomains: false, auditDays: 0, registration: 'closed' },
        ...{ c2sPort: 0, c2sTlsPort: 0, httpPort: 0, httpsPort: 0, healthPort: undefined },
        ...{ componentPort: this.ports.component, componentBind: '127.0.0.1' },
        ...{ s2sPort: this.ports.s2s, s2sTlsPort: this.ports.s2sTls, cert: pem('cert'), key: pem('key') },
        ...absent,
        ...sealing,
        ...finding,
      },
      pino({ level: process.env.SKYLARK_LOG_LEVEL ?? 'info' }, { write: (line: string) => void this.log.push(line) }),
    );
    const admin = await openAdmin(folder);
    for (const other of others) await admin.ask(tenantAdd, { domain: other, registration: 'closed' }).catch(() => {});
    await admin.close();
    for (const name of this.#options.domains) ground.publish(name, this.ports);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client.close();
    await this.#service?.stop();
    this.#service = undefined;
  }

  get c2sTls(): number {
    return this.#service!.addresses.c2sTls!.port;
  }

  /** Changes the policy of a tenant. */
  async setPolicy(domain: string, change: PolicyChange): Promise<void> {
    const admin = await openAdmin(this.folder);
    await admin.ask(tenantSet, { domain, ...change });
    await admin.close();
  }

  /** What waits for other servers, and what it has logged last. */
  get report(): string {
    return `${this.#options.domains[0]}: ${JSON.stringify(this.#service?.peers)}\n${this.log.slice(-5).join('')}`;
  }

  /** Batches that wait for other servers. */
  get waiting(): number {
    return this.#service!.peers!.waiting;
  }

  /** Nothing waits for other servers any more. */
  async settle(msMax = 10_000): Promise<void> {
    await until(
      () => this.waiting === 0,
      () => 'the outbox to be empty',
      msMax,
    );
  }

  /** Makes the account when it is new, signs in, and is available. */
  async join(jid: string): Promise<TcpClient> {
    const admin = await openAdmin(this.folder);
    await admin.ask(userAdd, { jid: jid.split('/')[0]!, password }).catch(() => {}); // it is there
    await admin.close();
    const client = await TcpClient.signIn(this.c2sTls, jid, password);
    this.#clients.push(client);
    client.send('<presence/>');
    await client.next('presence');
    return client;
  }
}

export function bodyOf(xml: string): string | undefined {
  return /<body>([^<]*)<\/body>/.exec(xml)?.[1];
}
