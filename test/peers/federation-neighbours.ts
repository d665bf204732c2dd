/**
 * Skylark and somebody else's server as each other's servers: each at a loopback address of its own on port 5269 or 5270, found through
 * Debian's dnsmasq. It needs root: the name server is on port 53, which is the only one that others ask.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder, temporaryFolder } from '../cli/skylark-command.ts';
import { createAuthority } from '../support/authority.ts';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { startEjabberd } from './ejabberd-server.ts';
import { type OtherServer, password } from './other-server.ts';
import { startProsody } from './prosody-server.ts';

export type Peer = 'prosody' | 'ejabberd';

/** How servers prove themselves; `direct TLS` is by certificates, too. */
export type Proof = 'dialback alone' | 'certificates alone' | 'direct TLS';

export interface Neighbours {
  readonly skylark: Skylark;
  readonly other: OtherServer;
  /** Signs in at Skylark, and is available. @param account `local/resource` */
  here(account: string): Promise<TcpClient>;
  /** Signs in at the other server, and is available. */
  there(account: string): Promise<TcpClient>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A component of ours, which the other server knows, too. */
export interface NeighbourGateway {
  readonly component: string;
  readonly componentPort: number;
}

export const ours = 'a.example';
export const theirs = 'b.example';

const networks: Readonly<Record<`${Peer} ${Proof}`, number>> = {
  'prosody dialback alone': 53,
  'prosody certificates alone': 54,
  'prosody direct TLS': 55,
  'ejabberd dialback alone': 56,
  'ejabberd certificates alone': 57,
  'ejabberd direct TLS': 58,
};

/** An authority that both trust has signed their certificates; for dialback alone, nobody trusts whoever has. */
export async function openNeighbours(
  peer: Peer,
  proof: Proof,
  gateway?: NeighbourGateway,
  isBothWays = false,
): Promise<Neighbours> {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  const network = `127.${networks[`${peer} ${proof}`]}.${(process.pid % 250) + 1}`;
  const [resolver, ourAddress, theirAddress] = [`${network}.1`, `${network}.2`, `${network}.3`] as const;
  const disposals: (() => unknown)[] = [() => removeFolder(folder)];
  const dispose = async () => {
    for (const each of disposals.reverse()) await each();
  };
  const theirNames = [theirs, `rooms.${theirs}`, `pubsub.${theirs}`];
  const ourNames = [ours, `conference.${ours}`, `pubsub.${ours}`, ...(gateway === undefined ? [] : [gateway.component])];
  const isDirectTls = proof === 'direct TLS';
  try {
    const dnsmasq = await startDnsmasq(resolver, [
      ...recordsOf(ourNames, `xmpp.${ours}`, ourAddress, isDirectTls),
      ...recordsOf(theirNames, `xmpp.${theirs}`, theirAddress, isDirectTls),
    ]);
    disposals.push(() => end(dnsmasq));
    const [authority, nobody] = [await createAuthority(), await createAuthority()];
    writeFileSync(at('ca.pem'), authority.cert);
    const issuer = proof === 'dialback alone' ? nobody : authority;
    // ejabberd takes a certificate for that of a client only if it says so (RFC 5280 §4.2.1.12).
    const identity = await issuer.issue(ourNames, 90, peer === 'ejabberd');
    writeFileSync(at('cert.pem'), identity.cert);
    writeFileSync(at('key.pem'), identity.key);
    mkdirSync(at('other'));
    const ca = proof === 'dialback alone' ? undefined : at('ca.pem');
    const federation = { address: theirAddress, resolver, ca, isDirectTls, isBothWays };
    const start = peer === 'prosody' ? startProsody : startEjabberd;
    const other = await start(at('other'), theirs, await issuer.issue(theirNames), federation);
    disposals.push(() => other.stop());
    const options = [
      ...['--bind', ourAddress, '--component-port', `${gateway?.componentPort ?? 0}`],
      ...['--s2s-port', isDirectTls ? '0' : '5269', '--s2s-tls-port', isDirectTls ? '5270' : '0'],
      ...['--s2s-resolver', `${resolver}:53`, '--s2s-networks', '127.0.0.0/8', '--s2s-ca', at('ca.pem')],
      ...['--cert', at('cert.pem'), '--key', at('key.pem')],
    ];
    const skylark = await Skylark.start(ours, options);
    disposals.push(() => skylark.stop());
    for (const local of ['juliet', 'nurse']) skylark.addUser(`${local}@${ours}`, password);
    return {
      skylark,
      other,
      here: (account) => available(skylark.ports.c2sTls, account.replace('/', `@${ours}/`), ourAddress),
      there: (account) => available(other.c2sTls, account.replace('/', `@${theirs}/`), '127.0.0.1'),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function available(port: number, jid: string, host: string): Promise<TcpClient> {
  const client = await TcpClient.signIn(port, jid, password, host);
  await client.ask('roster', `<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`);
  client.send('<presence/>');
  return client;
}

function recordsOf(domains: readonly string[], host: string, address: string, isDirectTls: boolean): string[] {
  const [service, port] = isDirectTls ? ['_xmpps-server', 5270] : ['_xmpp-server', 5269];
  return [...domains.map((domain) => `--srv-host=${service}._tcp.${domain},${host},${port}`), `--host-record=${host},${address}`];
}

export async function startDnsmasq(address: string, records: readonly string[]): Promise<ChildProcess> {
  const fixed = [
    '--conf-file=/dev/null',
    '--bind-interfaces',
    '--no-resolv',
    '--no-hosts',
    '--keep-in-foreground',
    '--log-facility=-',
  ];
  const own = ['--local=/example/', '--user=root', '--pid-file', `--listen-address=${address}`];
  const child = spawn('dnsmasq', [...fixed, ...own, ...records], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr!.setEncoding('utf8');
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`dnsmasq: ${said}`)));
    child.stderr!.on('data', (text) => {
      said = (said + text).slice(-10_000);
      if (said.includes('started')) resolve();
    });
  });
  return child;
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill();
  await once(child, 'exit');
}
