/**
 * The stages that stanzas pass on their way to a client before they are counted (XEP-0198) and written: a stage may hold stanzas back, put
 * them into another order, or leave one out for a newer one. Stages belong to one stream, and most streams have none.
 *
 * What stages hold is bounded here, whatever they want: beyond the bound, and whenever the stream is about to end, everything is passed on.
 * So a held stanza is kept for resumption, or reported as not delivered, like every other one.
 */
import { connectionLimits } from '../limits.ts';

/** Whatever stands behind a stage: the next one, or the counting and the socket. @param id of the archive entry behind the stanza */
export type PassOn = (bytes: Buffer, id?: string) => void;

export interface OutgoingStage {
  /** A stanza in the canonical form comes from the stage before; it is passed on now, later, or not at all. */
  readonly take: PassOn;
  /** Passes on everything that is held back, at once. The stage goes on afterwards as it did before. */
  flush(): void;
}

/** How the stage of a feature is made. The declaration is also the key by which the feature finds its stage of a session. */
export interface StageKind<Stage extends OutgoingStage = OutgoingStage> {
  readonly make: (passOn: PassOn) => Stage;
}

export class OutgoingStages {
  readonly #stages = new Map<StageKind, OutgoingStage>();
  readonly #first: OutgoingStage;
  #heldStanzas = 0;
  #heldBytes = 0;

  /** @param kinds at least one, in the order in which stanzas pass them. @param passOn takes what has passed them all */
  constructor(kinds: readonly StageKind[], passOn: PassOn) {
    let next: PassOn = (bytes, id) => {
      this.#heldStanzas--;
      this.#heldBytes -= bytes.length;
      passOn(bytes, id);
    };
    const made = kinds.toReversed().map((kind) => {
      const stage = kind.make(next);
      next = (bytes, id) => stage.take(bytes, id);
      return [kind, stage] as const;
    });
    for (const [kind, stage] of made.reverse()) this.#stages.set(kind, stage);
    this.#first = made[0]![1];
  }

  take(bytes: Buffer, id: string | undefined): void {
    this.#heldStanzas++;
    this.#heldBytes += bytes.length;
    this.#first.take(bytes, id);
    if (this.#heldStanzas > connectionLimits.heldOutgoingStanzasMax || this.#heldBytes > connectionLimits.heldOutgoingBytesMax)
      this.flush();
  }

  /** From the first stage to the last, because what one passes on the next may hold. */
  flush(): void {
    for (const stage of this.#stages.values()) stage.flush();
    this.#heldStanzas = 0; // a stage that left stanzas out has forgotten them
    this.#heldBytes = 0;
  }

  find<Stage extends OutgoingStage>(kind: StageKind<Stage>): Stage | undefined {
    return this.#stages.get(kind) as Stage | undefined;
  }
}
