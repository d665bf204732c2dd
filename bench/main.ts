/**
 * `npm run bench`: many idle TLS sessions and messages between them, against a Skylark that it starts on one core, or any server
 * (`--target host:port --domain D --accounts-file F` with lines `local password`, `--pid P` to read its CPU and memory).
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chat, pause } from './chat.ts';
import { type Credentials, LoadClient, type Target } from './load-client.ts';
import { type Usage, usageOf } from './process-usage.ts';
import { startServer } from './server.ts';

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    target: { type: 'string' },
    domain: { type: 'string', default: 'localhost' },
    'accounts-file': { type: 'string' },
    pid: { type: 'string' },
    tls: { type: 'string', default: 'direct' },
    sessions: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '15' },
    sm: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`npm run bench -- [--sessions 1000] [--rate 2000] [--seconds 15] [--sm]
                 [--target host:port --domain D --accounts-file F [--pid P] [--tls direct|starttls]]`);
  process.exit(0);
}
if (values.tls !== 'direct' && values.tls !== 'starttls') throw new Error(`--tls is direct or starttls, not '${values.tls}'`);
const sessions = Number(values.sessions);
const server = values.target ? undefined : await startServer(sessions);
const accounts = server?.accounts ?? readAccounts(values['accounts-file']);
const [host, port] = (values.target ?? server!.target).split(':');
const target: Target = { host: host!, port: Number(port), domain: values.domain, tls: values.tls };
const pid = server?.pid ?? (values.pid ? Number(values.pid) : undefined);
const measure = (): Usage | undefined => (pid === undefined ? undefined : usageOf(pid));

try {
  await run();
} finally {
  await server?.stop();
}
process.exit(process.exitCode ?? 0);

async function run(): Promise<void> {
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
  const line = (name: string, value: string) => console.log(`${name.padEnd(28)}${value}`);
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
