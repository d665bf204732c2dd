/**
 * 1:1 messages. Closed loop: each user has a fixed number on their way and sends the next when one has arrived, which shows what
 * a message costs a busy server. Open loop: a fixed rate, whatever the server does, which shows how long a message takes.
 */
import type { Client } from '../generator/client.ts';
import { watchLosses } from '../generator/crowd.ts';
import { freshStreams, readMark, Tally, writeMark } from '../generator/tally.ts';
import { pause, until } from '../pause.ts';
import { beginCpu, ModeFailed, type Outcome, percentile } from './outcome.ts';

export interface ChatOptions {
  readonly seconds: number;
  /** Messages on their way for each user; closed loop. */
  readonly window: number;
  /** Messages per second of all users; open loop. */
  readonly rate?: number;
  readonly sm: boolean;
  /** Messages that have not arrived this long after the last was sent count as lost, milliseconds. */
  readonly settleMs?: number;
  /** On a machine that is too slow, the run continues after its time until each user has sent this many. */
  readonly messagesMin?: number;
  /** false: the caller has already warmed up. */
  readonly warmUp?: boolean;
}

const settleMsPreset = 20_000;
const warmUpS = 1.5;
const latenciesMax = 200_000;
const tickMs = 5;

/** About 350 bytes, as from a client: body, id, chat state, receipt request. */
function message(to: string, from: number, sequence: number): string {
  const body = `${writeMark(from, sequence, performance.now())} Wherefore art thou, Romeo? Deny thy father and refuse thy name.`;
  return `<message type='chat' to='${to}' id='m${from}-${sequence}'><body>${body}</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>`;
}

export async function chat(clients: readonly Client[], pid: number | undefined, options: ChatOptions): Promise<Outcome> {
  const losses = watchLosses(clients);
  if (options.warmUp ?? true) await talk(clients, undefined, { ...options, seconds: Math.min(warmUpS, options.seconds) });
  const outcome = await talk(clients, pid, options);
  if (losses.count() > 0) throw new ModeFailed(`${losses.count()} streams ended, such as ${losses.first()}`);
  return outcome;
}

async function talk(clients: readonly Client[], pid: number | undefined, options: ChatOptions): Promise<Outcome> {
  const { seconds, window, rate, sm, settleMs = settleMsPreset, messagesMin = 0 } = options;
  const tally = new Tally();
  const base = freshStreams();
  const latencies: number[] = [];
  const sequences = clients.map(() => 0);
  const sentBefore = clients.map((client) => client.sent);
  const half = Math.floor(clients.length / 2);
  const partner = (index: number) => clients[(index + half) % clients.length]!;
  let [sent, isOver] = [0, false];
  const sendNext = (index: number) => {
    sent++;
    clients[index]!.send(message(partner(index).jid, base + index, sequences[index]!++));
  };
  clients.forEach((client, index) => {
    const from = (index + clients.length - half) % clients.length;
    client.onStanza = (bytes, start, end) => {
      const mark = readMark(bytes, start, end);
      if (mark === undefined || mark.stream !== base + from || !tally.take(mark.stream, mark.sequence)) return;
      if (latencies.length < latenciesMax) latencies.push(performance.now() - mark.sentMs);
      if (rate === undefined && !isOver) sendNext(from);
    };
  });
  const cpu = beginCpu(pid);
  const startedMs = performance.now();
  if (rate === undefined) {
    for (let turn = 0; turn < window; turn++) clients.forEach((_, index) => void sendNext(index));
    await pause(seconds * 1000);
    await until(() => sequences.every((count) => count >= messagesMin), settleMsPreset);
  } else {
    for (let elapsedS = 0; elapsedS < seconds; elapsedS = (performance.now() - startedMs) / 1000) {
      for (const due = Math.floor(elapsedS * rate); sent < due; ) sendNext(sent % clients.length);
      await pause(tickMs);
    }
  }
  isOver = true;
  const sendingS = (performance.now() - startedMs) / 1000;
  await until(() => tally.delivered >= sent, settleMs);
  const { serverMicrosEach, generatorMicrosEach } = cpu(tally.delivered);
  const unacknowledged = sm ? await countUnacknowledged(clients, sentBefore) : 0;
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
      ...(sm && { unacknowledged }),
    },
  };
}

/** XEP-0198: waits until the server has acknowledged all stanzas; otherwise some are missing. */
export async function countUnacknowledged(clients: readonly Client[], sentBefore: readonly number[]): Promise<number> {
  const missing = () =>
    clients.reduce((sum, client, index) => sum + (client.sent > sentBefore[index]! ? client.sent - client.acknowledged : 0), 0);
  for (const client of clients) client.askForAck();
  await until(() => missing() === 0, settleMsPreset);
  return missing();
}
