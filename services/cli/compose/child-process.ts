/** Starts one process of a cluster (`skylark serve …`), waits until it reports where it listens, and tells when it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { Refusal } from '../core/report.ts';
import { programLimits } from '../limits.ts';
import type { Addresses } from './listening.ts';

const addressesSchema = z.record(z.string(), z.object({ address: z.string(), port: z.number() }));
const readySchema = z.object({ event: z.literal('listening'), addresses: addressesSchema });

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly service: string;
  readonly name: string;
  readonly pid: number;
  readonly addresses: Addresses;
  readonly ended: Promise<Ending>;
  /** Sends SIGTERM, and SIGKILL when the process has not ended within the bound of a stop. */
  stop(): Promise<void>;
}

/** The main file of the `skylark` command, or the bundle that includes this file. */
export const program = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../main.ts' : import.meta.url, import.meta.url),
);
/** When a child is killed after SIGTERM, ms. The child bounds its own stop; this is for a child that does not even begin it. */
const killAfterMs = serviceLimits.shutdownMs + programLimits.childKillMs;

/** Node arguments that children inherit. The debugger is left out, because two processes cannot share its port. */
const ownArguments = process.execArgv.filter((argument) => !argument.startsWith('--inspect'));

/**
 * Starts a child and resolves when it is ready. The child's log goes to our stderr.
 * @param attach is called at once with our end of a socket, whose other end is descriptor 3 of the child
 * @throws {Refusal} when the child ends before it is ready, or is not ready in time
 */
export async function startChild(
  service: string,
  name: string,
  args: readonly string[],
  attach?: (link: Socket) => void,
): Promise<Child> {
  // The child has a process group of its own, so that Ctrl-C reaches only the supervisor. Its input ends when this process ends,
  // however that happens, and the child stops then.
  const command = [...ownArguments, program, 'serve', service, '--name', name, '--until-input-ends', ...args];
  const child = spawn(process.execPath, command, {
    stdio: ['pipe', 'pipe', 'inherit', ...(attach ? ['pipe' as const] : [])],
    detached: true,
  });
  child.stdin!.on('error', () => {}); // the child has ended
  attach?.(child.stdio[3] as Socket);
  const ended = new Promise<Ending>((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const stop = () => stopChild(child, ended);
  try {
    const addresses = await readAddresses(child, ended, `${service} ${name}`);
    return { service, name, pid: child.pid!, addresses, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function readAddresses(child: ChildProcess, ended: Promise<Ending>, who: string): Promise<Addresses> {
  const lines = createInterface({ input: child.stdout! });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Refusal(`${who} was not ready within ${programLimits.childStartMs} ms`)),
      programLimits.childStartMs,
    );
  });
  const gone = ended.then((ending) => {
    throw new Refusal(`${who} ended before it was ready (${describeEnding(ending)}); what it said stands above`);
  });
  const ready = new Promise<Addresses>((resolve) => {
    lines.on('line', (line) => {
      const { data } = readySchema.safeParse(parseJson(line));
      if (data !== undefined) resolve(data.addresses);
    });
  });
  try {
    return await Promise.race([ready, late, gone]);
  } finally {
    clearTimeout(timer);
    gone.catch(() => {}); // from here on the caller watches `ended`
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

async function stopChild(child: ChildProcess, ended: Promise<Ending>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  await ended;
  clearTimeout(timer);
}

/** Says how a process ended, for people: `exit code 1`, `SIGKILL`. */
export function describeEnding({ code, signal }: Ending): string {
  if (signal !== null) return signal;
  return code === null ? 'it could not be started' : `exit code ${code}`;
}
