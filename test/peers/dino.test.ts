/**
 * Debian's Dino in a window of its own (Xvfb): signs in, asks for the servers for calls (XEP-0215), and gets a password that Debian's coturn
 * takes. Dino trusts the authorities of the system alone, and knows no other port than 5222; so it runs where the file of authorities is
 * another one, which needs root. Leaves a screenshot.
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { Deadline } from '../../services/cli/doctor/deadline.ts';
import { StunClient } from '../../services/cli/doctor/stun-client.ts';
import { anyPorts, Service, skylark } from '../cli/skylark-command.ts';
import { createAuthority } from '../support/authority.ts';
import { until } from '../support/until.ts';
import { Coturn } from './coturn-server.ts';
import { cannotTrust, trusting } from './private-authorities.ts';
import { end, Screen } from './screen.ts';

const domain = 'localhost';
const jid = `juliet@${domain}`;
const secret = 'a rose by any other name';
/** How long Dino may have its tables locked while it makes them. */
const busyMs = 10_000;
const folder = mkdtempSync(join(tmpdir(), 'skylark-dino-'));
const database = join(folder, '.local/share/dino/dino.db');
const shots = new URL('../../.cache/screenshots/', import.meta.url).pathname;
const skip = cannotTrust;
let screen: Screen | undefined;
let coturn: Coturn | undefined;
let service: Service | undefined;

before(async () => {
  if (skip) return;
  mkdirSync(shots, { recursive: true });
  coturn = await Coturn.start(folder, secret);
  const authority = await createAuthority();
  const { cert, key } = await authority.issue([domain]);
  for (const [name, text] of Object.entries({ 'ca.pem': authority.cert, 'cert.pem': cert, 'key.pem': key }))
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  const data = join(folder, 'data');
  const files = ['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')];
  service = await Service.start(['start', '--domain', domain, '--data', data, ...files, ...anyPorts, '--c2s-port', '5222']);
  const { port } = coturn;
  for (const command of [
    ['user', 'add', jid, '--password', 'capulet'],
    [
      'tenant',
      'set',
      domain,
      '--call-servers',
      `stun:127.0.0.1:${port},turn:127.0.0.1:${port}?transport=udp`,
      '--turn-secret',
      secret,
    ],
  ]) {
    const { err, code } = await skylark([...command, '--data', data]);
    if (code !== 0) throw new Error(err);
  }
  screen = await Screen.open();
});

after(async () => {
  screen?.close();
  await service?.stop();
  coturn?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function startDino(): ChildProcess {
  const home = { HOME: folder, XDG_RUNTIME_DIR: folder, LANG: 'C.UTF-8' };
  const env = { ...process.env, ...home, GDK_BACKEND: 'x11', NO_AT_BRIDGE: '1', GTK_A11Y: 'none', GSK_RENDERER: 'cairo' };
  const [program, ...args] = trusting(join(folder, 'ca.pem'), ['dbus-run-session', '--', 'dino-im', '--print-xmpp=all']);
  return screen!.start(program!, args, env);
}

/** Dino makes its tables when it runs first; then it gets an account as its own window would make it. */
async function addAccount(): Promise<void> {
  const first = startDino();
  await until(
    () => existsSync(database) && hasTables(),
    () => `Dino's tables: ${screen!.output.slice(-4_000)}`,
  );
  end(first);
  const tables = new DatabaseSync(database, { timeout: busyMs });
  tables
    .prepare('INSERT INTO account (bare_jid, resourcepart, password, alias, enabled) VALUES (?, ?, ?, ?, 1)')
    .run(jid, 'dino.78', 'capulet', '');
  tables.close();
}

function hasTables(): boolean {
  const tables = new DatabaseSync(database, { readOnly: true, timeout: busyMs });
  try {
    return tables.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'settings'`).get() !== undefined;
  } finally {
    tables.close();
  }
}

test('XEP-0215: Dino signs in, asks for servers for calls, and coturn takes the password that it is given', {
  skip,
}, async () => {
  await addAccount();
  startDino();
  // It prints names with their namespaces: `{urn:xmpp:extdisco:2}:password='…'`.
  const relay = () => /\bservice [^>\n]*:type='turn'[^>\n]*/.exec(screen!.output)?.[0];
  const given = (name: string) => new RegExp(`:${name}='([^']+)'`).exec(relay() ?? '')?.[1];
  await until(
    () => given('password') !== undefined,
    () => `servers for calls: ${screen!.output.slice(-4_000)}`,
  );
  screen!.picture(join(shots, 'dino.png'));
  const server = { type: 'turn', host: '127.0.0.1', port: coturn!.port, transport: 'udp' } as const;
  const client = await StunClient.connect(server, '127.0.0.1', new Deadline(8_000, 8_000));
  await client.allocate({ username: given('username')!, password: given('password')! });
  client.close();
});
