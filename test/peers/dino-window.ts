/**
 * Debian's Dino in a window of its own (Xvfb). It trusts the authorities of the system alone, so it runs where their file is another one; it knows
 * no other port than 5222. A test presses what is in its window, and reads what it says on its streams.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { until } from '../support/until.ts';
import { Desktop } from './desktop.ts';
import { trusting } from './private-authorities.ts';
import { end } from './screen.ts';

/** How long Dino may have its tables locked while it makes them. */
const busyMs = 10_000;
const name = 'im.dino.Dino';

export class DinoWindow {
  readonly #desktop: Desktop;
  readonly #home: string;
  readonly #command: readonly string[];

  private constructor(desktop: Desktop, home: string, authorities: string) {
    this.#desktop = desktop;
    this.#home = home;
    this.#command = trusting(authorities, ['dino-im', '--print-xmpp=all']);
  }

  /** Signs in, with the resource `dino`. @param authorities a file, PEM */
  static async open(jid: string, password: string, authorities: string): Promise<DinoWindow> {
    const home = mkdtempSync(join(tmpdir(), 'skylark-dino-'));
    const window = new DinoWindow(await Desktop.open(home), home, authorities);
    await window.#addAccount(jid, password);
    window.#start();
    return window;
  }

  /** What it says on its streams, names with their namespaces: `{urn:xmpp:extdisco:2}:password='…'`. */
  get streams(): string {
    return this.#desktop.screen.output;
  }

  /** Opens the chat with somebody. */
  openChat(jid: string): Promise<void> {
    return this.#desktop.call('dino-im', `xmpp:${jid}?message`);
  }

  /** Pastes a picture into the chat that is open, and sends it. @param path of a PNG */
  async sendPicture(path: string): Promise<void> {
    const clipboard = this.#desktop.start(['xclip', '-selection', 'clipboard', '-t', 'image/png', '-i', path, '-quiet']);
    await this.#desktop.call(
      'sh',
      '-c',
      'until xclip -selection clipboard -t TARGETS -o | grep -q image/png; do sleep 0.1; done',
    );
    await this.#desktop.press('GtkTextView', 'clipboard.paste');
    await this.#desktop.press('Send');
    end(clipboard);
  }

  /** Calls whom the chat that is open is with. */
  callUp(): Promise<void> {
    return this.#desktop.press('GtkMenuButton', 'call.audio');
  }

  /** Takes the call that rings, as soon as one does. */
  async takeCall(): Promise<void> {
    const find = () =>
      this.#read('SELECT conversation.id AS conversation, call.id AS call FROM call, conversation ORDER BY call.id LIMIT 1');
    await until(
      () => find() !== undefined,
      () => `a call for Dino: ${this.streams.slice(-4_000)}`,
    );
    const { conversation, call } = find()!;
    await this.#desktop.activate(name, 'accept-call', [conversation!, call!]);
  }

  screenshot(path: string): void {
    this.#desktop.screen.picture(path);
  }

  close(): void {
    this.#desktop.close();
    rmSync(this.#home, { recursive: true, force: true });
  }

  #start() {
    return this.#desktop.start(this.#command, { GSK_RENDERER: 'cairo' });
  }

  /** Dino makes its tables when it runs first; then it gets an account as its own window would make it. */
  async #addAccount(jid: string, password: string): Promise<void> {
    const first = this.#start();
    await until(
      () => this.#read(`SELECT 1 FROM sqlite_master WHERE name = 'settings'`) !== undefined,
      () => `Dino's tables: ${this.streams.slice(-4_000)}`,
    );
    const ended = new Promise((resolve) => first.once('exit', resolve));
    end(first);
    await ended;
    const tables = new DatabaseSync(this.#database, { timeout: busyMs });
    tables
      .prepare('INSERT INTO account (bare_jid, resourcepart, password, alias, enabled) VALUES (?, ?, ?, ?, 1)')
      .run(jid, 'dino', password, '');
    tables.close();
  }

  get #database(): string {
    return join(this.#home, '.local/share/dino/dino.db');
  }

  #read(query: string): Record<string, number> | undefined {
    if (!existsSync(this.#database)) return undefined;
    const tables = new DatabaseSync(this.#database, { readOnly: true, timeout: busyMs });
    try {
      return tables.prepare(query).get() as Record<string, number> | undefined;
    } finally {
      tables.close();
    }
  }
}
