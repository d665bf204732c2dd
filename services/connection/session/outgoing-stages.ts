/**
 * The stages that stanzas pass on their way to a client, before they are counted (XEP-0198) and written. A stage may hold stanzas
 * back, reorder them, or drop one for a newer one. Stages belong to one stream, and most streams have none. When the stream is lost,
 * they go on until the session has another one, or leaves the node.
 *
 * What stages hold is bounded here. Beyond the bound, and whenever the stream is about to end, everything is passed on. So a
 * stanza that was held back is kept for resumption, or reported as not delivered, like any other.
 */
import { connectionLimits } from '../limits.ts';

/** What comes after a stage: the next stage, or the counting and the socket. @param id of the archive entry of the stanza */
export type PassOn = (bytes: Buffer, id?: string) => void;

export interface OutgoingStage {
  /** Takes a stanza in canonical form from the stage before. It is passed on now, later, or not at all. */
  readonly take: PassOn;
  /** Passes on at once everything that is held back. After that, the stage works as before. */
  flush(): void;
}

/** Makes the stage of a feature. The declaration is also the key by which the feature finds its stage in a session. */
export interface StageKind<Stage extends OutgoingStage = OutgoingStage> {
  /** @param dropped is to be told of each stanza that is not passed on at all, because a newer one has taken its place */
  readonly make: (passOn: PassOn, dropped: (bytes: Buffer) => void) => Stage;
  /** The stage is made when its feature asks for it. Until then, stanzas pass as if there was none. */
  readonly isOnDemand?: true;
}

export class OutgoingStages {
  readonly #stages = new Map<StageKind, OutgoingStage>();
  readonly #first: OutgoingStage;
  #heldStanzas = 0;
  #heldBytes = 0;

  /** @param kinds at least one, in the order in which stanzas pass. @param passOn takes what has passed all of them */
  constructor(kinds: readonly StageKind[], passOn: PassOn) {
    const gone = (bytes: Buffer): void => {
      this.#heldStanzas--;
      this.#heldBytes -= bytes.length;
    };
    let next: PassOn = (bytes, id) => {
      gone(bytes);
      passOn(bytes, id);
    };
    const made = kinds.toReversed().map((kind) => {
      const stage = kind.make(next, gone);
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

  /** From the first stage to the last, because the next stage may hold what one passes on. */
  flush(): void {
    for (const stage of this.#stages.values()) stage.flush();
  }

  find<Stage extends OutgoingStage>(kind: StageKind<Stage>): Stage | undefined {
    return this.#stages.get(kind) as Stage | undefined;
  }
}
