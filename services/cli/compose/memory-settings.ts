/**
 * How a process that holds streams is started: with an allocator and a collector that suit many idle TLS streams. Both read their
 * settings when a process begins, so the process replaces itself once, under the same id.
 *
 * Each TLS stream of Node reads into a buffer of 64 KiB of which it uses a page. By default glibc cuts these from its heap, where most of
 * their pages were dirty before; over the threshold each is a mapping of its own, and pages that nobody touched cost nothing.
 *
 * A young generation that may grow to 2 × 32 MB does so while many sign in, and keeps it.
 */
import { existsSync } from 'node:fs';

export interface Invocation {
  readonly platform: NodeJS.Platform;
  /** `process.argv`: the program, the main file, the command. */
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By a parent that talks to it through a descriptor which does not survive. */
  readonly isForked: boolean;
  /** Ends the program when the shell that npm runs it in does; takes the main file as its first argument. */
  readonly wrapper: string;
}

/** For `process.execve`. */
export interface Replacement {
  readonly args: readonly string[];
  readonly environment: Record<string, string>;
}

/** Those that hold streams or rows for long. */
const servingCommands: ReadonlySet<string | undefined> = new Set(['start', 'serve']);

const allocator = { MALLOC_MMAP_THRESHOLD_: `${64 * 1024}` };
const collector = ['--max-semi-space-size=8'];

/** undefined: it runs as it should, or the operator has settings of their own. */
export function replacementOf({ platform, argv, execArgv, environment, isForked, wrapper }: Invocation): Replacement | undefined {
  const [program, main, command] = argv;
  if (platform !== 'linux' || isForked || program === undefined || main === undefined || !servingCommands.has(command))
    return undefined;
  const isSet = Object.keys(environment).some((name) => name.startsWith('MALLOC_') || name === 'GLIBC_TUNABLES');
  if (isSet) return undefined;
  const needsWrapper = environment.npm_lifecycle_event !== undefined && existsSync(wrapper);
  return {
    // The last of two flags counts, so what the operator gave stays.
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
