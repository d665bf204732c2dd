/**
 * `npm run walk [-- --root FOLDER] [--files]` counts how often one message to a room of two leads a reader from file to file.
 *
 * It runs the program in the folder (this one, or another checkout with its packages installed) with each function recording its
 * file. For each service it prints *stops* (entries of a function in a file other than the service's last one), *files* (how many
 * different files), and *returns* (stops at a file that was left before). The shortest walk of several messages counts, because
 * timers record files, too.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePorts } from '../../test/support/free-ports.ts';
import { TcpClient } from '../../test/support/tcp-client.ts';
import type { WalkRequest } from './hook.ts';

const { values } = parseArgs({ options: { root: { type: 'string' }, files: { type: 'boolean' } } });
const root = resolve(values.root ?? fileURLToPath(new URL('../..', import.meta.url)));
const hook = new URL('./hook.ts', import.meta.url).href;
const room = 'garden@conference.localhost';
const messages = 9;
const settleMs = 300;
const walked = ['services/muc', 'services/router', 'services/connection'] as const;

interface Walk {
  readonly stops: readonly string[];
  readonly files: number;
  readonly returns: number;
}

function walkIn(folder: string, entered: readonly string[]): Walk {
  const own = entered.filter((file) => file.startsWith(`${folder}/`));
  const stops = own.filter((file, index) => file !== own[index - 1]);
  const files = new Set(stops).size;
  return { stops, files, returns: stops.length - files };
}

/** Runs `skylark start` in the folder and waits until it listens. */
async function startProgram(data: string, ports: readonly number[]): Promise<ChildProcess> {
  const flags = ['--c2s-port', '--c2s-tls-port', '--http-port', '--https-port'].flatMap((flag, index) => [
    flag,
    `${ports[index]}`,
  ]);
  const child = fork(
    join(root, 'services/main.ts'),
    ['start', '--json', '--data', data, '--registration', 'open', '--component-port', '0', ...flags],
    {
      cwd: root,
      execArgv: ['--no-warnings', '--import', hook],
      env: { ...process.env, SKYLARK_WALK_ROOT: root, SKYLARK_LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
    },
  );
  await new Promise<void>((listening, failed) => {
    child.once('exit', (code) => failed(new Error(`the program ended with ${code}`)));
    child.stdout!.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('"event":"listening"')) listening();
    });
  });
  return child;
}

async function signIn(port: number, local: string): Promise<TcpClient> {
  const client = await TcpClient.connect(port, 'localhost');
  await client.open();
  client.send(
    `<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>${local}</username><password>s3cret-words</password></query></iq>`,
  );
  await client.next('iq');
  await client.authenticate(local, 's3cret-words');
  await client.bind('desk');
  client.send(
    `<presence to='${room}/${local}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>`,
  );
  await client.next(({ name, xml }) => name === 'presence' && /code=.110/.test(xml));
  return client;
}

/** A new room is locked until its owner has accepted a configuration (XEP-0045 §10.1.2). */
async function unlock(owner: TcpClient): Promise<void> {
  owner.send(
    `<iq type='set' id='o' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
  );
  await owner.next(({ name, attributes }) => name === 'iq' && attributes.id === 'o');
}

async function traceMessages(child: ChildProcess, speaker: TcpClient, listener: TcpClient): Promise<string[][]> {
  const traces: string[][] = [];
  for (let index = 0; index < messages; index++) {
    await sleep(settleMs);
    child.send('begin' satisfies WalkRequest);
    const body = `words ${index}`;
    speaker.send(`<message to='${room}' type='groupchat' id='m${index}'><body>${body}</body></message>`);
    await Promise.all([speaker, listener].map((client) => client.next(({ xml }) => xml.includes(body))));
    await sleep(settleMs);
    child.send('end' satisfies WalkRequest);
    traces.push(await new Promise<string[]>((told) => child.once('message', (entered) => told(entered as string[]))));
  }
  return traces;
}

async function main(): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'skylark-walk-'));
  const ports = await freePorts(4);
  const child = await startProgram(data, ports);
  child.removeAllListeners('exit');
  try {
    const speaker = await signIn(ports[1]!, 'juliet');
    await unlock(speaker);
    const traces = await traceMessages(child, speaker, await signIn(ports[1]!, 'romeo'));
    for (const folder of walked) {
      const shortest = traces.map((entered) => walkIn(folder, entered)).toSorted((a, b) => a.stops.length - b.stops.length)[0]!;
      if (shortest.stops.length === 0) throw new Error(`no function of ${folder} was entered`);
      console.log(`${folder}: ${shortest.stops.length} stops in ${shortest.files} files, ${shortest.returns} returns`);
      if (values.files) for (const file of shortest.stops) console.log(`  ${file}`);
    }
  } finally {
    child.kill('SIGKILL');
    rmSync(data, { recursive: true, force: true });
  }
  process.exit();
}

await main();
