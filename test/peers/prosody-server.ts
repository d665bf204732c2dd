/** Debian's prosody, as somebody else's server. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Identity } from '../support/authority.ts';
import { freePorts } from '../support/free-ports.ts';
import { asking, type OtherFederation, type OtherServer, password, ServerProcess, theirAccounts } from './other-server.ts';

export interface Prosody extends OtherServer {
  readonly c2s: number;
  readonly s2s: number;
}

/** @param folder of its own; somebody may sign in as `juliet`, or as {@link theirAccounts} when it federates */
export async function startProsody(
  folder: string,
  domain: string,
  { cert, key }: Identity,
  federation?: OtherFederation,
): Promise<Prosody> {
  const [c2s, c2sTls, freePort] = (await freePorts(3)) as [number, number, number];
  const s2s = federation === undefined ? freePort : federation.isDirectTls ? 5270 : 5269;
  const at = (name: string) => join(folder, name);
  mkdirSync(at('data'), { recursive: true });
  writeFileSync(at('cert.pem'), cert);
  writeFileSync(at('key.pem'), key);
  const ca = federation?.ca ? `; cafile = "${federation.ca}"` : '';
  const ssl = `{ certificate = "${at('cert.pem')}"; key = "${at('key.pem')}"${ca} }`;
  const modules = ['roster', 'saslauth', 'tls', 'dialback', 'disco', 'ping', 'smacks', 'vcard', 'version'];
  const bothWays = federation?.isBothWays ? ['s2s_bidi'] : [];
  const more = federation ? ['carbons', 'mam', 'blocklist', 'pep', ...bothWays] : [];
  const listed = [...modules, ...more].map((name) => `"${name}"`).join(', ');
  writeFileSync(
    at('prosody.cfg.lua'),
    `run_as_root = true
pidfile = "${at('prosody.pid')}"
data_path = "${at('data')}"
interfaces = { "127.0.0.1" }
c2s_ports = { ${c2s} }
c2s_direct_tls_ports = { ${c2sTls} }
s2s_ports = { ${federation?.isDirectTls ? '' : s2s} }
s2s_direct_tls_ports = { ${federation?.isDirectTls ? s2s : ''} }
s2s_interfaces = { "${federation?.address ?? '127.0.0.1'}" }
s2s_direct_tls_interfaces = { "${federation?.address ?? '127.0.0.1'}" }
s2s_secure_auth = ${federation?.ca !== undefined}
s2s_require_encryption = true
http_ports = {}
https_ports = {}
modules_enabled = { ${listed} }
authentication = "internal_hashed"
c2s_require_encryption = true
ssl = ${ssl}
c2s_direct_tls_ssl = ${ssl}
s2s_direct_tls_ssl = ${ssl}
log = { ${federation ? 'debug' : 'info'} = "*console" }
VirtualHost "${domain}"
  ssl = ${ssl}
Component "rooms.${domain}" "muc"
  modules_enabled = { ${federation ? '"muc_mam"' : ''} }
  ssl = ${ssl}
Component "pubsub.${domain}" "pubsub"
  admins = { "${theirAccounts[0]}@${domain}" }
  ssl = ${ssl}
`,
  );
  const config = ['--config', at('prosody.cfg.lua')];
  for (const local of federation ? theirAccounts : ['juliet']) {
    const added = spawnSync('prosodyctl', [...config, 'register', local, domain, password], { encoding: 'utf8' });
    if (added.status !== 0) throw new Error(`prosodyctl: ${added.stdout}${added.stderr}`);
  }
  const command = ['prosody', '-F', ...config];
  const run = federation ? asking(federation.resolver, folder, command) : command;
  const endpoints = [{ port: c2s }, { port: c2sTls }, { port: s2s, host: federation?.address }];
  const server = new ServerProcess(run, endpoints);
  await server.start();
  return {
    c2s,
    c2sTls,
    s2s,
    get output() {
      return server.output;
    },
    start: () => server.start(),
    kill: (signal) => server.kill(signal),
    stop: () => server.kill('SIGTERM'),
  };
}
