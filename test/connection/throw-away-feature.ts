/** A whole stream feature in one file, as somebody who adds one would write it: it counts what goes out, and says so to whoever asks. */
import type { FeatureStream, StreamFeature } from '../../services/connection/core/stream-feature.ts';
import type { OutgoingStage, PassOn, StageKind } from '../../services/connection/session/outgoing-stages.ts';

const NS = 'urn:example:x';

class Counting implements OutgoingStage {
  readonly #passOn: PassOn;
  count = 0;

  constructor(passOn: PassOn) {
    this.#passOn = passOn;
  }

  take(bytes: Buffer, id?: string): void {
    this.count++;
    this.#passOn(bytes, id);
  }

  /** It holds nothing back. */
  flush(): void {}
}

const counting: StageKind<Counting> = { make: (passOn) => new Counting(passOn) };

export const throwAway: StreamFeature = {
  requires: ['signedIn'],
  advertise: () => `<x xmlns='${NS}'/>`,
  elements: [{ ns: NS, name: 'x', states: { requires: ['bound'] }, handle: (_element, stream) => tell(stream) }],
  outgoing: counting,
};

function tell(stream: FeatureStream): undefined {
  stream.sendElement(`<x xmlns='${NS}' seen='${stream.session!.egress.stage(counting)!.count}'/>`);
}
