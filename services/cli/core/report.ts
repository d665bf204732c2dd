/** Output of the command line: results go to stdout, and an error is one line on stderr and an exit code. */

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
    process.stderr.write(`skylark: ${error.message.replaceAll(/\s*\n\s*/g, ' ')}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
  process.stderr.write(`skylark: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}

export function say(...lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

/** Quotes a word, so that people can copy a command line into a shell. */
export function quote(text: string): string {
  return /^[\w./~-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
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
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
