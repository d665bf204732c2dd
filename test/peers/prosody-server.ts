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

export interface Prosody {
  readonly c2s: number;
  readonly c2sTls: number;
  readonly s2s: number;
  stop(): Promise<void>;
}

/** @param folder of its own; somebody may sign in as `juliet` with `capulet` */
export async function startProsody(folder: string, domain: string, { cert, key }: Identity): Promise<Prosody> {
  const [c2s, c2sTls, s2s] = (await freePorts(3)) as [number, number, number];
  const at = (name: string) => join(folder, name);
  mkdirSync(at('data'), { recursive: true });
  writeFileSync(at('cert.pem'), cert);
  writeFileSync(at('key.pem'), key);
  const ssl = `{ certificate = "${at('cert.pem')}"; key = "${at('key.pem')}" }`;
  writeFileSync(
    at('prosody.cfg.lua'),
    `run_as_root = true
pidfile = "${at('prosody.pid')}"
data_path = "${at('data')}"
interfaces = { "127.0.0.1" }
c2s_ports = { ${c2s} }
c2s_direct_tls_ports = { ${c2sTls} }
s2s_ports = { ${s2s} }
http_ports = {}
https_ports = {}
modules_enabled = { "roster", "saslauth", "tls", "dialback", "disco", "ping" }
authentication = "internal_hashed"
c2s_require_encryption = true
ssl = ${ssl}
c2s_direct_tls_ssl = ${ssl}
log = { info = "*console" }
VirtualHost "${domain}"
  ssl = ${ssl}
Component "rooms.${domain}" "muc"
`,
  );
  const config = ['--config', at('prosody.cfg.lua')];
  const added = spawnSync('prosodyctl', [...config, 'register', 'juliet', domain, 'capulet'], { encoding: 'utf8' });
  if (added.status !== 0) throw new Error(`prosodyctl: ${added.stdout}${added.stderr}`);
  const child: ChildProcess = spawn('prosody', ['-F', ...config], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk) => {
      said = (said + chunk).slice(-10_000);
    });
  for (const untilMs = performance.now() + patienceMs; !(await isOpen(c2s)); await pause(100)) {
    if (child.exitCode !== null || performance.now() > untilMs) throw new Error(`prosody is not there: ${said}`);
  }
  return {
    c2s,
    c2sTls,
    s2s,
    async stop() {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  const opened = new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  const isThere = await opened;
  socket.destroy();
  return isThere;
}
