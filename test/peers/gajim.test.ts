/**
 * Debian's Gajim in a window of its own (Xvfb): signs in, enters the room that its account has bookmarked (XEP-0048 in XEP-0049),
 * hears what is said there and answers. Leaves a screenshot.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';

const shots = new URL('../../.cache/screenshots/', import.meta.url).pathname;
const display = ':77';
const room = 'verona@conference.localhost';
const nobody = 65534;

let skylark: Skylark;
let juliet: TcpClient;
const home = mkdtempSync(join(tmpdir(), 'skylark-gajim-'));
const children: ChildProcess[] = [];

before(async () => {
  mkdirSync(shots, { recursive: true });
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
});

after(async () => {
  for (const child of children.reverse()) if (child.pid) kill(child.pid);
  await skylark.stop();
  rmSync(home, { recursive: true, force: true });
});

function kill(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

test('Gajim signs in, enters a bookmarked room, hears and speaks', async () => {
  await bookmark();
  juliet = await TcpClient.signIn(skylark.ports.c2sTls, 'juliet@localhost/balcony', 'capulet');
  juliet.send(`<presence/><presence to='${room}/juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await juliet.next(({ xml }) => xml.includes('status code="110"'));
  await juliet.ask(
    'config',
    `<iq type='set' id='config' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
  );
  start('Xvfb', [display, '-screen', '0', '1200x800x24', '-nolisten', 'tcp']);
  await pause(1_000);
  startGajim();

  await juliet.next(({ name, attributes }) => name === 'presence' && attributes.from === `${room}/romeo`);
  juliet.send(`<message type='groupchat' to='${room}'><body>Wherefore art thou Romeo?</body></message>`);
  await juliet.next(({ xml }) => xml.includes('Wherefore art thou'));
  const answer = await speakUntilHeard('Call me but love, by a name I know not');
  screenshot('gajim.png');
  assert.match(answer, /type="groupchat"/);
});

/** With the account that Gajim will use, before it does. */
async function bookmark(): Promise<void> {
  const romeo = await TcpClient.signIn(skylark.ports.c2sTls, 'romeo@localhost/setup', 'montague');
  const conference = `<conference jid='${room}' name='Verona' autojoin='true'><nick>romeo</nick></conference>`;
  await romeo.ask(
    'bookmark',
    `<iq type='set' id='bookmark'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>${conference}</storage></query></iq>`,
  );
  await romeo.close();
}

function start(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const child = spawn(command, args, { stdio: 'ignore', env, detached: true });
  children.push(child);
  return child;
}

/** Gajim refuses to run as root, and would ask whether to trust the certificate. */
function startGajim(): void {
  const config = join(home, '.config/gajim');
  const certificates = join(home, '.local/share/gajim/cert_store');
  mkdirSync(config, { recursive: true });
  mkdirSync(certificates, { recursive: true });
  for (const name of readdirSync(join(skylark.data, 'tls'))) {
    if (/cert/.test(name)) cpSync(join(skylark.data, 'tls', name), join(certificates, 'skylark'));
  }
  writeSettings(join(config, 'settings.sqlite'));
  const environment = {
    ...process.env,
    HOME: home,
    DISPLAY: display,
    XDG_RUNTIME_DIR: home,
    GDK_BACKEND: 'x11',
    LANG: 'C.UTF-8',
    NO_AT_BRIDGE: '1',
  };
  const command = ['dbus-run-session', '--', 'gajim'];
  if (process.getuid?.() === 0) {
    execFileSync('chown', ['-R', `${nobody}`, home]);
    chownSync(home, nobody, nobody);
    chmodSync(home, 0o700);
    start('setpriv', [`--reuid=${nobody}`, '--clear-groups', ...command], environment);
  } else {
    start(command[0]!, command.slice(1), environment);
  }
}

function writeSettings(file: string): void {
  const account = {
    name: 'romeo',
    hostname: 'localhost',
    active: true,
    autoconnect: true,
    password: 'montague',
    savepass: true,
    use_custom_host: true,
    custom_host: '127.0.0.1',
    custom_port: skylark.ports.c2s,
    custom_type: 'START TLS',
    account_label: 'romeo',
  };
  const chats = [{ account: 'romeo', jid: { __type: 'JID', value: room }, type: 'groupchat', pinned: false, position: 0 }];
  const settings = {
    app: { use_keyring: false, check_for_update: false, last_main_window_visible: true },
    soundevents: {},
    status_presets: {},
    proxies: {},
    plugins: {},
    workspaces: { one: { name: 'Verona', color: '', avatar_sha: '', chats } },
  };
  const database = new DatabaseSync(file);
  database.exec(
    'CREATE TABLE settings (name TEXT UNIQUE, settings TEXT); CREATE TABLE account_settings (account TEXT UNIQUE, settings TEXT)',
  );
  const insert = database.prepare('INSERT INTO settings VALUES (?, ?)');
  for (const [name, value] of Object.entries(settings)) insert.run(name, JSON.stringify(value));
  const value = JSON.stringify({ account, contact: {}, group_chat: {} });
  database.prepare('INSERT INTO account_settings VALUES (?, ?)').run('romeo', value);
  database.exec('PRAGMA user_version = 5');
  database.close();
}

/** The window has no sign that it is ready for keys but that they arrive. */
async function speakUntilHeard(text: string): Promise<string> {
  let heard = '';
  juliet.onElement = ({ name, attributes, xml }) => {
    if (name === 'message' && attributes.from === `${room}/romeo` && xml.includes(text)) heard = xml;
  };
  for (let tries = 0; tries < 5 && heard === ''; tries++) {
    await speak(text);
    for (let waited = 0; waited < 4_000 && heard === ''; waited += 100) await pause(100);
  }
  return heard;
}

/** Clicks on the room in the list of chats and types. */
async function speak(text: string): Promise<void> {
  const x = (...args: string[]) => execFileSync('xdotool', args, { env: { ...process.env, DISPLAY: display }, encoding: 'utf8' });
  x('mousemove', '200', '165', 'click', '1');
  await pause(700);
  x('type', '--delay', '20', text);
  x('key', 'Return');
}

function screenshot(name: string): void {
  execFileSync('import', ['-display', display, '-window', 'root', join(shots, name)]);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
