/** Checks of the machine: space on the disk, the clock, and how many files the service may open. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isShortOf, type Space, spaceOf } from '../../../lib/adapters/disk-space.ts';
import { databaseName } from '../../../lib/adapters/sqlite-schema.ts';
import { programLimits } from '../limits.ts';
import type { Findings } from './findings.ts';

const mib = 1024 * 1024;

export function checkDisk(folder: string, findings: Findings, space: Space = spaceOf(folder)): void {
  const { freeBytes, totalBytes } = space;
  const text = `${Math.floor(freeBytes / mib)} MiB of ${Math.floor(totalBytes / mib)} MiB are free`;
  if (isShortOf(space))
    findings.fail('disk', `${text}: no messages, files and accounts are accepted`, `make room on the disk of '${folder}' now`);
  else if (freeBytes < totalBytes * programLimits.doctorDiskFreeShareMin)
    findings.warn('disk', text, 'make room, or move the data to a larger disk: skylark backup, then skylark restore there');
  else findings.ok('disk', text);
}

/** @param isSynchronized what the system says; undefined when it does not say */
export function checkClock(folder: string, now: number, findings: Findings, isSynchronized = askTimedatectl()): void {
  const written = Math.max(...['', '-wal'].map((end) => writtenMs(join(folder, `${databaseName}${end}`))));
  if (written - now > programLimits.doctorClockBehindMsMax)
    findings.fail(
      'clock',
      `it stands at ${new Date(now).toISOString()}, and the store was written at ${new Date(written).toISOString()}`,
      'set the clock, and start the service afterwards: certificates and sign-ins depend on it',
    );
  else if (isSynchronized === false)
    findings.warn('clock', 'nothing keeps it right', 'run systemd-timesyncd or chrony: timedatectl set-ntp true');
  else if (isSynchronized === undefined)
    findings.warn(
      'clock',
      'the system does not say whether anything keeps it right',
      'look whether NTP runs here, or on the host',
    );
  else findings.ok('clock', 'it is kept right (NTP)');
}

function writtenMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function askTimedatectl(): boolean | undefined {
  const args = ['show', '--property=NTPSynchronized', '--value'];
  const { status, stdout } = spawnSync('timedatectl', args, { encoding: 'utf8', timeout: programLimits.doctorStepMs });
  return status === 0 ? stdout.trim() === 'yes' : undefined;
}

/** @param folder of the service that runs; without it, the limit is that of whoever asks */
export function checkOpenFiles(folder: string | undefined, findings: Findings, limits = limitsOf(folder)): void {
  const whose = folder === undefined ? 'a service that starts from here' : 'the service';
  const [, soft] = /^Max open files +(\d+|unlimited) /m.exec(limits) ?? [];
  const advice = `LimitNOFILE=${programLimits.serviceFilesMax} in its unit, or ulimit -n ${programLimits.serviceFilesMax} before it`;
  if (soft === undefined)
    findings.warn('open files', 'this system does not say how many there may be', `see to it that it is ${advice}`);
  else if (soft !== 'unlimited' && Number(soft) < programLimits.doctorOpenFilesMin)
    findings.fail('open files', `${whose} may have ${soft}, and each client takes one`, `give it more: ${advice}`);
  else if (soft !== 'unlimited' && Number(soft) < programLimits.serviceFilesMax)
    findings.warn('open files', `${whose} may have ${soft}, and each client takes one`, `for more clients: ${advice}`);
  else findings.ok('open files', `${whose} may have ${soft}`);
}

/** Node raises the limit of its own process when it starts, so its own process says what the service would have. */
function limitsOf(folder: string | undefined): string {
  const pid = folder === undefined ? 'self' : readIfThere(join(folder, 'skylark.pid')).trim();
  return readIfThere(`/proc/${pid}/limits`);
}

function readIfThere(path: string): string {
  try {
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  } catch {
    return '';
  }
}
