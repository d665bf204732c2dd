/**
 * Messages to people at other servers, and from them, in bursts: each sender sends its next burst when the whole of the last one has arrived.
 * One sender and one receiver belong together, and each other server has as many of them as every other.
 */
import type { Client } from '../generator/client.ts';
import { watchLosses } from '../generator/crowd.ts';
import type { OnElement } from '../generator/splitter.ts';
import { freshStreams, readMark, Tally, writeMark } from '../generator/tally.ts';
import { livingDomain, type Outside } from '../outside/outside.ts';
import { RemoteStream } from '../outside/remote-stream.ts';
import { pause, until } from '../pause.ts';
import { countUnacknowledged } from './chat.ts';
import { beginCpu, ModeFailed, type Outcome, percentile } from './outcome.ts';

export interface BurstOptions {
  readonly seconds: number;
  /** Messages that a sender sends at once. */
  readonly burst: number;
  /** Other servers. */
  readonly pairs: number;
  /** false: the caller has already warmed up. */
  readonly warmUp?: boolean;
  /** Messages that have not arrived this long after the last was sent count as lost, milliseconds. */
  readonly settleMs?: number;
}

/** One way: who sends what, and where it arrives. */
interface Way {
  readonly senders: number;
  send(sender: number, message: (to: string, from: string) => string): void;
  /** Whatever was sent together is sent now. */
  sent(sender: number): void;
  receive(take: OnElement): void;
  unacknowledged(): Promise<number>;
}

const settleMsPreset = 20_000;
const warmUpS = 1.5;
const latenciesMax = 200_000;

/** About as long as the messages of `chat`. */
function message(to: string, from: string, stream: number, sequence: number): string {
  const body = `${writeMark(stream, sequence, performance.now())} Wherefore art thou, Romeo? Deny thy father and refuse thy name.`;
  return `<message type='chat' to='${to}'${from} id='m${stream}-${sequence}'><body>${body}</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>`;
}

/** From users of the measured server to people at others. */
export async function leaving(
  clients: readonly Client[],
  { servers }: Outside,
  pid: number | undefined,
  options: BurstOptions,
): Promise<Outcome> {
  const losses = watchLosses(clients);
  let before = clients.map((client) => client.sent);
  const way: Way = {
    senders: clients.length,
    send: (sender, write) => clients[sender]!.send(write(`someone${sender}@${livingDomain(sender % options.pairs)}/there`, '')),
    sent: () => {},
    receive: (take) => {
      before = clients.map((client) => client.sent);
      servers.onMessage = take;
    },
    unacknowledged: () => countUnacknowledged(clients, before),
  };
  const outcome = await inBursts(way, pid, options);
  if (losses.count() > 0) throw new ModeFailed(`${losses.count()} streams ended, such as ${losses.first()}`);
  return outcome;
}

/** From people at other servers to users of the measured one, who are online. */
export async function arriving(
  clients: readonly Client[],
  { servers }: Outside,
  server: { readonly pid?: number | undefined; readonly peerPort: number },
  options: BurstOptions,
): Promise<Outcome> {
  const losses = watchLosses(clients);
  servers.onMessage = undefined;
  const { domain } = clients[0]!.endpoint;
  const opening = Array.from({ length: options.pairs }, (_, index) =>
    RemoteStream.open(server.peerPort, livingDomain(index), domain),
  );
  const streams = await Promise.all(opening);
  let lost: string | undefined;
  for (const stream of streams)
    stream.onLost = (why) => {
      lost ??= why;
    };
  const missing = () => streams.reduce((sum, { hasAcks, sent, acknowledged }) => sum + (hasAcks ? sent - acknowledged : 0), 0);
  const way: Way = {
    senders: clients.length,
    send(sender, write) {
      const index = sender % options.pairs;
      streams[index]!.send(write(clients[sender]!.jid, ` from='someone${sender}@${livingDomain(index)}/there'`));
    },
    sent: (sender) => streams[sender % options.pairs]!.askForAck(),
    receive: (take) => {
      for (const client of clients) client.onStanza = take;
    },
    async unacknowledged() {
      for (const stream of streams) stream.askForAck();
      await until(() => missing() === 0, settleMsPreset);
      return missing();
    },
  };
  try {
    const outcome = await inBursts(way, server.pid, options);
    if (lost !== undefined) throw new ModeFailed(lost);
    if (losses.count() > 0) throw new ModeFailed(`${losses.count()} streams ended, such as ${losses.first()}`);
    return outcome;
  } finally {
    for (const stream of streams) stream.close();
  }
}

async function inBursts(way: Way, pid: number | undefined, options: BurstOptions): Promise<Outcome> {
  if (options.warmUp ?? true) await talk(way, undefined, { ...options, seconds: Math.min(warmUpS, options.seconds) });
  return talk(way, pid, options);
}

async function talk(way: Way, pid: number | undefined, options: BurstOptions): Promise<Outcome> {
  const { seconds, burst, settleMs = settleMsPreset } = options;
  const tally = new Tally();
  const base = freshStreams();
  const latencies: number[] = [];
  const sequences = new Array<number>(way.senders).fill(0);
  const left = new Array<number>(way.senders).fill(0);
  let [sent, isOver] = [0, false];
  const sendBurst = (sender: number) => {
    left[sender] = burst;
    for (let count = 0; count < burst; count++) {
      sent++;
      way.send(sender, (to, from) => message(to, from, base + sender, sequences[sender]!++));
    }
    way.sent(sender);
  };
  way.receive((bytes, start, end) => {
    const mark = readMark(bytes, start, end);
    const sender = (mark?.stream ?? -1) - base;
    if (mark === undefined || sender < 0 || sender >= way.senders || !tally.take(mark.stream, mark.sequence)) return;
    if (latencies.length < latenciesMax) latencies.push(performance.now() - mark.sentMs);
    left[sender]!--;
    if (left[sender] === 0 && !isOver) sendBurst(sender);
  });
  const cpu = beginCpu(pid);
  const startedMs = performance.now();
  for (let sender = 0; sender < way.senders; sender++) sendBurst(sender);
  await pause(seconds * 1000);
  isOver = true;
  const sendingS = (performance.now() - startedMs) / 1000;
  await until(() => tally.delivered >= sent, settleMs);
  const unacknowledged = await way.unacknowledged();
  const { serverMicrosEach, generatorMicrosEach } = cpu(tally.delivered);
  await pause(50); // duplicates may come late
  latencies.sort((a, b) => a - b);
  return {
    unit: 'messages',
    count: tally.delivered,
    cpuMicrosEach: serverMicrosEach,
    ...tally.counts(sent),
    figures: {
      perSecond: tally.delivered / sendingS,
      p50Ms: percentile(latencies, 0.5),
      p99Ms: percentile(latencies, 0.99),
      generatorMicrosEach,
      unacknowledged,
    },
  };
}
