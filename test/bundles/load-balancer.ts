/**
 * Plays a Network Load Balancer: TCP only, targets that are checked over HTTP, PROXY protocol version 2 before each connection. A target
 * that is not well gets no new connections and keeps those that it has.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { proxyHeader } from '../support/proxy-header.ts';

export interface Target {
  readonly name: string;
  /** By the name of the listener. */
  readonly ports: Readonly<Record<string, number>>;
  readonly healthPort: number;
}

const checkMs = 500;
const checkTimeoutMs = 2_000;
/** In a row; as of a target group. */
const thresholds = { well: 2, unwell: 2 };

interface Watched {
  readonly target: Target;
  isWell: boolean;
  streak: number;
}

export class LoadBalancer {
  readonly #servers = new Map<string, Server>();
  readonly #sockets = new Set<Socket>();
  readonly #targets = new Map<string, Watched>();
  readonly #timer: NodeJS.Timeout;
  #turn = 0;
  /** Connections for which there was no target. */
  turnedAway = 0;

  private constructor() {
    this.#timer = setInterval(() => void this.#checkAll(), checkMs);
  }

  /** @param ports by the name of the listener; 0: any free one */
  static async start(ports: Readonly<Record<string, number>>): Promise<LoadBalancer> {
    const balancer = new LoadBalancer();
    for (const [name, port] of Object.entries(ports)) await balancer.#listen(name, port);
    return balancer;
  }

  port(listener: string): number {
    return (this.#servers.get(listener)!.address() as { port: number }).port;
  }

  /** Gets connections when it has been found well. */
  register(target: Target): void {
    this.#targets.set(target.name, { target, isWell: false, streak: 0 });
  }

  deregister(name: string): void {
    this.#targets.delete(name);
  }

  isWell(name: string): boolean {
    return this.#targets.get(name)?.isWell === true;
  }

  async allWell(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    while ([...this.#targets.values()].some(({ isWell }) => !isWell)) {
      if (performance.now() > until) throw new Error('a target did not get well in time');
      await new Promise((resolve) => void setTimeout(resolve, 50));
    }
  }

  /** Cuts all connections: their clients come back, and are spread over all targets that are well. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([...this.#servers.values()].map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #listen(name: string, port: number): Promise<void> {
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => this.#forward(name, near));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    this.#servers.set(name, server);
  }

  #forward(listener: string, near: Socket): void {
    const candidates = [...this.#targets.values()].filter(({ isWell, target }) => isWell && target.ports[listener] !== undefined);
    const chosen = candidates[this.#turn++ % candidates.length];
    this.#keep(near);
    if (chosen === undefined) {
      this.turnedAway++;
      near.resetAndDestroy();
      return;
    }
    const { remotePort = 0, localPort = 0 } = near;
    const far = connect({ host: '127.0.0.1', port: chosen.target.ports[listener]!, noDelay: true, allowHalfOpen: true });
    this.#keep(far);
    // Without TLS signing in works from this machine only, so whoever tries that is told to be here.
    const from = listener === 'http' ? '127.0.0.1' : addressOf(remotePort);
    far.write(proxyHeader({ from, fromPort: remotePort, to: '198.51.100.1', toPort: localPort }));
    for (const [source, target] of [
      [near, far],
      [far, near],
    ] as const) {
      source.on('error', () => target.resetAndDestroy());
      source.on('close', () => target.destroySoon());
      source.pipe(target);
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => this.#sockets.delete(socket));
  }

  async #checkAll(): Promise<void> {
    await Promise.all([...this.#targets.values()].map((watched) => this.#check(watched)));
  }

  async #check(watched: Watched): Promise<void> {
    const url = `http://127.0.0.1:${watched.target.healthPort}/readyz`;
    const isWell = await fetch(url, { signal: AbortSignal.timeout(checkTimeoutMs) }).then(
      ({ ok }) => ok,
      () => false,
    );
    watched.streak = isWell === watched.isWell ? 0 : watched.streak + 1;
    if (watched.streak < (isWell ? thresholds.well : thresholds.unwell)) return;
    watched.isWell = isWell;
    watched.streak = 0;
  }
}

/** Each client has an address of its own, as clients do. */
function addressOf(port: number): string {
  return `10.${port % 3}.${port >> 8}.${port & 255}`;
}
