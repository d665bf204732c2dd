/**
 * `npm run bench -- [chat|muc]`: many TLS sessions and messages between them, or one room with many occupants, against a Skylark
 * that it starts on one core, or any server (`--target host:port --domain D --accounts-file F` with lines `local password`,
 * `--pid P` to read its CPU and memory).
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chat, pause } from './chat.ts';
import { type Credentials, LoadClient, type Target } from './load-client.ts';
import { room } from './muc.ts';
import { type Usage, usageOf } from './process-usage.ts';
import { startServer } from './server.ts';

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    target: { type: 'string' },
    domain: { type: 'string', default: 'localhost' },
    'accounts-file': { type: 'string' },
    pid: { type: 'string' },
    tls: { type: 'string', default: 'direct' },
    sessions: { type: 'string', default: '1000' },
    occupants: { type: 'string', default: '500,5000' },
    messages: { type: 'string', default: '20' },
    rate: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '15' },
    sm: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const usage = `npm run bench -- [chat] [--sessions 1000] [--rate 2000] [--seconds 15] [--sm]
npm run bench -- muc    [--occupants 500,5000] [--messages 20] [--sm]
  of another server:    --target host:port --domain D --accounts-file F [--pid P] [--tls direct|starttls]`;
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const [mode = 'chat'] = positionals;
if (mode !== 'chat' && mode !== 'muc') throw new Error(`no benchmark '${mode}':\n${usage}`);
if (values.tls !== 'direct' && values.tls !== 'starttls') throw new Error(`--tls is direct or starttls, not '${values.tls}'`);
const sizes = values.occupants.split(',').map(Number);
const sessions = mode === 'muc' ? Math.max(...sizes) : Number(values.sessions);
/** Signing in many resources of one account costs as much; making many accounts only takes time. */
const accountsMax = 1_000;
const server = values.target ? undefined : await startServer(Math.min(sessions, accountsMax));
const accounts = server?.accounts ?? readAccounts(values['accounts-file']);
const [host, port] = (values.target ?? server!.target).split(':');
const target: Target = { host: host!, port: Number(port), domain: values.domain, tls: values.tls };
const pid = server?.pid ?? (values.pid ? Number(values.pid) : undefined);
const measure = (): Usage | undefined => (pid === undefined ? undefined : usageOf(pid));

try {
  await (mode === 'muc' ? runRooms() : runChat());
} finally {
  await server?.stop();
}
process.exit(process.exitCode ?? 0);

async function runChat(): Promise<void> {
  const empty = measure();
  const startedMs = performance.now();
  const clients = await signIn();
  const signedInS = (performance.now() - startedMs) / 1000;
  await pause(2_000);
  const idle = measure();
  const before = measure();
  const result = await chat(clients, Number(values.rate), Number(values.seconds));
  const after = measure();
  for (const client of clients) client.stop();
  line('sessions over TLS', `${clients.length} in ${signedInS.toFixed(1)} s`);
  if (empty && idle) {
    line('CPU per sign-in', `${((idle.cpuMicros - empty.cpuMicros) / clients.length / 1000).toFixed(2)} ms`);
    line('memory per session', `${((idle.residentBytes - empty.residentBytes) / clients.length / 1000).toFixed(1)} kB`);
  }
  line('messages', `${result.sent} sent, ${result.rate.toFixed(0)} a second`);
  line('lost, duplicated, reordered', `${result.lost}, ${result.duplicated}, ${result.reordered}`);
  line('p50, p99', `${result.p50Ms.toFixed(1)} ms, ${result.p99Ms.toFixed(1)} ms`);
  if (before && after) line('CPU per message', `${((after.cpuMicros - before.cpuMicros) / result.received).toFixed(0)} µs`);
  if (result.lost + result.duplicated + result.reordered > 0 || result.sent === 0) process.exitCode = 1;
}

function line(name: string, value: string): void {
  console.log(`${name.padEnd(28)}${value}`);
}

async function runRooms(): Promise<void> {
  const clients = await signIn();
  for (const size of sizes) {
    const address = `bench-${size}@conference.${values.domain}`;
    const before = measure();
    let joined: Usage | undefined;
    const result = await room(clients.slice(0, size), address, Number(values.messages), () => {
      joined = measure();
    });
    const after = measure();
    line('occupants', `${result.occupants} in ${result.joinS.toFixed(1)} s`);
    if (before && joined) line('CPU per join', `${((joined.cpuMicros - before.cpuMicros) / size / 1000).toFixed(2)} ms`);
    line('time to the last occupant', `median ${result.lastMedianMs.toFixed(0)} ms, worst ${result.lastMaxMs.toFixed(0)} ms`);
    line('deliveries', `${result.deliveries}, ${(result.deliveries / result.spanS).toFixed(0)} a second`);
    line('lost, duplicated, reordered', `${result.lost}, ${result.duplicated}, ${result.reordered}`);
    if (joined && after) {
      const cpuS = (after.cpuMicros - joined.cpuMicros) / 1e6;
      line(
        'deliveries per CPU second',
        `${(result.deliveries / cpuS).toFixed(0)} (${((cpuS * 1e6) / result.deliveries).toFixed(1)} µs each)`,
      );
    }
    if (result.lost + result.duplicated + result.reordered > 0 || result.deliveries === 0) process.exitCode = 1;
  }
  for (const client of clients) client.stop();
}

async function signIn(): Promise<LoadClient[]> {
  const clients: LoadClient[] = [];
  let next = 0;
  const worker = async () => {
    while (next < sessions) {
      const index = next++;
      const account = accounts[index % accounts.length]!;
      const credentials: Credentials = { ...account, resource: `bench-${index}` };
      const client = new LoadClient(target, credentials, values.sm);
      client.onClose = (error) => {
        console.error(`${client.jid} lost its stream${error ? `: ${error.message}` : ''}`);
        process.exitCode = 1;
      };
      await client.start();
      clients.push(client);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return clients;
}

function readAccounts(path: string | undefined): { local: string; password: string }[] {
  if (!path) throw new Error('--target needs --accounts-file');
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => {
    const [local, password] = line.split(' ');
    return { local: local!, password: password! };
  });
}
