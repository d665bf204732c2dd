/** A terminal program in tmux, with a home of its own: keys in, screen out. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const waitMs = 20_000;

export class Terminal {
  readonly #socket: string;
  readonly #home: string;

  constructor(name: string, command: string) {
    const home = mkdtempSync(join(tmpdir(), `skylark-${command}-`));
    this.#home = home;
    this.#socket = `skylark-test-${name}-${process.pid}`;
    const environment = {
      ...process.env,
      HOME: home,
      XDG_CONFIG_HOME: `${home}/.config`,
      XDG_DATA_HOME: `${home}/.local/share`,
      LANG: 'C.UTF-8',
      TERM: 'xterm-256color',
    };
    execFileSync('tmux', ['-L', this.#socket, '-f', '/dev/null', 'new-session', '-d', '-x', '150', '-y', '50', command], {
      env: environment,
    });
  }

  /** Types a line and Enter. */
  type(line: string): void {
    this.#tmux('send-keys', '-l', line);
    this.#tmux('send-keys', 'Enter');
  }

  screen(): string {
    return this.#tmux('capture-pane', '-p');
  }

  /** @throws with the screen when the text does not show up in time */
  async see(pattern: RegExp): Promise<string> {
    for (let waited = 0; waited < waitMs; waited += 200) {
      const screen = this.screen();
      if (pattern.test(screen)) return screen;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error(`${pattern} did not show up on the screen:\n${this.screen()}`);
  }

  close(): void {
    try {
      this.#tmux('kill-server');
    } catch {
      // it has ended by itself
    }
    rmSync(this.#home, { recursive: true, force: true });
  }

  #tmux(...args: string[]): string {
    return execFileSync('tmux', ['-L', this.#socket, ...args], { encoding: 'utf8' });
  }
}
