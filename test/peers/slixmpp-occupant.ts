import { type ChildProcess, spawn } from 'node:child_process';
import type { Skylark } from '../support/skylark.ts';
import { until } from '../support/until.ts';
import { python } from './python-script.ts';

const script = new URL('./slixmpp/occupant.py', import.meta.url).pathname;

/** Somebody in a room with slixmpp: lines in, lines out, as `slixmpp/occupant.py` says. */
export class SlixmppOccupant {
  readonly #child: ChildProcess;
  #lines: string[] = [];
  #rest = '';

  constructor(skylark: Skylark, who: string, room: string, nick: string) {
    const { c2s, c2sTls } = skylark.ports;
    this.#child = spawn(python, [script, `${c2s}`, `${c2sTls}`, skylark.domain, who, room, nick], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    const read = (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString()).split('\n');
      this.#rest = lines.pop()!;
      this.#lines.push(...lines);
    };
    this.#child.stdout!.on('data', read);
    this.#child.stderr!.on('data', read);
  }

  do(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  /** Takes the first line that matches out of what was printed. */
  async see(pattern: RegExp): Promise<string> {
    const find = () => this.#lines.findIndex((line) => pattern.test(line));
    await until(
      () => find() >= 0,
      () => `${pattern} in what slixmpp saw:\n${this.#lines.join('\n')}`,
    );
    return this.#lines.splice(find(), 1)[0]!;
  }

  /** All lines that match and were not taken. */
  seen(pattern: RegExp): string[] {
    return this.#lines.filter((line) => pattern.test(line));
  }

  forget(): void {
    this.#lines = [];
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}
