/** What a tenant's policy says of one other server, as it was read last. */
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { allowsPeer } from '../../../lib/runtime/policy/peer-policy.ts';
import type { TenantPolicy } from '../../../lib/runtime/policy/tenant-policy.ts';
import type { Carrier } from '../core/carrier.ts';

export class Terms {
  readonly #peer: string;
  #policy: TenantPolicy | undefined;

  constructor(peer: string) {
    this.#peer = peer;
  }

  /** @returns false when it was read before */
  follow(policy: TenantPolicy): boolean {
    const isOther = policy !== this.#policy;
    this.#policy = policy;
    return isOther;
  }

  get isAllowed(): boolean {
    return this.#policy === undefined || allowsPeer(this.#policy, this.#peer);
  }

  /** May stanzas leave by this stream? */
  suits(carrier: Carrier): boolean {
    return this.isAllowed && (this.#policy?.proof !== 'certificate' || carrier.isCertified);
  }

  /** How long what cannot be delivered waits, ms. */
  get holdMs(): number {
    return (this.#policy?.hold ?? runtimeLimits.peerHoldSeconds) * 1_000;
  }
}
