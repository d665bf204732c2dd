/** Open-loop chat between signed-in sessions: a fixed rate of messages, whatever the server does with them. */
import type { LoadClient } from './load-client.ts';

export interface ChatResult {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Messages per second over the time of sending. */
  readonly rate: number;
  /** From write to read, milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const tickMs = 5;
const settleMsMax = 10_000;

/** 349 bytes like a client's: body, an id, a receipt request. */
function message(to: string, from: number, sequence: number): string {
  const body = `${from} ${sequence} ${performance.now().toFixed(3)} Wherefore art thou, Romeo? Deny thy father and refuse thy name.`;
  return `<message type='chat' to='${to}' id='m${from}-${sequence}'><body>${body}</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>`;
}

export async function chat(clients: readonly LoadClient[], rate: number, seconds: number): Promise<ChatResult> {
  const latencies: number[] = [];
  const lastSeen = new Map<string, number>();
  const seen = new Set<string>();
  let [received, duplicated, reordered] = [0, 0, 0];
  clients.forEach((client, index) => {
    client.onMessage = (text) => {
      const found = /<body>(\d+) (\d+) ([\d.]+) /.exec(text);
      if (!found) return;
      latencies.push(performance.now() - Number(found[3]));
      const key = `${found[1]} ${found[2]}`;
      if (seen.has(key)) {
        duplicated++;
        return;
      }
      seen.add(key);
      received++;
      const pair = `${found[1]} ${index}`;
      if ((lastSeen.get(pair) ?? -1) > Number(found[2])) reordered++;
      lastSeen.set(pair, Number(found[2]));
    };
  });
  const sequences = clients.map(() => 0);
  const start = performance.now();
  let sent = 0;
  while (performance.now() - start < seconds * 1000) {
    const due = Math.floor(((performance.now() - start) / 1000) * rate);
    for (; sent < due; sent++) {
      const from = sent % clients.length;
      const to = (from * 7 + sent * 13 + 1) % clients.length;
      clients[from]!.send(message(clients[to]!.jid, from, sequences[from]!++));
    }
    await pause(tickMs);
  }
  const elapsedS = (performance.now() - start) / 1000;
  for (let waited = 0; received < sent && waited < settleMsMax; waited += 50) await pause(50);
  latencies.sort((a, b) => a - b);
  return {
    sent,
    received,
    lost: sent - received,
    duplicated,
    reordered,
    rate: sent / elapsedS,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? Number.NaN,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
  };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
