/**
 * Debian's Gajim in a window of its own (Xvfb), with an account and perhaps a room among its chats; keys go to it as a person's would, and
 * what its windows would ask it for is asked by a plugin (`gajim-remote`). What it has heard is read from its own history.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Skylark } from '../support/skylark.ts';
import { until } from '../support/until.ts';
import { trusting } from './private-authorities.ts';
import { Screen } from './screen.ts';

const nobody = 65534;
const plugin = 'gajim-remote';
const plugins = '.local/share/gajim/plugins';

export class GajimWindow {
  readonly #screen: Screen;
  readonly #home = mkdtempSync(join(tmpdir(), 'skylark-gajim-'));
  readonly #account: GajimAccount;

  private constructor(screen: Screen, account: GajimAccount) {
    this.#screen = screen;
    this.#account = account;
  }

  /** Signs in. */
  static async open(skylark: Skylark, account: GajimAccount, options: GajimOptions = {}): Promise<GajimWindow> {
    const window = new GajimWindow(await Screen.open(), account);
    window.#startGajim(skylark.ports.c2s, join(skylark.data, 'tls'), options);
    return window;
  }

  /** Chooses the room in the list of chats, types and presses Enter. The window has no sign that it is ready for keys but that they arrive. */
  async type(text: string): Promise<void> {
    this.#screen.keys('mousemove', '200', '165', 'click', '1');
    await pause(700);
    this.#screen.keys('mousemove', '650', '476', 'click', '1');
    await pause(200);
    this.#screen.keys('type', '--delay', '20', text);
    this.#screen.keys('key', 'Return');
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

  /** A file as its windows would send it, by an upload (XEP-0363). @param path of a file that everybody may read */
  sendFile(to: string, path: string): Promise<void> {
    return this.#do({ do: 'send-file', to, path });
  }

  screenshot(path: string): void {
    this.#screen.picture(path);
  }

  close(): void {
    this.#screen.close();
    rmSync(this.#home, { recursive: true, force: true });
  }

  /** Asks the plugin until Gajim is as far. @throws with Gajim's own words when it fails */
  async #do(request: Readonly<Record<string, string>>): Promise<void> {
    const socket = join(this.#home, 'remote');
    const line = JSON.stringify({ account: this.#account.local, ...request });
    let answer: Answer = { done: false };
    let isAsking = false;
    await until(
      () => {
        if (!isAsking && existsSync(socket)) {
          isAsking = true;
          void askOnce(socket, line).then((said) => {
            answer = said;
            isAsking = false;
          });
        }
        return answer.done || answer.error !== undefined;
      },
      () => `Gajim to do ${line}: ${JSON.stringify(answer)} ${this.#screen.output}`,
    );
    if (answer.error !== undefined) throw new Error(answer.error);
  }

  /** Gajim refuses to run as root, and would ask whether to trust a certificate of no authority. */
  #startGajim(port: number, certificates: string, { room, authorities }: GajimOptions): void {
    const home = this.#home;
    const config = join(home, '.config/gajim');
    const trusted = join(home, '.local/share/gajim/cert_store');
    for (const folder of [config, trusted, join(home, plugins)]) mkdirSync(folder, { recursive: true });
    if (authorities === undefined) {
      for (const name of readdirSync(certificates)) {
        if (/cert/.test(name)) cpSync(join(certificates, name), join(trusted, 'skylark'));
      }
    }
    cpSync(new URL(plugin, import.meta.url), join(home, plugins, plugin), { recursive: true });
    writeSettings(join(config, 'settings.sqlite'), this.#account, port, room);
    const environment = {
      ...process.env,
      HOME: home,
      XDG_RUNTIME_DIR: home,
      GDK_BACKEND: 'x11',
      LANG: 'C.UTF-8',
      NO_AT_BRIDGE: '1',
    };
    let command = ['dbus-run-session', '--', 'gajim'];
    if (process.getuid?.() === 0) {
      execFileSync('chown', ['-R', `${nobody}`, home]);
      chownSync(home, nobody, nobody);
      chmodSync(home, 0o700);
      command = ['setpriv', `--reuid=${nobody}`, '--clear-groups', ...command];
    }
    if (authorities !== undefined) command = trusting(authorities, command);
    this.#screen.start(command[0]!, command.slice(1), environment);
  }
}

interface GajimOptions {
  /** That it shows when it has started; it enters when the account has it bookmarked. */
  readonly room?: string;
  /** A file, PEM, which Gajim takes for those of the system; without it, Gajim trusts the certificate that Skylark has made. */
  readonly authorities?: string;
}

interface Answer {
  readonly done?: boolean;
  readonly error?: string;
}

/** One question and its answer; not done when nobody listens. */
function askOnce(path: string, line: string): Promise<Answer> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(path, () => socket.write(`${line}\n`));
    socket.on('data', (chunk) => {
      text += chunk;
      if (!text.endsWith('\n')) return;
      socket.destroy();
      resolve(JSON.parse(text) as Answer);
    });
    for (const end of ['error', 'close']) socket.once(end, () => resolve({ done: false }));
  });
}

export interface GajimAccount {
  readonly local: string;
  readonly domain: string;
  readonly password: string;
}

function writeSettings(file: string, { local, domain, password }: GajimAccount, port: number, room?: string): void {
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
  const chats =
    room === undefined
      ? []
      : [{ account: local, jid: { __type: 'JID', value: room }, type: 'groupchat', pinned: true, position: 0 }];
  const settings = {
    app: { use_keyring: false, check_for_update: false, last_main_window_visible: true },
    soundevents: {},
    status_presets: {},
    proxies: {},
    plugins: { [plugin]: { active: true } },
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

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
