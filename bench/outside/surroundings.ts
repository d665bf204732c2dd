/**
 * A thread beside the generator: the name server, and the servers that accept and say nothing. What a storm asks of them would keep the
 * generator from noticing when messages arrive.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { Answer } from 'dns-packet';
import { NameServer } from './name-server.ts';

/** Ports of servers that live, and one that nobody listens on. */
export interface OutsidePorts {
  readonly remote: number;
  readonly refused: number;
}

/** Where the name server is: for servers that can be told a port, and for those that know port 53 alone, where we may have it. */
export interface Names {
  readonly address: string;
  readonly addressOfPort53: string | undefined;
}

const ttl = 3_600;
/** Lower than the address of a host, so that it says which kind of host it is. */
const hostLabel = 'xmpp.';

const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
await once(silent, 'listening');
const ports = { ...(workerData as OutsidePorts), silent: (silent.address() as AddressInfo).port };
const { address, addressOfPort53 } = await NameServer.start(recordsOf);
parentPort!.postMessage({ address, addressOfPort53 } satisfies Names);

function recordsOf(name: string): Answer[] | undefined {
  const [, kind] = /(?:^|\.)(remote|refused|silent)\d+\.example$/.exec(name) ?? [];
  if (kind === undefined) return undefined;
  const service = '_xmpp-server._tcp.';
  if (name.startsWith(hostLabel)) return [{ type: 'A', name, ttl, data: '127.0.0.1' }];
  if (!name.startsWith(service)) return [];
  const port = ports[kind as keyof typeof ports];
  return [{ type: 'SRV', name, ttl, data: { target: hostLabel + name.slice(service.length), port, priority: 0, weight: 0 } }];
}
