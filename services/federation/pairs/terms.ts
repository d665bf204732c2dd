/** What a tenant's policy says of one other server, as it was read last. It says nothing of the tenant's own components. */
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { isOfComponent, type PairName } from '../../../lib/runtime/outbox.ts';
import { allowsPeer } from '../../../lib/runtime/policy/peer-policy.ts';
import type { TenantPolicy } from '../../../lib/runtime/policy/tenant-policy.ts';
import type { Carrier } from '../core/carrier.ts';
import { federationLimits } from '../limits.ts';

export class Terms {
  readonly #peer: string;
  readonly #isOfComponent: boolean;
  #policy: TenantPolicy | undefined;

  constructor(name: PairName) {
    this.#peer = name.peer;
    this.#isOfComponent = isOfComponent(name);
  }

  /** @returns false when it was read before */
  follow(policy: TenantPolicy): boolean {
    const isOther = policy !== this.#policy;
    this.#policy = policy;
    return isOther;
  }

  get isAllowed(): boolean {
    return this.#isOfComponent || this.#policy === undefined || allowsPeer(this.#policy, this.#peer);
  }

  /** May stanzas leave by this stream? */
  suits(carrier: Carrier): boolean {
    return this.#isOfComponent || (this.isAllowed && (this.#policy?.proof !== 'certificate' || carrier.isCertified));
  }

  /** How long what cannot be delivered waits, ms. */
  get holdMs(): number {
    if (this.#isOfComponent) return federationLimits.componentHoldMs;
    return (this.#policy?.hold ?? runtimeLimits.peerHoldSeconds) * 1_000;
  }
}
