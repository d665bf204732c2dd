/** `skylark service install`: makes the user, the data folder and the unit of systemd, and starts the service with the machine. */
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { program } from '../compose/child-process.ts';
import { checkPorts, type StartValues, settingOptions, startOptions } from '../compose/start-options.ts';
import { readArguments } from '../core/arguments.ts';
import { quote, Refusal, reasonOf, say, UsageError } from '../core/report.ts';
import { readSettings } from '../core/settings-file.ts';
import type { ServiceInstallValues } from './service-options.ts';
import { unitText } from './unit.ts';

const unitPath = '/etc/systemd/system/skylark.service';
const usualSettings = '/etc/skylark/skylark.toml';

export async function installService(given: ServiceInstallValues, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0)
    throw new UsageError(`'${positionals[0]}' is an unexpected argument; see: skylark help service install`);
  const settings = resolve(given.settings ?? usualSettings);
  if (!existsSync(settings)) throw new Refusal(`there are no settings in '${settings}': write them with skylark setup first`);
  const values = serviceValues(settings);
  const { user } = given;
  const unit = unitText({ program: [process.execPath, program], settings, user, values });
  if (given.print) {
    say(unit.trimEnd());
    return 0;
  }
  checkMachine();
  makeUser(user, values.data);
  const { uid, gid } = idsOf(user);
  giveFolder(values.data, user, uid, gid);
  checkReadable(user, [process.execPath, program, settings, values.cert, values.key, values.keyFile, values.s2sCa]);
  writeFileSync(unitPath, unit, { mode: 0o644 });
  run('systemctl', ['daemon-reload']);
  run('systemctl', ['enable', '--quiet', 'skylark.service']);
  run('systemctl', ['restart', 'skylark.service']);
  say(`The service runs, and starts with this machine: ${unitPath}`);
  say('Look after it:   systemctl status skylark; journalctl -u skylark');
  return 0;
}

/** What the service will start with: flags and variables of this shell do not count. @throws {UsageError | Refusal} */
function serviceValues(settings: string): StartValues {
  const { values } = readArguments('start', startOptions, ['--settings', settings], {}, (path, options) =>
    readSettings(path, options, settingOptions),
  );
  checkPorts(values);
  return { ...values, data: resolve(values.data) };
}

function checkMachine(): void {
  if (process.getuid?.() !== 0)
    throw new Refusal('only root can install a service: say sudo in front, or --print to see the unit');
  if (!existsSync('/run/systemd/system'))
    throw new Refusal(
      'systemd does not run on this machine: --print shows the unit, from which another service manager can be set up',
    );
}

function makeUser(user: string, home: string): void {
  if (spawnSync('getent', ['passwd', user]).status === 0) return;
  run('useradd', ['--system', '--user-group', '--no-create-home', '--home-dir', home, '--shell', '/usr/sbin/nologin', user]);
}

function idsOf(user: string): { readonly uid: number; readonly gid: number } {
  const [, , uid, gid] = run('getent', ['passwd', user]).split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

/** A folder of another user is left alone: what is in it may belong to somebody. @throws {Refusal} */
function giveFolder(path: string, user: string, uid: number, gid: number): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const folder = realpathSync(path);
    if (statSync(folder).uid === uid) return;
    if (readdirSync(folder).length === 0) {
      chownSync(folder, uid, gid);
      return;
    }
  } catch (error) {
    throw new Refusal(`'${path}' cannot be made the data folder: ${reasonOf(error)}`);
  }
  throw new Refusal(
    `'${path}' belongs to another user than ${user}: if it is the data of this service, say: chown -R ${user}: ${quote(path)}`,
  );
}

/** @throws {Refusal} for the first file that the user cannot read, such as a program in the home of root */
function checkReadable(user: string, paths: readonly (string | undefined)[]): void {
  for (const path of paths) {
    if (path === undefined || !existsSync(path)) continue; // a key file that is not there is made
    if (spawnSync('runuser', ['-u', user, '--', 'test', '-r', path]).status !== 0)
      throw new Refusal(`the user ${user} cannot read '${path}': give it that right, or put the file where it can`);
  }
}

/** @returns what it printed. @throws {Refusal} with its last words when it fails */
function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return stdout;
  const words = error === undefined ? stderr.trim().split('\n').at(-1) : reasonOf(error);
  throw new Refusal(`${command} ${args.join(' ')} failed: ${words}`);
}
