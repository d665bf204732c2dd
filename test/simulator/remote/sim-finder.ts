/** How a process of ours finds and reaches remote servers: names are looked up late, wrongly or not at all, and dialling takes time. */
import { type Clock, sleep } from '../../../lib/ports/clock.ts';
import { Unavailable } from '../../../lib/ports/store.ts';
import type { Dependencies } from '../../../services/federation/core/dependencies.ts';
import { NoSuchDomain, Unreachable } from '../../../services/federation/finding/errors.ts';
import type { Connected } from '../../../services/federation/finding/finder.ts';
import type { SimProcess } from '../process.ts';
import type { RemoteServer } from './remote-server.ts';

/** As the dialler gives up. */
const dialTimeoutMs = 10_000;

export function simFinder(clock: Clock, process: SimProcess, remotes: readonly RemoteServer[]): Dependencies['finder'] {
  return {
    async *connections(domain: string, signal: AbortSignal): AsyncGenerator<Connected, never> {
      const remote = remotes.find((one) => one.domain === domain);
      if (remote === undefined) throw new NoSuchDomain(`${domain} has no records`);
      const { dns, options } = remote;
      await sleep(clock, options.random.between(1, 20 + dns.lateMs));
      signal.throwIfAborted();
      if (dns.isAway) throw new Unavailable('the name servers do not answer');
      await sleep(clock, options.random.between(1, 30));
      // A frozen machine takes connections. One that is off, or another one at the old address, says so or says nothing.
      const isThere = remote.isUp && dns.address === remote.address;
      if (!isThere && options.random.chance(0.3)) await sleep(clock, dialTimeoutMs);
      signal.throwIfAborted();
      if (!isThere || !remote.isUp) throw new Unreachable(`${domain} port 5269: the connection was refused`);
      const { socket } = remote.accept(process);
      let failure = 'nothing more';
      const giveUp = (why: string): void => {
        failure = why;
        socket.destroy();
      };
      const target = { host: domain, port: 5269, isDirectTls: options.isDirectTls };
      yield { socket, target, address: `192.0.2.${dns.address}`, giveUp };
      throw new Unreachable(`${domain} port 5269: ${failure}`);
    },
  };
}
