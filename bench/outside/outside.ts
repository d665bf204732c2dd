/** What is outside of a server that federates: a name server, other servers that live, and domains that are dead in three ways. */
import { Worker } from 'node:worker_threads';
import { freePorts } from '../../test/support/free-ports.ts';
import { RemoteServers } from './remote-servers.ts';
import type { Names, OutsidePorts } from './surroundings.ts';

/** Nobody listens; somebody accepts, and says nothing; there is no such name. */
const waysToBeDead = ['refused', 'silent', 'nowhere'] as const;

export function livingDomain(index: number): string {
  return `remote${index}.example`;
}

export function deadDomain(index: number): string {
  return `${waysToBeDead[index % waysToBeDead.length]}${index}.example`;
}

export class Outside {
  readonly names: Names;
  readonly servers: RemoteServers;
  readonly #surroundings: Worker;

  private constructor(names: Names, servers: RemoteServers, surroundings: Worker) {
    this.names = names;
    this.servers = servers;
    this.#surroundings = surroundings;
  }

  /** @param pem what the living servers show */
  static async open(pem: { readonly cert: string; readonly key: string }): Promise<Outside> {
    const servers = await RemoteServers.start(pem);
    const [refused] = (await freePorts(1)) as [number];
    const workerData = { remote: servers.port, refused } satisfies OutsidePorts;
    const surroundings = new Worker(new URL('surroundings.ts', import.meta.url), { workerData });
    const names = await new Promise<Names>((resolve, reject) => surroundings.once('message', resolve).once('error', reject));
    return new Outside(names, servers, surroundings);
  }

  close(): void {
    this.servers.close();
    void this.#surroundings.terminate();
  }
}
