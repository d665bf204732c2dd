/** What parts of the program declare for Prometheus. Whoever has a figure names it in its declaration, or in the list of its service. */
import type { Count } from './counts.ts';
import type { Timing } from './timing.ts';

export type Figure = Count | Timing;

/** What a feature may say of its figures. */
export interface Measured {
  /** What the feature counts and times, for Prometheus. */
  readonly figures?: readonly Figure[];
}

export function figuresOf(features: readonly Measured[]): readonly Figure[] {
  return features.flatMap(({ figures = [] }) => figures);
}
