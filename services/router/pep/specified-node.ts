/** A node of PEP to which a feature gives a meaning. */
import type { NodeConfig } from './node-config.ts';

export interface SpecifiedNode {
  readonly name: string;
  /** Where a client that makes the node does not say otherwise. */
  readonly config: NodeConfig;
}
