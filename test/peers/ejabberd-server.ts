/** Debian's ejabberd, as somebody else's server. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Identity } from '../support/authority.ts';
import { freePorts } from '../support/free-ports.ts';
import { asking, type OtherFederation, type OtherServer, password, ServerProcess, theirAccounts } from './other-server.ts';

/** @param folder of its own; {@link theirAccounts} may sign in */
export async function startEjabberd(
  folder: string,
  domain: string,
  { cert, key }: Identity,
  { address, resolver, ca }: OtherFederation,
): Promise<OtherServer> {
  const [c2sTls] = (await freePorts(1)) as [number];
  const at = (name: string) => join(folder, name);
  mkdirSync(at('database'), { recursive: true });
  writeFileSync(at('identity.pem'), `${cert}${key}`);
  writeFileSync(
    at('ejabberd.yml'),
    `loglevel: debug
log_rotate_count: 0
hosts: ["${domain}"]
certfiles: ["${at('identity.pem')}"]
${ca ? `ca_file: "${ca}"` : ''}
listen:
  - { port: ${c2sTls}, ip: "127.0.0.1", module: ejabberd_c2s, tls: true }
  - { port: 5269, ip: "${address}", module: ejabberd_s2s_in }
s2s_use_starttls: required
outgoing_s2s_families: [ipv4]
auth_password_format: scram
shaper_rules: { max_user_offline_messages: 1000 }
modules:
  ${ca ? '' : 'mod_s2s_dialback: {}'}
  mod_blocking: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_disco: {}
  mod_mam: { default: always }
  mod_muc: { host: "rooms.${domain}", default_room_options: { mam: true } }
  mod_offline: {}
  mod_ping: {}
  mod_privacy: {}
  mod_pubsub: { plugins: [flat, pep] }
  mod_roster: {}
  mod_stream_mgmt: {}
  mod_vcard: {}
  mod_version: {}
`,
  );
  const registered = theirAccounts.map((name) => `ejabberd_auth:try_register(<<"${name}">>,<<"${domain}">>,<<"${password}">>)`);
  // Without a name the node does not start Erlang's name server. Whoever is registered already stays so.
  const command = [
    'erl',
    '-noinput',
    '-mnesia',
    'dir',
    `"${at('database')}"`,
    '-s',
    'ejabberd',
    '-eval',
    `${registered.join(', ')}.`,
  ];
  const server = new ServerProcess(asking(resolver, folder, command), [{ port: c2sTls }, { port: 5269, host: address }], {
    HOME: folder,
    ERL_LIBS: '/usr/lib/x86_64-linux-gnu',
    ERL_CRASH_DUMP: at('crash.dump'),
    EJABBERD_CONFIG_PATH: at('ejabberd.yml'),
    EJABBERD_LOG_PATH: at('ejabberd.log'),
  });
  await server.start();
  return {
    c2sTls,
    get output() {
      return server.output;
    },
    start: () => server.start(),
    kill: (signal) => server.kill(signal),
    stop: () => server.kill('SIGTERM'),
  };
}
