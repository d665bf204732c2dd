/** Who may have the domain of a component, and which stream has it: what connection nodes ask the owner of the component's pair. */
import { Unavailable } from '../../lib/ports/store.ts';
import type { AttachReply, AttachRequest, DetachRequest, HoldReply, HoldRequest } from '../../lib/runtime/component-wire.ts';
import { encodeFrame } from '../../lib/runtime/frame.ts';
import { componentPair, type PairName } from '../../lib/runtime/outbox.ts';
import { type Component, componentOf, Tenants } from '../../lib/runtime/tenants.ts';
import { isComponentDigest } from '../../lib/s2s/component-handshake.ts';
import type { Dependencies } from './core/dependencies.ts';
import type { Way } from './core/way.ts';
import { ComponentDoor } from './pairs/component-door.ts';
import type { OwnedShard } from './shards.ts';

export class Components {
  readonly #dependencies: Dependencies;
  readonly #wayOf: (name: PairName) => Way;

  /** @param wayOf that of a component's pair */
  constructor(dependencies: Dependencies, wayOf: (name: PairName) => Way) {
    this.#dependencies = dependencies;
    this.#wayOf = wayOf;
  }

  /**
   * @param shard that the component's pair is in; undefined: it does not fall to this process
   * @throws {Unavailable}
   */
  async answer(
    request: AttachRequest | HoldRequest | DetachRequest,
    bodies: readonly Buffer[],
    shard: OwnedShard | undefined,
  ): Promise<Uint8Array | undefined> {
    // It is attached when what waits for it was read.
    const isOurs = request.kind === 'attach' ? await shard?.whenRead() : shard?.holds;
    if (!isOurs) throw new Unavailable('another process owns it');
    switch (request.kind) {
      case 'attach':
        return encodeFrame(await this.#attach(request, bodies[0]!.toString()));
      case 'hold':
        return encodeFrame(await this.#hold(request));
      case 'detach':
        await this.#detach(request);
        return undefined;
    }
  }

  #doorOf(component: string, tenant: string): ComponentDoor {
    const way = this.#wayOf({ tenant, ...componentPair(component) });
    if (way instanceof ComponentDoor) return way;
    throw new Error(`the pair of ${component} is not a component's`);
  }

  /** @param digest what it has said. @throws {Unavailable} */
  async #attach(request: AttachRequest, digest: string): Promise<AttachReply> {
    const { component, streamId, node } = request;
    const { store, clock, log, ownerId, secretOf } = this.#dependencies;
    // Whoever was added a moment ago comes at once: what is cached would say that nobody is known.
    const found = await find(new Tenants(store, clock), component);
    if (found === undefined) return { condition: 'host-unknown' };
    const secret = await secretOf(found.component);
    if (secret === undefined || !isComponentDigest(streamId, secret, digest)) {
      log.warn({ component, node }, 'a component does not know its secret');
      return { condition: 'not-authorized' };
    }
    if (!(await this.#doorOf(component, found.tenant).attach(request, found.component.privileges)))
      return { condition: 'conflict' };
    log.info({ component, node }, 'a component has its domain');
    return { tenant: found.tenant, owner: ownerId, grant: found.component.addedAt };
  }

  /** @throws {Unavailable} */
  async #hold(request: HoldRequest): Promise<HoldReply> {
    const found = await find(this.#dependencies.tenants, request.component);
    if (found === undefined) return { lost: 'host-unknown' };
    if (found.component.addedAt !== request.grant) return { lost: 'not-authorized' };
    const isHeld = this.#doorOf(request.component, found.tenant).hold(request, request.received, found.component.privileges);
    return isHeld ? { ownedBy: this.#dependencies.ownerId } : { lost: 'conflict' };
  }

  async #detach(request: DetachRequest): Promise<void> {
    const found = await find(this.#dependencies.tenants, request.component);
    if (found !== undefined) this.#doorOf(request.component, found.tenant).detach(request, request.isAnswered);
  }
}

interface Found {
  /** The domain of the tenant that has it. */
  readonly tenant: string;
  readonly component: Component;
}

async function find(tenants: Tenants, domain: string): Promise<Found | undefined> {
  const place = await tenants.place(domain);
  const component = place?.service === 'component' ? componentOf(place.tenant, domain) : undefined;
  return component && { tenant: place!.tenant.domain, component };
}
