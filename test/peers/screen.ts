/** A screen of Xvfb for programs with windows. X chooses its number itself, so that tests beside each other never have the same. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { until } from '../support/until.ts';

const size = '1200x800x24';
const outputMax = 1_000_000;

export class Screen {
  readonly #children: ChildProcess[] = [];
  #display = '';
  #output = '';

  private constructor() {}

  static async open(): Promise<Screen> {
    const screen = new Screen();
    const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', size, '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      detached: true,
    });
    screen.#children.push(server);
    let number = '';
    server.stdio[3]!.on('data', (chunk: Buffer) => {
      number += chunk;
    });
    await until(
      () => number.endsWith('\n'),
      () => 'a screen of Xvfb',
    );
    screen.#display = `:${number.trim()}`;
    return screen;
  }

  /** What the programs have printed, the last of it. */
  get output(): string {
    return this.#output;
  }

  /** Starts a program whose windows are on this screen; it ends with it. */
  start(command: string, args: readonly string[], environment: NodeJS.ProcessEnv): ChildProcess {
    const child = this.run(command, args, environment);
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-outputMax);
      });
    }
    return child;
  }

  /** The same for a program whose output is read by the caller. */
  run(command: string, args: readonly string[], environment: NodeJS.ProcessEnv): ChildProcess {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: this.environment(environment), detached: true });
    child.stderr!.resume();
    this.#children.push(child);
    return child;
  }

  environment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    return { ...more, DISPLAY: this.#display };
  }

  /** Tells xdotool what to do. */
  keys(...args: string[]): void {
    execFileSync('xdotool', args, { env: this.environment(process.env) });
  }

  picture(path: string): void {
    execFileSync('import', ['-display', this.#display, '-window', 'root', path]);
  }

  close(): void {
    for (const child of this.#children.reverse()) end(child);
  }
}

/** Kills a program and all that it has started. */
export function end(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // it has ended
  }
}
