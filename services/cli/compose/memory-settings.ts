/**
 * Settings of the memory allocator and the garbage collector that suit a process with many idle TLS streams. Both read their
 * settings when a process begins, so the process replaces itself once, under the same process id.
 *
 * Each TLS stream of Node reads into a buffer of 64 KiB, of which it uses one page. By default glibc allocates these buffers on
 * its heap, where most of their pages are dirty already. Above the threshold each buffer is a mapping of its own, and pages that
 * nobody has touched cost nothing.
 *
 * The young generation of V8 is bounded. If it may grow to 2 × 32 MB, it does so while many clients sign in, and shrinks only when the old
 * generation has been collected.
 */
import { existsSync } from 'node:fs';

export interface Invocation {
  readonly platform: NodeJS.Platform;
  /** The value of `process.argv`: the program, the main file, the command. */
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** True when a parent talks to the process through a descriptor that does not survive the replacement. */
  readonly isForked: boolean;
  /** A file that takes the main file as its first argument, and ends the program when the shell in which npm runs it ends. */
  readonly wrapper: string;
}

/** The arguments of `process.execve`. */
export interface Replacement {
  readonly args: readonly string[];
  readonly environment: Record<string, string>;
}

/** The commands that hold streams or rows for a long time. */
const servingCommands: ReadonlySet<string | undefined> = new Set(['start', 'serve']);

const allocator = { MALLOC_MMAP_THRESHOLD_: `${64 * 1024}` };
const collector = ['--max-semi-space-size=8'];

/** @returns undefined when the process needs no replacement, or when the operator has set the allocator up already */
export function replacementOf({ platform, argv, execArgv, environment, isForked, wrapper }: Invocation): Replacement | undefined {
  const [program, main, command] = argv;
  if (platform !== 'linux' || isForked || program === undefined || main === undefined || !servingCommands.has(command))
    return undefined;
  const isSet = Object.keys(environment).some((name) => name.startsWith('MALLOC_') || name === 'GLIBC_TUNABLES');
  if (isSet) return undefined;
  const needsWrapper = environment.npm_lifecycle_event !== undefined && existsSync(wrapper);
  return {
    // When a flag is given twice the last one counts, so the flags of the operator win.
    args: [
      program,
      ...(environment.NODE_OPTIONS?.includes('semi') ? [] : collector),
      ...execArgv,
      ...(needsWrapper ? [wrapper] : []),
      ...argv.slice(1),
    ],
    environment: Object.fromEntries(
      Object.entries({ ...environment, ...allocator }).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
  };
}
