/** Debian's prosody, as somebody else's server. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Identity } from '../support/authority.ts';
import { freePorts } from '../support/free-ports.ts';

const patienceMs = 30_000;
const outputCharactersMax = 500_000;

export interface Prosody {
  readonly c2s: number;
  readonly c2sTls: number;
  readonly s2s: number;
  /** The end of its log. */
  readonly output: string;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Once more, after {@link kill}: on the same folder and ports. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** How it talks to other servers. */
export interface ProsodyFederation {
  /** Its own, where it takes port 5269. */
  readonly address: string;
  /** Address of the name server, which has to serve port 53: Prosody without lua-unbound reads /etc/resolv.conf and knows no other port. */
  readonly resolver: string;
  /** A PEM file. With it, servers have to prove themselves by their certificates; without it dialback is enough. */
  readonly ca?: string | undefined;
}

/** @param folder of its own; somebody may sign in as `juliet` with `capulet`, as `romeo` when it federates */
export async function startProsody(
  folder: string,
  domain: string,
  { cert, key }: Identity,
  federation?: ProsodyFederation,
): Promise<Prosody> {
  const [c2s, c2sTls, freePort] = (await freePorts(3)) as [number, number, number];
  const s2s = federation ? 5269 : freePort;
  const at = (name: string) => join(folder, name);
  mkdirSync(at('data'), { recursive: true });
  writeFileSync(at('cert.pem'), cert);
  writeFileSync(at('key.pem'), key);
  const ca = federation?.ca ? `; cafile = "${federation.ca}"` : '';
  const ssl = `{ certificate = "${at('cert.pem')}"; key = "${at('key.pem')}"${ca} }`;
  writeFileSync(
    at('prosody.cfg.lua'),
    `run_as_root = true
pidfile = "${at('prosody.pid')}"
data_path = "${at('data')}"
interfaces = { "127.0.0.1" }
c2s_ports = { ${c2s} }
c2s_direct_tls_ports = { ${c2sTls} }
s2s_ports = { ${s2s} }
s2s_interfaces = { "${federation?.address ?? '127.0.0.1'}" }
s2s_secure_auth = ${federation?.ca !== undefined}
s2s_require_encryption = true
http_ports = {}
https_ports = {}
modules_enabled = { "roster", "saslauth", "tls", "dialback", "disco", "ping", "smacks", "vcard", "version" }
authentication = "internal_hashed"
c2s_require_encryption = true
ssl = ${ssl}
c2s_direct_tls_ssl = ${ssl}
log = { ${federation ? 'debug' : 'info'} = "*console" }
VirtualHost "${domain}"
  ssl = ${ssl}
Component "rooms.${domain}" "muc"
  ssl = ${ssl}
`,
  );
  const config = ['--config', at('prosody.cfg.lua')];
  for (const local of federation ? ['romeo'] : ['juliet']) {
    const added = spawnSync('prosodyctl', [...config, 'register', local, domain, 'capulet'], { encoding: 'utf8' });
    if (added.status !== 0) throw new Error(`prosodyctl: ${added.stdout}${added.stderr}`);
  }
  writeFileSync(at('resolv.conf'), `nameserver ${federation?.resolver}\n`);
  const mounted = ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', at('resolv.conf')];
  const [command, ...args] = [...(federation ? mounted : []), 'prosody', '-F', ...config] as [string, ...string[]];
  let child: ChildProcess;
  let output = '';
  const areOpen = async () => (await isOpen(c2s)) && (await isOpen(c2sTls)) && (await isOpen(s2s, federation?.address));
  const prosody: Prosody = {
    c2s,
    c2sTls,
    s2s,
    get output() {
      return output;
    },
    async start() {
      output = '';
      child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      for (const stream of [child.stdout!, child.stderr!])
        stream.on('data', (chunk) => {
          output = (output + chunk).slice(-outputCharactersMax);
        });
      for (const untilMs = performance.now() + patienceMs; !(await areOpen()); await pause(100)) {
        if (child.exitCode !== null || performance.now() > untilMs) throw new Error(`prosody is not there: ${output}`);
      }
    },
    async kill(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await ended;
    },
    stop: () => prosody.kill('SIGTERM'),
  };
  await prosody.start();
  return prosody;
}

async function isOpen(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = connect({ host, port });
  const opened = new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  const isThere = await opened;
  socket.destroy();
  return isThere;
}
