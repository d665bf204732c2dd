/** `npm run bench`: what a message, a sign-in, a stream … costs a server; see `--help` and docs/performance.md. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock as clock } from '../lib/adapters/system-clock.ts';
import { keepSelfSigned } from '../services/cli/compose/certificate.ts';
import { measureStore, storeTable } from './between-stores.ts';
import { measureCluster } from './cluster.ts';
import { Pace } from './generator/crowd.ts';
import type { Account } from './generator/endpoint.ts';
import { type Measure, measuresOf } from './measures.ts';
import { measuredSpans } from './modes/outcome.ts';
import { Outside } from './outside/outside.ts';
import { keepCluster } from './report/cluster-table.ts';
import { describeProfiles, profilingOptions } from './report/cpu-profile.ts';
import { describeRun } from './report/lines.ts';
import { keepResults, summarize } from './report/results.ts';
import { roundLines, tableOf } from './report/table.ts';
import { Grounds, isFaulty, type Run, runForeign, type Starter } from './rounds.ts';
import { startEjabberd } from './servers/ejabberd.ts';
import { startProsody } from './servers/prosody.ts';
import { canPin, domain, pinToGenerator } from './servers/server.ts';
import { startBefore, startSkylark } from './servers/skylark.ts';
import { type Make, readSettings, type Settings, usage, WrongUsage } from './settings.ts';

// through `exit`, which ends the servers and removes their folders
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(128 + constants.signals[signal]));
try {
  const settings = readSettings(process.argv.slice(2));
  if (settings === undefined) console.log(usage);
  else process.exitCode = await bench(settings);
} catch (error) {
  if (!(error instanceof WrongUsage)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
process.exit();

async function bench(settings: Settings): Promise<number> {
  const measures = measuresOf(settings);
  if (settings.cpuProf && measures.length !== 1)
    throw new WrongUsage('--cpu-prof needs a single measurement: name a mode, --archive on or off, and for s2s --way');
  pinToGenerator(process.pid);
  if (!canPin) console.log('taskset is missing, so nothing is pinned to a core, and on a busy machine the figures mean little');
  if (settings.isCluster) return runCluster(settings);
  const report = (run: Run, measure: Measure) => console.log(describeRun(run, measure, settings.rounds));
  const runs = settings.target ? await runTarget(settings, measures, report) : await runOwn(settings, measures, report);
  const faulty = runs.filter(isFaulty);
  for (const { server, measure } of faulty)
    console.log(`${server}: ${measure} failed: it broke off, or something was lost, doubled or reordered`);
  return faulty.length === 0 && runs.length > 0 ? 0 : 1;
}

async function runCluster(settings: Settings): Promise<number> {
  const loads = await measureCluster(settings, (line) => console.log(line));
  if (settings.json) keepCluster(settings.json, loads, new Date());
  return loads.every(({ faults }) => faults === 0) ? 0 : 1;
}

type Report = (run: Run, measure: Measure) => void;

async function runOwn(settings: Settings, measures: readonly Measure[], report: Report): Promise<Run[]> {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-bench-tls-'));
  try {
    const pem = await keepSelfSigned(folder, domain, clock);
    const { files } = pem;
    const profiles = join(folder, 'profiles');
    const nodeOptions = settings.cpuProf ? profilingOptions(profiles) : [];
    const starters: Readonly<Record<Make, Starter>> = {
      skylark: (options) => startSkylark({ ...options, nodeOptions }, files),
      prosody: (options) => startProsody(options, files),
      ejabberd: (options) => startEjabberd(options, files),
      before: (options) => startBefore(settings.against!, options, files),
    };
    const outside = settings.modes.some((mode) => mode.startsWith('s2s')) ? await Outside.open(pem) : undefined;
    const grounds = new Grounds(settings, starters, outside);
    const summary = (runs: readonly Run[]) => {
      const done = measures.filter(({ id }) => runs.some(({ measure }) => measure === id));
      return summarize(runs, done, grounds.versions, new Date());
    };
    const runs = await grounds.runAll(measures, report, (some) => {
      if (settings.json) keepResults(settings.json, summary(some));
    });
    const results = summary(runs);
    if (settings.rounds > 1 || settings.makes.length > 1)
      for (const line of ['', ...tableOf(results), ...roundLines(results)]) console.log(line);
    if (outside && settings.modes.includes('s2s') && !settings.cpuProf) {
      const loads = await measureStore(settings, outside, pem);
      for (const line of ['', ...storeTable(loads)]) console.log(line);
    }
    if (settings.cpuProf) for (const line of describeProfiles(profiles, measuredSpans)) console.log(line);
    return runs;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runTarget(settings: Settings, measures: readonly Measure[], report: Report): Promise<Run[]> {
  const { target, transport, mechanism, accountsFile, pid, rounds } = settings;
  if (!accountsFile) throw new WrongUsage('--target needs --accounts-file');
  const server = { name: `${target!.host}:${target!.port}`, accounts: readAccounts(accountsFile), pace: new Pace(), pid };
  return runForeign(server, { ...target!, transport, mechanism }, measures, rounds, report);
}

function readAccounts(path: string): Account[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => {
    const [local, password] = line.split(' ');
    if (!local || !password) throw new WrongUsage(`${path}: '${line}' is not 'local password'`);
    return { local, password };
  });
}
