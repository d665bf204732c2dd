/** Schemathesis of PyPI calls the REST API of a whole service: as the OpenAPI document says, otherwise, and in the order in which calls follow. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../support/free-ports.ts';
import { Skylark } from '../../support/skylark.ts';
import { TcpClient } from '../../support/tcp-client.ts';

const given = process.env.SKYLARK_SCHEMATHESIS;
/** Schemathesis runs in a folder of its own. */
const folder = given && resolve(given);
/** Why a test that needs it is skipped, or false. */
export const skipWithoutSchemathesis: string | false =
  !folder && 'SKYLARK_SCHEMATHESIS does not name a folder that .ci/schemathesis has filled';

const here = fileURLToPath(new URL('.', import.meta.url));
/** A key has 20 requests a second; Schemathesis makes some hundreds. */
const keyCount = 30;
/** What each operation is given in the first round, beside all that its schema tells, and in each round after it. */
const examples = { first: 4, further: 60 };
/** What it prints of one call may be as long as what it sent. */
const shown = { characters: 20_000, ofLine: 500 };

export interface Failure {
  /** Such as `ServerError`. */
  readonly type: string;
  readonly title: string;
  readonly operations: readonly string[];
}

export interface Fuzzed {
  /** How often each status was answered. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly operations: { readonly total: number; readonly tested: number };
  readonly failures: readonly Failure[];
  /** What it printed, of rounds that found something. */
  readonly output: string;
}

interface Report {
  readonly operations: Fuzzed['operations'];
  readonly failures: readonly Failure[];
  readonly errors: readonly { readonly title?: string }[];
}

export function callsOf({ statuses }: Pick<Fuzzed, 'statuses'>): number {
  return Object.values(statuses).reduce((sum, count) => sum + count, 0);
}

/** Two tenants, one of them with somebody who is in a room, and other servers; rounds until there were so many calls. */
export async function fuzzApi({ calls, seed }: { readonly calls: number; readonly seed: number }): Promise<Fuzzed> {
  const [s2s] = (await freePorts(1)) as [number];
  const skylark = await Skylark.start('a.example', ['--s2s-port', `${s2s}`]);
  try {
    const romeo = await somebodyInARoom(skylark);
    const keys = await makeKeys(skylark);
    const url = `http://127.0.0.1:${skylark.ports.http}/api/openapi.json`;
    const rounds: Fuzzed[] = [];
    for (let made = 0, round = 0; made < calls; round++) {
      const options = round === 0 ? ['-n', `${examples.first}`] : ['-n', `${examples.further}`, '--phases', 'fuzzing,stateful'];
      const fuzzed = await runSchemathesis(url, keys, [...options, '--seed', `${seed + round}`]);
      rounds.push(fuzzed);
      made += callsOf(fuzzed);
      if (callsOf(fuzzed) === 0) break;
    }
    romeo.cut();
    return sumOf(rounds);
  } finally {
    await skylark.stop();
  }
}

function sumOf(rounds: readonly Fuzzed[]): Fuzzed {
  const statuses: Record<string, number> = {};
  for (const round of rounds)
    for (const [status, count] of Object.entries(round.statuses)) statuses[status] = (statuses[status] ?? 0) + count;
  return {
    statuses,
    operations: rounds[0]!.operations,
    failures: rounds.flatMap(({ failures }) => failures),
    output: rounds
      .filter(({ failures }) => failures.length > 0)
      .map(({ output }) => output)
      .join('\n'),
  };
}

async function somebodyInARoom(skylark: Skylark): Promise<TcpClient> {
  skylark.addUser('romeo@a.example', 'secret');
  skylark.command('tenant', 'add', 'b.example');
  skylark.command('group', 'set', 'a.example', 'Lovers', 'romeo@a.example');
  const romeo = await TcpClient.signIn(skylark.ports.c2sTls, 'romeo@a.example/orchard', 'secret');
  romeo.send(`<presence to='hall@conference.a.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await romeo.next(({ name, xml }) => name === 'presence' && xml.includes('code="201"'));
  await romeo.ask(
    'instant',
    `<iq type='set' id='instant' to='hall@conference.a.example'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
  );
  return romeo;
}

async function makeKeys(skylark: Skylark): Promise<readonly string[]> {
  const asked = { name: 'schemathesis', access: 'write', role: 'deployment-owner', content: true };
  const [first] = skylark.command('key', 'add', asked.name, '--access', 'write', '--role', asked.role, '--content').split('\n');
  const more = Array.from({ length: keyCount - 1 }, async () => {
    const answer = await fetch(`http://127.0.0.1:${skylark.ports.http}/api/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${first}`, 'content-type': 'application/json' },
      body: JSON.stringify(asked),
    });
    return ((await answer.json()) as { token: string }).token;
  });
  return [first!, ...(await Promise.all(more))];
}

/** @param url of the document. @throws when Schemathesis has not ended in order */
export async function runSchemathesis(url: string, keys: readonly string[], options: readonly string[]): Promise<Fuzzed> {
  const work = mkdtempSync(join(tmpdir(), 'skylark-schemathesis-'));
  const [report, statuses] = [join(work, 'report.json'), join(work, 'statuses.json')];
  try {
    const output = await printed(
      [
        ...['--config-file', join(here, 'schemathesis.toml'), 'run', url, '--no-color', '--warnings', 'off'],
        ...['--generation-database', 'none', '--report', 'json', '--report-json-path', report, ...options],
      ],
      work,
      { SKYLARK_KEYS: keys.join(','), SKYLARK_STATUSES: statuses },
    );
    const read = <Shape>(path: string): Shape => {
      try {
        return JSON.parse(readFileSync(path, 'utf8')) as Shape;
      } catch {
        throw new Error(`Schemathesis has not ended in order:\n${output}`);
      }
    };
    const { operations, failures, errors } = read<Report>(report);
    const faults = errors.map(({ title = '' }) => ({ type: 'error', title, operations: [] }));
    return { statuses: read(statuses), operations, failures: [...failures, ...faults], output };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @param cwd where it keeps what it finds out */
function printed(args: readonly string[], cwd: string, variables: Readonly<Record<string, string>>): Promise<string> {
  if (!folder) throw new Error(`${skipWithoutSchemathesis}`);
  const child = spawn(join(folder, 'bin', 'st'), args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...variables, PYTHONPATH: here, PYTHONDONTWRITEBYTECODE: '1' },
  });
  process.once('exit', () => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      output = `${output}${line.slice(0, shown.ofLine)}\n`.slice(-shown.characters);
    });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(output));
  });
}
