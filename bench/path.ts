/**
 * `npm run bench:path -- [--sessions 500] [--under-way 1000] [--rate 100000] [--messages 20000] [--sm] [--search] [--alloc] [--figures]` measures what a message
 * costs from the bytes of one stream to those of another, without sockets and TLS: connection node, router and SQLite run in this
 * process, and streams are driven directly. It is for engineers who change the path; `npm run bench` compares servers.
 * `--alloc` prints afterwards how many bytes the main thread allocates for a message, by file and by function, and `--figures` what the
 * figures of Prometheus cost of it.
 */
import { parseArgs } from 'node:util';
import { describeFigures, measureInTurns } from './figures.ts';
import { type Client, startInProcess } from './in-process.ts';
import { describeAllocations } from './report/allocations.ts';

const tickMs = 5;
const warmUp = 20_000;
/** Clients, which sign in together. */
const atOnce = 32;

interface PathOptions {
  readonly sessions: number;
  /** Greatest number of messages per second. */
  readonly rate: number;
  /** Greatest number of messages on their way. A busy machine gets fewer messages, and none is refused. */
  readonly underWay: number;
  readonly messages: number;
  /** Use XEP-0198. */
  readonly sm: boolean;
  /** The words of messages go into the index for searches (XEP-0431). */
  readonly search: boolean;
  /** Print what is allocated for a message. */
  readonly alloc: boolean;
  /** Print what the figures cost. */
  readonly figures: boolean;
}

interface Costs {
  readonly total: number;
  readonly main: number;
}

async function path(options: PathOptions): Promise<void> {
  const locals = Array.from({ length: options.sessions }, (_, index) => `bench${index}`);
  const server = await startInProcess(
    locals,
    { search: options.search ? 'on' : 'off' },
    options.figures ? measureInTurns : undefined,
  );
  const clients: Client[] = [];
  for (let at = 0; at < locals.length; at += atOnce) {
    clients.push(...(await Promise.all(locals.slice(at, at + atOnce).map((local) => server.enter(local, options.sm)))));
  }
  await pause(1_500);
  await chat(clients, { ...options, messages: warmUp });
  const cost = await chat(clients, options);
  console.log(`CPU per message             ${cost.total.toFixed(1)} µs, of it main thread ${cost.main.toFixed(1)} µs`);
  if (options.alloc) {
    const lines = await describeAllocations(options.messages, 'message', async () => void (await chat(clients, options)));
    for (const line of ['', ...lines]) console.log(line);
  }
  if (options.figures)
    for (const line of await describeFigures(async () => (await chat(clients, options)).main)) console.log(line);
  await server.stop();
}

async function chat(clients: readonly Client[], { rate, messages, underWay }: PathOptions): Promise<Costs> {
  let received = 0;
  for (const client of clients) {
    client.onStanza = (text) => {
      if (text.includes('<body>')) received++;
    };
  }
  const usage = process.cpuUsage();
  const thread = process.threadCpuUsage();
  const start = performance.now();
  let sent = 0;
  while (received < messages) {
    const due = Math.min(messages, ((performance.now() - start) / 1000) * rate, received + underWay);
    for (; sent < due; sent++) {
      const from = sent % clients.length;
      const to = (from * 7 + sent * 13 + 1) % clients.length;
      clients[from]!.write(message(clients[to]!.jid, sent));
    }
    await pause(tickMs);
  }
  const { user, system } = process.cpuUsage(usage);
  const main = process.threadCpuUsage(thread);
  return { total: (user + system) / sent, main: (main.user + main.system) / sent };
}

/** 349 bytes, as from a client. */
function message(to: string, sequence: number): string {
  const body = `${sequence} Wherefore art thou, Romeo? Deny thy father and refuse thy name. And I'll no longer be a Capulet.`;
  return `<message xmlns='jabber:client' type='chat' to='${to}' id='m${sequence}'><body>${body}</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '500' },
    rate: { type: 'string', default: '100000' },
    'under-way': { type: 'string', default: '1000' },
    messages: { type: 'string', default: '20000' },
    sm: { type: 'boolean', default: false },
    search: { type: 'boolean', default: false },
    alloc: { type: 'boolean', default: false },
    figures: { type: 'boolean', default: false },
  },
});
const { sessions, rate, messages, sm, search, alloc, figures } = values;
const underWay = Number(values['under-way']);
await path({ sessions: Number(sessions), underWay, rate: Number(rate), messages: Number(messages), sm, search, alloc, figures });
process.exit(0);
