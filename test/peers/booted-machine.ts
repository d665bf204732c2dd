/**
 * A machine that systemd has booted, in namespaces of this one: its own processes, network and mounts. It begins as a root folder, and what it
 * writes is gone when it stops.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const script = join(project, 'test/peers/booted-machine.sh');
const namespaces = ['--pid', '--mount', '--uts', '--ipc', '--cgroup', '--net'];

/** Why no machine can be booted here; false when it can. */
export const cannotBoot: string | false =
  spawnSync('unshare', [...namespaces, '--fork', 'true']).status === 0 &&
  spawnSync('test', ['-x', '/lib/systemd/systemd']).status === 0
    ? false
    : 'systemd and the rights of root are needed';

export interface Said {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

/** A path in the project as the machine sees it; other paths are the same there. */
export const inMachine = (path: string): string =>
  path.startsWith(`${project}/`) ? `/opt/skylark${path.slice(project.length)}` : path;

export class BootedMachine {
  readonly #unshare: ChildProcess;
  readonly #place: string;
  readonly #pid: string;

  private constructor(unshare: ChildProcess, place: string, pid: string) {
    this.#unshare = unshare;
    this.#place = place;
    this.#pid = pid;
  }

  /** Resolves when systemd says that it runs. @param root the folder that the machine begins as */
  static async boot(root = '/'): Promise<BootedMachine> {
    const place = mkdtempSync(join(tmpdir(), 'skylark-machine-'));
    const child = spawn(script, [place, root, project], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        said += chunk;
      });
    for (let step = 0; step < 300 && child.exitCode === null; step++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const [pid] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ');
      if (!pid) continue;
      const machine = new BootedMachine(child, place, pid);
      if (/running|degraded/.test(machine.run('systemctl', ['is-system-running']).out)) return machine;
    }
    child.kill('SIGKILL');
    throw new Error(`systemd did not boot: ${said}`);
  }

  run(program: string, args: readonly string[], input: string | Buffer = ''): Said {
    const enter = ['-t', this.#pid, '-p', '-m', '-u', '-i', '-C', '-n', '-r', '-w', 'setsid', '-w'];
    const path = ['/usr/bin/env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'];
    const { stdout, stderr, status, error } = spawnSync('nsenter', [...enter, ...path, program, ...args], {
      ...{ encoding: 'utf8', input, timeout: 60_000, cwd: '/' },
    });
    if (error) throw error;
    return { out: stdout, err: stderr, code: status };
  }

  async stop(): Promise<void> {
    this.#unshare.kill('SIGKILL');
    rmSync(this.#place, { recursive: true, force: true });
    // The groups of its processes can be removed when the last of them has ended.
    const name = basename(this.#place);
    for (let step = 0; step < 100; step++) {
      const groups = globSync(`/sys/fs/cgroup/{,unified/}${name}{,/**}/`).toSorted().toReversed();
      if (groups.length === 0) return;
      spawnSync('rmdir', groups);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
