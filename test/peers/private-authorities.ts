/**
 * Programs that trust the authorities of the system alone get a file of authorities of their own: they run in a mount namespace, in which it
 * lies over the system's. That needs root, which they may lose again.
 */
import { spawnSync } from 'node:child_process';

const systemAuthorities = '/etc/ssl/certs/ca-certificates.crt';
const mayMount = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;

/** For `skip` of a test: why it cannot run here, or false. */
export const cannotTrust = !mayMount && 'it needs root, for a file of authorities of its own';

/** The command, run where `authorities` (PEM) are all that the system trusts. */
export function trusting(authorities: string, command: readonly string[]): string[] {
  const script = `mount --bind "$1" ${systemAuthorities} && shift && exec "$@"`;
  return ['unshare', '--mount', 'sh', '-c', script, 'sh', authorities, ...command];
}
