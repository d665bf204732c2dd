/**
 * Skylark and Debian's prosody as each other's servers: each at a loopback address of its own on port 5269, found through Debian's dnsmasq.
 * It needs root: the name server is on port 53, which is the only one that Prosody asks.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder, temporaryFolder } from '../cli/skylark-command.ts';
import { createAuthority } from '../support/authority.ts';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { type Prosody, startProsody } from './prosody-server.ts';

export interface Neighbours {
  readonly skylark: Skylark;
  readonly prosody: Prosody;
  /** Signs in at Skylark, and is available. */
  juliet(): Promise<TcpClient>;
  /** Signs in at Prosody, and is available. */
  romeo(): Promise<TcpClient>;
  [Symbol.asyncDispose](): Promise<void>;
}

export const ours = 'a.example';
export const theirs = 'b.example';

/** @param isCertified an authority that both trust has signed their certificates; else they are worth nothing, and dialback has to do */
export async function openNeighbours(isCertified: boolean): Promise<Neighbours> {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  const network = `127.${isCertified ? 54 : 53}.${(process.pid % 250) + 1}`;
  const [resolver, ourAddress, theirAddress] = [`${network}.1`, `${network}.2`, `${network}.3`] as const;
  const disposals: (() => unknown)[] = [() => removeFolder(folder)];
  const dispose = async () => {
    for (const each of disposals.reverse()) await each();
  };
  try {
    const dnsmasq = await startDnsmasq(resolver, [
      ...recordsOf([ours, `conference.${ours}`], `xmpp.${ours}`, ourAddress),
      ...recordsOf([theirs, `rooms.${theirs}`], `xmpp.${theirs}`, theirAddress),
    ]);
    disposals.push(() => end(dnsmasq));
    const [authority, nobody] = [await createAuthority(), await createAuthority()];
    writeFileSync(at('ca.pem'), authority.cert);
    const issuer = isCertified ? authority : nobody;
    const identity = await issuer.issue([ours, `conference.${ours}`]);
    writeFileSync(at('cert.pem'), identity.cert);
    writeFileSync(at('key.pem'), identity.key);
    mkdirSync(at('prosody'));
    const federation = { address: theirAddress, resolver, ca: isCertified ? at('ca.pem') : undefined };
    const prosody = await startProsody(at('prosody'), theirs, await issuer.issue([theirs, `rooms.${theirs}`]), federation);
    disposals.push(() => prosody.stop());
    const options = [
      ...['--bind', ourAddress, '--s2s-port', '5269', '--s2s-tls-port', '0', '--component-port', '0'],
      ...['--s2s-resolver', `${resolver}:53`, '--s2s-networks', '127.0.0.0/8', '--s2s-ca', at('ca.pem')],
      ...['--cert', at('cert.pem'), '--key', at('key.pem')],
    ];
    const skylark = await Skylark.start(ours, options);
    disposals.push(() => skylark.stop());
    skylark.addUser(`juliet@${ours}`, 'capulet');
    return {
      skylark,
      prosody,
      juliet: () => available(skylark.ports.c2sTls, `juliet@${ours}/balcony`, ourAddress),
      romeo: () => available(prosody.c2sTls, `romeo@${theirs}/orchard`, '127.0.0.1'),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function available(port: number, jid: string, host: string): Promise<TcpClient> {
  const client = await TcpClient.signIn(port, jid, 'capulet', host);
  await client.ask('roster', `<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`);
  client.send('<presence/>');
  return client;
}

function recordsOf(domains: readonly string[], host: string, address: string): string[] {
  return [...domains.map((domain) => `--srv-host=_xmpp-server._tcp.${domain},${host},5269`), `--host-record=${host},${address}`];
}

async function startDnsmasq(address: string, records: readonly string[]): Promise<ChildProcess> {
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

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill();
  await once(child, 'exit');
}
