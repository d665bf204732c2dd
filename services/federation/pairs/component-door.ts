/** How the pair of a component comes by its stream: the component opens it to a connection node, and the node says so. One at a time. */
import type { ComponentAddress } from '../../../lib/runtime/component-wire.ts';
import { pongPrefix } from '../../../lib/runtime/pair-wire.ts';
import { type Privileges, privilegeElement } from '../../../lib/runtime/privileges.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Verdict, Way, WayEvents } from '../core/way.ts';
import { ComponentStream } from '../streams/component-stream.ts';

interface Probe {
  readonly id: string;
  readonly answered: () => void;
}

export class ComponentDoor implements Way {
  lastError: string | undefined;
  readonly #dependencies: Dependencies;
  readonly #tenant: string;
  readonly #events: WayEvents<ComponentStream>;
  #stream: ComponentStream | undefined;
  #attaching: Promise<unknown> = Promise.resolve();
  #probe: Probe | undefined;
  #probes = 0;
  /** What the component was told that it may do. */
  readonly #told = new WeakMap<ComponentStream, string | undefined>();

  /** @param tenant the domain of the tenant that has the component */
  constructor(dependencies: Dependencies, tenant: string, events: WayEvents<ComponentStream>) {
    this.#dependencies = dependencies;
    this.#tenant = tenant;
    this.#events = events;
  }

  get isIdle(): boolean {
    return this.#stream === undefined || this.#stream.isClosed;
  }

  connect(): void {}

  succeeded(): void {
    this.lastError = undefined;
  }

  rest(error: Error): void {
    this.lastError = error.message;
  }

  verify(): Promise<Verdict> {
    return Promise.reject(new Error('a component has no dialback'));
  }

  /** A component has proved itself. @returns false when its domain has a stream that lives */
  attach(address: ComponentAddress, privileges?: Privileges): Promise<boolean> {
    const attached = this.#attaching.then(() => this.#attach(address, privileges));
    this.#attaching = attached.catch(() => {});
    return attached;
  }

  async #attach(address: ComponentAddress, privileges: Privileges | undefined): Promise<boolean> {
    const before = this.#stream;
    if (before !== undefined && !before.isClosed) {
      if (before.address.sid === address.sid) return true;
      if (await this.#answers(before)) return false;
      before.destroy('another stream of the component has taken its place');
    }
    await before?.over;
    if (this.#stream === undefined || this.#stream.isClosed) this.#open(address, privileges);
    return this.#stream?.address.sid === address.sid;
  }

  /** A node has a stream that was let in before. @returns false when another one has the domain */
  hold(address: ComponentAddress, received: number, privileges?: Privileges): boolean {
    const before = this.#stream;
    if (before === undefined || before.isClosed) {
      void this.attach(address, privileges);
      return true; // the next time it is known
    }
    if (before.address.sid !== address.sid) return false;
    before.held(received);
    this.#advertise(before, privileges);
    return true;
  }

  detach({ sid }: ComponentAddress, isAnswered: boolean): void {
    if (this.#stream?.address.sid === sid) this.#stream.ended(isAnswered);
  }

  pong(id: string): void {
    if (this.#probe?.id === id) this.#probe.answered();
  }

  stop(): void {}

  #open(address: ComponentAddress, privileges: Privileges | undefined): void {
    this.#stream = new ComponentStream(this.#dependencies, this.#tenant, address);
    this.#advertise(this.#stream, privileges);
    this.#events.ready(this.#stream);
  }

  /** XEP-0356 §4.2: when its stream begins, and when something has changed. */
  #advertise(stream: ComponentStream, privileges: Privileges | undefined): void {
    const told = privileges && privilegeElement(privileges).toString();
    if (this.#told.get(stream) === told) return;
    this.#told.set(stream, told);
    const id = this.#dependencies.ids.mint();
    const { component } = stream.address;
    stream.say(xml('message', { from: this.#tenant, to: component, id }, privilegeElement(privileges ?? {})));
  }

  #answers(stream: ComponentStream): Promise<boolean> {
    const { clock } = this.#dependencies;
    const id = `${pongPrefix}alive-${++this.#probes}-${clock.randomBytes(6).toString('hex')}`;
    return new Promise((resolve) => {
      const timer = clock.after(serviceLimits.componentPingMs, () => resolve(false));
      this.#probe = {
        id,
        answered: () => {
          timer.cancel();
          resolve(true);
        },
      };
      stream.ping(id);
    });
  }
}
