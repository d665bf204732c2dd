/**
 * Debian's Gajim in a window of its own (Xvfb), with an account and a room among its chats; keys go to it as a person's would. What it has
 * heard is read from its own history.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Skylark } from '../support/skylark.ts';
import { until } from '../support/until.ts';

const nobody = 65534;
const screen = '1200x800x24';

export class GajimWindow {
  readonly #display: string;
  readonly #home = mkdtempSync(join(tmpdir(), 'skylark-gajim-'));
  readonly #children: ChildProcess[] = [];

  private constructor(display: string) {
    this.#display = display;
  }

  /**
   * Signs in, and enters `room` when the account has it bookmarked.
   * @param display of X, such as `:77`, that nobody else has
   */
  static async open(skylark: Skylark, account: GajimAccount, room: string, display: string): Promise<GajimWindow> {
    const window = new GajimWindow(display);
    window.#start('Xvfb', [display, '-screen', '0', screen, '-nolisten', 'tcp']);
    await until(
      () => existsSync(`/tmp/.X11-unix/X${display.slice(1)}`),
      () => 'a screen of Xvfb',
    );
    window.#startGajim(skylark, account, room);
    return window;
  }

  /** Chooses the room in the list of chats, types and presses Enter. The window has no sign that it is ready for keys but that they arrive. */
  async type(text: string): Promise<void> {
    this.#keys('mousemove', '200', '165', 'click', '1');
    await pause(700);
    this.#keys('mousemove', '650', '476', 'click', '1');
    await pause(200);
    this.#keys('type', '--delay', '20', text);
    this.#keys('key', 'Return');
  }

  /** Types again and again until the others have seen what came of it. @param isSeen asked until it says so */
  async typeUntil(text: string, isSeen: () => boolean): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      await this.type(text);
      for (let waited = 0; waited < 4_000; waited += 100) {
        if (isSeen()) return;
        await pause(100);
      }
    }
    throw new Error(`nobody saw what came of “${text}” in Gajim`);
  }

  /** What its history has of a room, oldest first. */
  heard(room: string): { readonly nick: string; readonly text: string }[] {
    const file = join(this.#home, '.local/share/gajim/logs.db');
    if (!existsSync(file)) return [];
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      const rows = database
        .prepare(
          'SELECT contact_name AS nick, message AS text FROM logs JOIN jids USING (jid_id) WHERE jid = ? AND message IS NOT NULL ORDER BY log_line_id',
        )
        .all(room);
      return rows as { nick: string; text: string }[];
    } finally {
      database.close();
    }
  }

  /** A picture that it has fetched. @param hash SHA-1 of the bytes, by which it names them */
  avatar(hash: string): Buffer | undefined {
    const file = join(this.#home, '.cache/gajim/avatars', hash);
    return existsSync(file) ? readFileSync(file) : undefined;
  }

  screenshot(path: string): void {
    execFileSync('import', ['-display', this.#display, '-window', 'root', path]);
  }

  close(): void {
    for (const child of this.#children.reverse()) if (child.pid) kill(child.pid);
    rmSync(this.#home, { recursive: true, force: true });
  }

  #keys(...args: string[]): void {
    execFileSync('xdotool', args, { env: { ...process.env, DISPLAY: this.#display } });
  }

  #start(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): void {
    this.#children.push(spawn(command, args, { stdio: 'ignore', env, detached: true }));
  }

  /** Gajim refuses to run as root, and would ask whether to trust the certificate. */
  #startGajim(skylark: Skylark, account: GajimAccount, room: string): void {
    const home = this.#home;
    const config = join(home, '.config/gajim');
    const certificates = join(home, '.local/share/gajim/cert_store');
    mkdirSync(config, { recursive: true });
    mkdirSync(certificates, { recursive: true });
    for (const name of readdirSync(join(skylark.data, 'tls'))) {
      if (/cert/.test(name)) cpSync(join(skylark.data, 'tls', name), join(certificates, 'skylark'));
    }
    writeSettings(join(config, 'settings.sqlite'), account, skylark.ports.c2s, room);
    const environment = {
      ...process.env,
      HOME: home,
      DISPLAY: this.#display,
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
      this.#start('setpriv', [`--reuid=${nobody}`, '--clear-groups', ...command], environment);
    } else {
      this.#start(command[0]!, command.slice(1), environment);
    }
  }
}

export interface GajimAccount {
  readonly local: string;
  readonly domain: string;
  readonly password: string;
}

function writeSettings(file: string, { local, domain, password }: GajimAccount, port: number, room: string): void {
  const account = {
    name: local,
    hostname: domain,
    active: true,
    autoconnect: true,
    password,
    savepass: true,
    sync_with_global_status: true,
    use_custom_host: true,
    custom_host: '127.0.0.1',
    custom_port: port,
    custom_type: 'START TLS',
    account_label: local,
  };
  const chats = [{ account: local, jid: { __type: 'JID', value: room }, type: 'groupchat', pinned: true, position: 0 }];
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
  database.prepare('INSERT INTO account_settings VALUES (?, ?)').run(local, value);
  database.exec('PRAGMA user_version = 5');
  database.close();
}

/** With the account that Gajim will use, before it does (XEP-0048 in XEP-0049). */
export function bookmark(room: string, nick: string): string {
  const conference = `<conference jid='${room}' name='Verona' autojoin='true'><nick>${nick}</nick></conference>`;
  return `<iq type='set' id='bookmark'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>${conference}</storage></query></iq>`;
}

function kill(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
