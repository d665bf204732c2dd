/** Networks come and go: streams are cut, written to meanwhile, and resumed (XEP-0198 §5); nothing is lost or doubled. */
import type { Client } from '../generator/client.ts';
import type { Pace } from '../generator/crowd.ts';
import { forEach } from '../generator/crowd.ts';
import { freshStreams, readMark, Tally, writeMark } from '../generator/tally.ts';
import { pause, until } from '../pause.ts';
import { beginCpu, type Outcome } from './outcome.ts';

const waitMsMax = 20_000;
const atOnce = 8;
/** About the time that a client takes to notice and come back. */
const awayMs = 50;

/** Every second client loses its stream this many times; its neighbour writes to it while it is away. */
export async function churn(clients: readonly Client[], pid: number | undefined, pace: Pace, times: number): Promise<Outcome> {
  const tally = new Tally();
  const base = freshStreams();
  const travellers = clients.filter((_, index) => index % 2 === 0);
  travellers.forEach((client, index) => {
    client.onStanza = (bytes, start, end) => {
      const mark = readMark(bytes, start, end);
      if (mark?.stream === base + index) tally.take(index, mark.sequence);
    };
  });
  let [resumed, sent, refused] = [0, 0, ''];
  const cpu = beginCpu(pid);
  for (let time = 0; time < times; time++) {
    await forEach(travellers, atOnce, async (client, index) => {
      await pace.turn();
      client.cut();
      sent++;
      const body = writeMark(base + index, time, performance.now());
      clients[index * 2 + 1]!.send(
        `<message type='chat' to='${client.jid}' id='c${index}-${time}'><body>${body}</body></message>`,
      );
      await pause(awayMs);
      try {
        await client.resume();
        resumed++;
      } catch (error) {
        refused ||= (error as Error).message;
      }
    });
  }
  await until(() => tally.delivered >= sent, waitMsMax);
  const { seconds, serverMicrosEach, generatorMicrosEach } = cpu(sent);
  if (refused) console.error(`not resumed: ${refused}`);
  return {
    unit: 'resumptions',
    count: sent,
    cpuMicrosEach: serverMicrosEach,
    ...tally.counts(sent),
    figures: { perSecond: sent / seconds, resumed, generatorMicrosEach },
  };
}
