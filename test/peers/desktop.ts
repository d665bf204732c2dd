/**
 * A desktop for programs with windows: a screen, a session bus, and hands that press what has a name in a window or an action on the bus. They
 * find it by what programs tell screen readers (AT-SPI), so that nothing depends on where it is drawn or when.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { until } from '../support/until.ts';
import { python } from './python-script.ts';
import { Screen } from './screen.ts';

const script = new URL('./hands.py', import.meta.url).pathname;

/** What to do, as `hands.py` says. */
type Deed = Readonly<Record<string, string | readonly number[]>>;

export class Desktop {
  readonly screen: Screen;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #hands: ChildProcess;
  #answers = '';

  private constructor(screen: Screen, environment: NodeJS.ProcessEnv) {
    this.screen = screen;
    this.#environment = environment;
    this.#hands = screen.run(python, ['-W', 'ignore', script], environment);
    this.#hands.stdout!.on('data', (chunk: Buffer) => {
      this.#answers += chunk;
    });
  }

  /** @param home where the programs keep what is theirs */
  static async open(home: string): Promise<Desktop> {
    const screen = await Screen.open();
    const environment = { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, LANG: 'C.UTF-8', GDK_BACKEND: 'x11' };
    const bus = screen.run('dbus-daemon', ['--session', '--nofork', '--print-address=1'], environment);
    let address = '';
    bus.stdout!.on('data', (chunk: Buffer) => {
      address += chunk;
    });
    await until(
      () => address.endsWith('\n'),
      () => 'a session bus',
    );
    return new Desktop(screen, { ...environment, DBUS_SESSION_BUS_ADDRESS: address.trim() });
  }

  /** Starts a program, whose output is that of the screen. */
  start(command: readonly string[], more: NodeJS.ProcessEnv = {}): ChildProcess {
    return this.screen.start(command[0]!, command.slice(1), { ...this.#environment, ...more });
  }

  /** Runs a program that ends by itself. */
  async call(...command: string[]): Promise<void> {
    const child = spawn(command[0]!, command.slice(1), { env: this.screen.environment(this.#environment), stdio: 'ignore' });
    await new Promise((resolve) => child.once('exit', resolve));
  }

  /** Does the action of the first thing of that name that has it, as soon as there is one. */
  press(name: string, action = 'click'): Promise<void> {
    return this.#do({ do: 'press', name, action });
  }

  /** Writes into the first field behind a label, as soon as there is one. */
  write(label: string, text: string): Promise<void> {
    return this.#do({ do: 'write', label, text });
  }

  /** Waits for a label. */
  see(label: string): Promise<void> {
    return this.#do({ do: 'see', label });
  }

  /** Clicks on a cell of a table, as soon as there is one that says so. */
  choose(name: string): Promise<void> {
    return this.#do({ do: 'choose', name });
  }

  /** An action of a program on the bus. @param parameters as many numbers as the action takes */
  activate(program: string, action: string, parameters: readonly number[]): Promise<void> {
    return this.#do({ do: 'activate', program, action, parameters });
  }

  close(): void {
    this.screen.close();
  }

  async #do(deed: Deed): Promise<void> {
    this.#answers = '';
    this.#hands.stdin!.write(`${JSON.stringify(deed)}\n`);
    await until(
      () => this.#answers.endsWith('\n'),
      () => `hands to do ${JSON.stringify(deed)}; the last that programs said: ${this.screen.output.slice(-4_000)}`,
    );
    if (this.#answers !== 'done\n') throw new Error(`${JSON.stringify(deed)}: ${this.#answers}`);
  }
}
