/**
 * `npm test` and `npm run test:slow`, `test:infra`, `test:templates` and `test:peers`: runs each test file in a process of its own and ends
 * with the line `N passed, M failed, K skipped`.
 *
 * Arguments choose files: a file, a folder, or a part of a path. Without any, everything runs but `test/peers`, which needs programs
 * that npm does not bring, the stacks on AWS (`infra/test`, and `test/templates`, which runs what they say), and what takes long
 * (`slow-files.ts`); `--peers`, `--infra`, `--templates` and `--slow` run exactly those.
 * With CI=true a file that failed runs once more at the end, when nothing runs beside it, and that run counts: other people's clients have
 * time limits of their own, and a build machine stands still at times. Both runs are shown, and such files are named before the closing
 * line: one that is named again and again has a race to be found.
 * Node's own runner waits for ever for a file that keeps a socket open and passes a file without tests; here the first is killed with
 * all that it started, and the second fails.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './run-reporter.ts';
import { serverFiles } from './server-files.ts';
import { slowFiles } from './slow-files.ts';

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const isWindows = process.platform === 'win32';
/** Starting a process costs half as much when V8 finds the code that it has compiled before, and the types are stripped already. */
const compiled = join(project, 'node_modules/.cache/compiled');
/** One file, from start to exit, milliseconds: of `npm test`, and of the other suites. */
const fileTimeoutMs = { quick: 120_000, other: 300_000 };
/** What a file prints is shown when it fails, the last this many characters. */
const outputCharactersMax = 16_000;
/** Up to so many files that failed run again. */
const failedFilesMax = 3;

interface FileResult {
  readonly file: string;
  readonly passed: string[];
  readonly skipped: string[];
  readonly failures: { readonly name: string; readonly error: string }[];
  readonly output: string;
  readonly tookMs: number;
}

const running = new Set<ChildProcess>();

/** Ends the file's process and whatever it started and left behind (on Windows, only the process). */
function end(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (isWindows) child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // ESRCH: all of them have left already.
  }
}

function readOutcomes(path: string): Outcome[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  // What follows the last line feed was cut off when the process was killed.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Outcome);
}

async function runFile(file: string, reports: string, timeoutMs: number): Promise<FileResult> {
  const report = join(reports, `${file.replaceAll(/[^\w.-]/g, '-')}.jsonl`);
  const reporter = ['--test-reporter', new URL('./run-reporter.ts', import.meta.url).href, '--test-reporter-destination', report];
  const started = performance.now();
  const child = spawn(process.execPath, [...reporter, join(project, file)], {
    cwd: project,
    env: { NODE_COMPILE_CACHE: compiled, ...process.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: !isWindows,
  });
  running.add(child);
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-outputCharactersMax);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end(child);
  }, timeoutMs);
  const ending = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`cannot be started: ${error.message}`));
    child.on('exit', (code, signal) => resolve(signal ?? `${code}`));
  });
  clearTimeout(timer);
  end(child);
  running.delete(child);

  const outcomes = readOutcomes(report);
  const named = (kind: Outcome['kind']) => outcomes.filter((outcome) => outcome.kind === kind).map(({ name }) => name);
  const [passed, skipped] = [named('passed'), named('skipped')];
  const failures = outcomes
    .filter(({ kind }) => kind === 'failed')
    .map(({ name, error }) => ({ name, error: error ?? 'failed' }));
  const fail = (error: string) => failures.push({ name: 'the file itself', error });
  if (isLate) fail(`did not end within ${timeoutMs} ms; the test that began last: ${named('begun').at(-1) ?? 'none'}`);
  else if (ending !== '0' && failures.length === 0) fail(`ended with ${ending}, although no test failed`);
  else if (outcomes.length === 0) fail('no test ran');
  return { file, passed, skipped, failures, output, tookMs: performance.now() - started };
}

function show(result: FileResult): void {
  const { file, passed, skipped, failures, output, tookMs } = result;
  const counts = [
    `${passed.length} passed`,
    ...(failures.length > 0 ? [`${failures.length} FAILED`] : []),
    ...(skipped.length > 0 ? [`${skipped.length} skipped`] : []),
  ];
  console.log(`${failures.length > 0 ? '✖' : '✔'} ${file}: ${counts.join(', ')} (${(tookMs / 1000).toFixed(1)} s)`);
  for (const { name, error } of failures) console.log(indent(`✖ ${name}\n${indent(error)}`));
  for (const name of skipped) console.log(indent(`– skipped: ${name}`));
  if (failures.length > 0 && output.trim() !== '') console.log(indent(`it printed:\n${indent(output.trimEnd())}`));
}

async function runAgain(first: FileResult, run: (file: string) => Promise<FileResult>): Promise<FileResult> {
  console.log(`${first.file} again, alone:`);
  const second = await run(first.file);
  if (second.failures.length === 0)
    console.log(`FLAKY: ${first.file} failed at first: ${first.failures.map(({ name }) => name).join('; ')}`);
  return second;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}

type Suite = 'quick' | 'slow' | 'infra' | 'templates' | 'peers';

function suiteOf(file: string): Suite {
  if (file.startsWith('test/peers/')) return 'peers';
  if (file.startsWith('infra/')) return 'infra';
  if (file.startsWith('test/templates/')) return 'templates';
  return slowFiles.some((slow) => file.startsWith(slow)) ? 'slow' : 'quick';
}

function allFiles(): string[] {
  return globSync('{test,infra/test}/**/*.test.ts', { cwd: project })
    .map((file) => file.replaceAll('\\', '/'))
    .sort();
}

function chooseFiles(all: readonly string[], filters: readonly string[], suite: Suite): string[] {
  const isMatch = (file: string, filter: string) => {
    const wanted = filter.replace(/^\.\//, '');
    return file.includes(wanted) || matchesGlob(file, wanted);
  };
  if (filters.length === 0) return all.filter((file) => suiteOf(file) === suite);
  // a filter that names the folder means it
  const isMeant = (file: string, filter: string) =>
    suite === 'peers' || suiteOf(file) !== 'peers' || filter.includes('test/peers/');
  return all.filter((file) => filters.some((filter) => isMatch(file, filter) && isMeant(file, filter)));
}

/**
 * Files of a lane run one after the other. Two cores are the machine to expect, and two lanes share all files. Those of other programs start
 * servers, browsers and a JVM of their own: those that take the ports of servers (RFC 6120 §14.7) have a lane, and the others have the other one.
 * Templates make whole deployments, one at a time.
 */
function lanesOf(suite: Suite, files: readonly string[]): Iterable<string>[] {
  if (suite === 'templates') return [files];
  if (suite !== 'peers') {
    const queue = files.values();
    return [queue, queue];
  }
  const isOfServers = (file: string) => serverFiles.some((one) => file.startsWith(one));
  return [files.filter(isOfServers), files.filter((file) => !isOfServers(file))];
}

async function main(args: readonly string[]): Promise<void> {
  const suite = (['peers', 'templates', 'infra', 'slow'] as const).find((one) => args.includes(`--${one}`)) ?? 'quick';
  const filters = args.filter((arg) => !arg.startsWith('--'));
  const all = allFiles();
  const files = chooseFiles(all, filters, suite);
  const reports = mkdtempSync(join(tmpdir(), 'skylark-test-'));
  process.on('exit', () => {
    for (const child of running) end(child);
    rmSync(reports, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

  const totals = { passed: 0, failed: 0, skipped: 0 };
  const count = (result: FileResult) => {
    totals.passed += result.passed.length;
    totals.failed += result.failures.length;
    totals.skipped += result.skipped.length;
  };
  const failed: FileResult[] = [];
  const run = async (file: string) => {
    const result = await runFile(file, reports, fileTimeoutMs[suiteOf(file) === 'quick' ? 'quick' : 'other']);
    show(result);
    return result;
  };
  const work = async (queue: Iterable<string>) => {
    for (const file of queue) {
      const result = await run(file);
      if (result.failures.length > 0) failed.push(result);
      else count(result);
    }
  };
  await Promise.all(lanesOf(suite, files).map(work));
  // Many failures at the same time do not come from the machine.
  const isWorthATry = process.env.CI === 'true' && failed.length <= failedFilesMax;
  for (const result of failed) count(isWorthATry ? await runAgain(result, run) : result);
  if (suite === 'quick' && filters.length === 0) {
    const left = (one: Suite) => all.filter((file) => suiteOf(file) === one).length;
    console.log(
      `${left('slow')} slow files are run by npm run test:slow, ${left('infra')} of the stacks on AWS by npm run test:infra, ` +
        `${left('templates')} that run what those say by npm run test:templates, ` +
        `${left('peers')} with other programs by npm run test:peers`,
    );
  }
  if (totals.passed + totals.failed === 0) console.log(`No test ran: ${files.length} test files match.`);
  console.log(`${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`);
  process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
}

await main(process.argv.slice(2));
