/** Output of the command line: results go to stdout, and an error is one line on stderr and an exit code. */
import { programLimits } from '../limits.ts';

/** Thrown when a command cannot do what it was asked for. The message is one line for people; the exit code is 1. */
export class Refusal extends Error {
  override name = 'Refusal';
}

/** Thrown when the command line itself is wrong. The exit code is 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** Names of errors, of ours and of adapters, whose messages are written for people. */
const plainErrors: ReadonlySet<string> = new Set([
  ...['Refusal', 'UsageError', 'FolderInUse', 'NewerSchema', 'DamagedDatabase', 'Unavailable'],
]);

/** Prints an error. @returns the exit code */
export function reportError(error: unknown): number {
  if (error instanceof Error && plainErrors.has(error.name)) {
    process.stderr.write(`skylark: ${lineOf(error.message)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
  process.stderr.write(`skylark: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}

/** What is not seen on a terminal, steers it, or turns around what stands beside it. */
const unseen = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A message as one line, whatever was typed or read that it quotes. Of a long one, the beginning and the end say what is wrong. */
function lineOf(message: string): string {
  const line = message.replaceAll(/\s*\n\s*/g, ' ');
  const { errorBeginningMax: beginning, errorEndMax: end } = programLimits;
  const isLong = line.length > beginning + end;
  return (isLong ? `${line.slice(0, beginning)} … ${line.slice(-end)}` : line).replaceAll(unseen, escaped);
}

/** Ends the process when its output is not taken: quietly when the reader of a pipe, such as `head`, has read enough. */
export function leave(error: NodeJS.ErrnoException): never {
  const isEnough = error.code === 'EPIPE';
  if (!isEnough) process.stderr.write(`skylark: standard output cannot be written: ${reasonOf(error)}\n`);
  process.exit(isEnough ? 0 : 1);
}

export function say(...lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

/** Quotes a word, so that people can copy a command line into a shell. */
export function quote(text: string): string {
  if (/^[\w./~-]+$/.test(text)) return text;
  const seen = text.replaceAll(/[\\']/g, '\\$&').replaceAll(unseen, escaped);
  return text.search(unseen) < 0 ? `'${text.replaceAll("'", "'\\''")}'` : `$'${seen}'`;
}

/** Says in plain words what an error of the operating system means: `no such file or folder`. */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return (code !== undefined && reasons[code]) || (error instanceof Error ? error.message : String(error));
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  ECONNREFUSED: 'the connection is refused',
  ENAMETOOLONG: 'the path is too long',
  ELOOP: 'its links lead in a circle',
  ERR_INVALID_ARG_VALUE: 'no path has such a character',
  EEXIST: 'there is something else by that name',
  EISDIR: 'it is a folder',
  ENOENT: 'no such file or folder',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is not a folder',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
};

/** Text of strangers, so that it cannot steer the terminal or turn around what stands beside it. */
export function quoted(text: unknown): string {
  return JSON.stringify(text).replaceAll(unseen, escaped);
}
