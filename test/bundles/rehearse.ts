/**
 * `npm run rehearse [-- --seed S] [--only deploy,…]`: deploys as ECS makes them, and fewer tasks, of bundles behind a load balancer, while
 * people with XEP-0198 clients talk. Exit code 0: nothing was lost, and every task left as it should.
 */
import { randomInt } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { skipWithoutNats } from '../adapters/nats-server.ts';
import { People } from '../faults/people.ts';
import { headLine, type RoundReport, roundLine, sumLine, verdict } from '../faults/report.ts';
import { runRound } from '../faults/round.ts';
import { Random } from '../simulator/random.ts';
import { Cell } from './cell.ts';
import { deploy, force, hang, type Stage } from './deploys.ts';
import { scaleIn } from './scale-in.ts';
import { Tasks } from './tasks.ts';

const size = { people: 16, rooms: 4 };
/** Production waits longer for a load balancer. */
const settleSeconds = '4';
const budgetMs = 420_000;

let revisions = 1;
const acts = {
  deploy: (stage: Stage) => deploy(stage, `${++revisions}`),
  /** To the definition before, as ECS does it when a deploy fails. */
  'roll-back': (stage: Stage) => deploy(stage, `${revisions - 1}`),
  'forced-stop': force,
  'hung-task': hang,
  /** From four connection tasks to two, by the function of the stacks. */
  'scale-in': scaleIn,
} as const;

const { values } = parseArgs({ options: { seed: { type: 'string' }, only: { type: 'string' } } });
const seed = Number(values.seed ?? randomInt(2 ** 31));
const chosen = values.only?.split(',') ?? Object.keys(acts);
const unknown = chosen.filter((kind) => !Object.hasOwn(acts, kind));
const folder = mkdtempSync(join(tmpdir(), 'skylark-rehearsal-'));
const log = openSync(join(folder, 'log'), 'a');

async function run(): Promise<number> {
  const complaints: string[] = [];
  const figures = new Set<string>();
  const cell = new Cell({
    ...{ domain: 'localhost', folder: join(folder, 'cell'), log, ports: { c2s: 0, c2sTls: 0, websocket: 0 } },
    settings: { SETTLE_SECONDS: settleSeconds, STOP_SECONDS: '15' },
    onMetrics: (line) => void Object.keys(line).forEach((name) => void figures.add(`${line.Service} ${name}`)),
  });
  const tasks = new Tasks(cell);
  const reports: RoundReport[] = [];
  try {
    await cell.start();
    await Promise.all((['router', 'router', 'muc', 'muc'] as const).map((service) => tasks.start(service, '1')));
    await cell.serveOperators();
    await Promise.all([tasks.start('connection', '1'), tasks.start('connection', '1')]);
    await cell.allWell();
    await checkWebSocket(cell.balancer.port('websocket'));
    const doors = [{ host: '127.0.0.1', port: cell.balancer.port('c2sTls') }];
    const homes = { domains: [cell.domain], residents: [], doorsOf: () => doors };
    const ground = {
      get members() {
        return tasks.running.map(({ agent, service, container }) => ({ name: `${service} ${agent.name}`, pid: container.pid }));
      },
    };
    const people = new People(homes, new Random(seed).fork('people'), size);
    await people.start();
    console.log(`seed ${seed}\n${headLine()}`);
    for (const kind of chosen) {
      people.round = reports.length + 1;
      const act = () => acts[kind as keyof typeof acts]({ tasks, complaints, cell, allWell: () => cell.allWell() });
      const { report, story } = await runRound(ground, people, { kind, act, keepsStreams: false });
      reports.push(report);
      console.log(`${roundLine(report)}  ${story}`);
      for (const fault of report.faults.slice(0, 20)) console.log(`       ✖ ${fault}`);
    }
    await people.stop();
  } catch (error) {
    complaints.push(`${error instanceof Error ? error.stack : error}`);
  }
  await Promise.all(tasks.running.map((task) => tasks.stop(task)));
  await cell.stop();
  complaints.push(...missing(figures), ...errorsOf(join(folder, 'log')));
  complaints.push(...tasks.strange.map((what) => `an agent of ECS was asked for ${what}`));
  console.log(sumLine(reports));
  return conclude([...verdict(reports), ...complaints], reports.length);
}

/** WebSocket over TLS through the load balancer, whose targets are checked before anything comes. */
async function checkWebSocket(port: number): Promise<void> {
  const socket = new WebSocket(`wss://127.0.0.1:${port}/xmpp-websocket`, 'xmpp', { rejectUnauthorized: false });
  const answer = await new Promise<string>((resolve, reject) => {
    socket.once('error', reject).once('message', (data) => resolve(String(data)));
    socket.once('open', () => socket.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>"));
  });
  socket.close();
  if (!/^<open [^>]*from=.localhost/.test(answer)) throw new Error(`over WebSocket came ${answer}`);
}

/** Told when a process stops, at the latest. */
function missing(figures: ReadonlySet<string>): string[] {
  const wanted = ['connection Connections', 'connection BatchLatency', 'connection CertificateDaysLeft', 'router BatchLatency'];
  return [...wanted, 'router DeliveryLatency', 'muc Throttles', 'connection StoreErrors']
    .filter((name) => !figures.has(name))
    .map((name) => `no process has told its figure: ${name}`);
}

/** What processes call an error. */
function errorsOf(path: string): string[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const errors = lines.filter((line) => /^\{"level":[56]0/.test(line) || (line !== '' && !line.startsWith('{')));
  return errors.slice(0, 5).map((line) => `in the log: ${line.slice(0, 300)}`);
}

function conclude(complaints: readonly string[], count: number): number {
  const all = count < chosen.length ? [...complaints, `only ${count} of ${chosen.length} rounds ran`] : complaints;
  for (const complaint of all) console.log(`✖ ${complaint}`);
  if (all.length > 0) console.log(`Again: npm run rehearse -- --seed ${seed}; log: ${join(folder, 'log')}`);
  else console.log(`✔ ${count} rounds, nothing lost, doubled or out of order`);
  return all.length === 0 ? 0 : 1;
}

if (unknown.length > 0 || !Number.isInteger(seed) || skipWithoutNats) {
  for (const kind of unknown) console.error(`--only: there is no ${kind}; there are: ${Object.keys(acts).join(', ')}`);
  if (skipWithoutNats) console.error(skipWithoutNats);
  process.exitCode = 2;
} else {
  const late = setTimeout(() => {
    console.log(`✖ it did not end within ${budgetMs} ms; log: ${join(folder, 'log')}`);
    process.exit(1);
  }, budgetMs);
  process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
  const code = await run();
  clearTimeout(late);
  closeSync(log);
  if (code === 0) rmSync(folder, { recursive: true, force: true });
  process.exit(code); // people who could not be told to stop go on
}
