/** `skylark doctor --local`: this machine and the data folder, as the settings of the service name them. The service may run or not. */
import { realpathSync } from 'node:fs';
import { systemClock } from '../../../lib/adapters/system-clock.ts';
import { findDataFolder } from '../compose/data-folder.ts';
import { checkPorts, type StartValues, settingOptions, startOptions } from '../compose/start-options.ts';
import { readArguments } from '../core/arguments.ts';
import { UsageError } from '../core/report.ts';
import { readSettings } from '../core/settings-file.ts';
import type { DoctorValues } from './doctor-options.ts';
import { Findings } from './findings.ts';
import { checkBackup, checkOwners, checkStore } from './local-data.ts';
import { checkClock, checkDisk, checkOpenFiles } from './local-machine.ts';
import { checkListening, checkShownCertificate, isRunning } from './local-service.ts';

/** @param settings the file that the command has read, if any @throws {UsageError | Refusal} when the settings are wrong */
export async function examineHere({ data, settings }: DoctorValues, [first]: readonly string[]) {
  if (first !== undefined) throw new UsageError(`'${first}' is an unexpected argument: --local looks at this machine`);
  const values = serviceValues(data, settings);
  const folder = realpathSync(findDataFolder(data));
  const findings = new Findings();
  const now = systemClock.now();
  findings.ok('settings', settings === undefined ? 'no file: flags, variables and defaults' : settings);
  const runs = await isRunning(folder);
  checkDisk(folder, findings);
  checkClock(folder, now, findings);
  checkOpenFiles(runs ? folder : undefined, findings);
  checkOwners(folder, findings);
  await checkListening(values, runs, findings);
  await checkShownCertificate(values, runs, now, findings);
  checkStore(folder, findings);
  checkBackup(folder, now, findings);
  return { domain: values.domain, findings: findings.list };
}

function serviceValues(data: string, settings: string | undefined): StartValues {
  const { values } = readArguments('start', startOptions, ['--settings', settings ?? 'none'], process.env, (path, options) =>
    readSettings(path, options, settingOptions),
  );
  checkPorts(values);
  return { ...values, data };
}
