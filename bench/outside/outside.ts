/** What is outside of a server that federates: a name server, other servers that live, and domains that are dead in three ways. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Answer } from 'dns-packet';
import { freePorts } from '../../test/support/free-ports.ts';
import { NameServer } from './name-server.ts';
import { RemoteServers } from './remote-servers.ts';

const ttl = 3_600;
/** Lower than the address of a host, so that it says which kind of host it is. */
const hostLabel = 'xmpp.';

/** Nobody listens; somebody accepts, and says nothing; there is no such name. */
const waysToBeDead = ['refused', 'silent', 'nowhere'] as const;

export function livingDomain(index: number): string {
  return `remote${index}.example`;
}

export function deadDomain(index: number): string {
  return `${waysToBeDead[index % waysToBeDead.length]}${index}.example`;
}

export class Outside {
  readonly names: NameServer;
  readonly servers: RemoteServers;
  readonly #silent: Server;
  readonly #silentSockets: ReadonlySet<Socket>;

  private constructor(names: NameServer, servers: RemoteServers, silent: Server, silentSockets: ReadonlySet<Socket>) {
    this.names = names;
    this.servers = servers;
    this.#silent = silent;
    this.#silentSockets = silentSockets;
  }

  /** @param pem what the living servers show */
  static async open(pem: { readonly cert: string; readonly key: string }): Promise<Outside> {
    const servers = await RemoteServers.start(pem);
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    });
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const [refused] = (await freePorts(1)) as [number];
    const ports = { remote: servers.port, refused, silent: (silent.address() as AddressInfo).port };
    const names = await NameServer.start((name) => recordsOf(name, ports));
    return new Outside(names, servers, silent, sockets);
  }

  close(): void {
    this.names.close();
    this.servers.close();
    this.#silent.close();
    for (const socket of this.#silentSockets) socket.destroy();
  }
}

function recordsOf(name: string, ports: Readonly<Record<'remote' | 'refused' | 'silent', number>>): Answer[] | undefined {
  const [, kind] = /(?:^|\.)(remote|refused|silent)\d+\.example$/.exec(name) ?? [];
  if (kind === undefined) return undefined;
  const service = '_xmpp-server._tcp.';
  if (name.startsWith(hostLabel)) return [{ type: 'A', name, ttl, data: '127.0.0.1' }];
  if (!name.startsWith(service)) return [];
  const port = ports[kind as keyof typeof ports];
  return [{ type: 'SRV', name, ttl, data: { target: hostLabel + name.slice(service.length), port, priority: 0, weight: 0 } }];
}
