/**
 * Messages at a fixed rate to people at servers that live, and how long they take: first alone; then from the moment on at which others write
 * to a thousand domains that are dead, all at once; and then while these stay dead, and are tried again.
 */
import type { Client } from '../generator/client.ts';
import { watchLosses } from '../generator/crowd.ts';
import { freshStreams, readMark, Tally, writeMark } from '../generator/tally.ts';
import { deadDomain, livingDomain, type Outside } from '../outside/outside.ts';
import { pause, until } from '../pause.ts';
import { beginCpu, ModeFailed, type Outcome, percentile } from './outcome.ts';

export interface StormOptions {
  readonly seconds: number;
  /** Messages per second of all senders to living servers. */
  readonly rate: number;
  readonly pairs: number;
  readonly deadDomains: number;
}

const settleMs = 20_000;
const tickMs = 5;
/** What we write and read ourselves late is not the server's doing. */
class Lateness {
  /** How late each tick was, ms. */
  #late: number[] = [];

  async tick(): Promise<void> {
    const begunMs = performance.now();
    await pause(tickMs);
    this.#late.push(performance.now() - begunMs - tickMs);
  }

  /** @returns the 99th percentile since the last call, ms */
  take(): number {
    const late = this.#late.toSorted((a, b) => a - b);
    this.#late = [];
    return percentile(late, 0.99);
  }
}

/** @param others those who write to dead domains, each to as many */
export async function storm(
  senders: readonly Client[],
  others: readonly Client[],
  { servers }: Outside,
  pid: number | undefined,
  { seconds, rate, pairs, deadDomains }: StormOptions,
): Promise<Outcome> {
  const losses = watchLosses([...senders, ...others]);
  const tally = new Tally();
  const base = freshStreams();
  const sequences = senders.map(() => 0);
  let latencies: number[] = [];
  let sent = 0;
  const lateness = new Lateness();
  servers.onMessage = (bytes, start, end) => {
    const mark = readMark(bytes, start, end);
    const isOurs = mark !== undefined && mark.stream >= base && mark.stream < base + senders.length;
    if (isOurs && tally.take(mark.stream, mark.sequence)) latencies.push(performance.now() - mark.sentMs);
  };
  const talk = async (forSeconds: number) => {
    latencies = [];
    const before = sent;
    const startedMs = performance.now();
    for (let elapsedS = 0; elapsedS < forSeconds; elapsedS = (performance.now() - startedMs) / 1000) {
      for (const due = before + Math.floor(elapsedS * rate); sent < due; sent++) {
        const index = sent % senders.length;
        const body = writeMark(base + index, sequences[index]!++, performance.now());
        const to = `someone${index}@${livingDomain(index % pairs)}/there`;
        senders[index]!.send(`<message type='chat' to='${to}'><body>${body} Wherefore art thou, Romeo?</body></message>`);
      }
      await lateness.tick();
    }
    await until(() => tally.delivered >= sent, settleMs);
    return latencies.toSorted((a, b) => a - b);
  };
  await talk(Math.min(2, seconds));
  lateness.take();
  const before = await talk(seconds);
  const calmLateMs = lateness.take();
  let bounced = 0;
  for (const other of others)
    other.onStanza = (bytes, start, end) => {
      const text = bytes.toString('latin1', start, end);
      if (text.startsWith('<message') && /type=['"]error['"]/.test(text)) bounced++;
    };
  for (let index = 0; index < deadDomains; index++) {
    const to = `someone@${deadDomain(index)}`;
    others[index % others.length]!.send(`<message type='chat' to='${to}'><body>Is anybody there?</body></message>`);
  }
  const cpu = beginCpu(pid);
  const during = await talk(seconds);
  const { serverMicrosEach } = cpu(during.length);
  const stormLateMs = lateness.take();
  const after = await talk(seconds);
  const laterLateMs = lateness.take();
  await pause(50); // duplicates may come late
  if (losses.count() > 0) throw new ModeFailed(`${losses.count()} streams ended, such as ${losses.first()}`);
  const [calmP99, stormP99, laterP99] = [before, during, after].map((of) => percentile(of, 0.99)) as [number, number, number];
  return {
    unit: 'messages to living servers',
    count: tally.delivered,
    cpuMicrosEach: serverMicrosEach,
    ...tally.counts(sent),
    figures: {
      calmP50Ms: percentile(before, 0.5),
      calmP99Ms: calmP99,
      stormP50Ms: percentile(during, 0.5),
      stormP99Ms: stormP99,
      stormMaxMs: during.at(-1) ?? Number.NaN,
      laterP50Ms: percentile(after, 0.5),
      laterP99Ms: laterP99,
      stormP99Ratio: stormP99 / calmP99,
      laterP99Ratio: laterP99 / calmP99,
      generatorCalmP99Ms: calmLateMs,
      generatorStormP99Ms: stormLateMs,
      generatorLaterP99Ms: laterLateMs,
      bounced,
    },
  };
}
