/** What a node and the owner of a component's pair (services/federation) say to each other: who has the domain, and what is for it. */
import type { Bus } from '../../../lib/ports/bus.ts';
import {
  type AttachReply,
  type AttachRequest,
  attachAnswer,
  type ComponentAddress,
  type DetachRequest,
  type HoldReply,
  type HoldRequest,
  holdAnswer,
} from '../../../lib/runtime/component-wire.ts';
import { ask } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { componentPair, pairSubject } from '../../../lib/runtime/outbox.ts';
import type { PongRequest } from '../../../lib/runtime/pair-wire.ts';
import { connectionLimits } from '../limits.ts';

export class ComponentOwner {
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** May the stream have the domain? @param digest what `<handshake/>` says. @throws {Unavailable} */
  async attach(address: ComponentAddress, streamId: string, digest: string): Promise<AttachReply> {
    const request: AttachRequest = { kind: 'attach', ...address, streamId };
    const payload = encodeFrame(request, [Buffer.from(digest)]);
    const answer = await ask(this.#bus, attachAnswer, subjectOf(address), payload, connectionLimits.componentAttachMs);
    const said = { tenant: answer.take('tenant'), owner: answer.take('owner'), grant: answer.take('grant') };
    const condition = answer.take('condition');
    return condition === undefined ? (said as AttachReply) : { condition };
  }

  /** Says that the stream is here. @throws {Unavailable} */
  async hold(address: ComponentAddress, grant: string, received: number): Promise<HoldReply> {
    const request: HoldRequest = { kind: 'hold', ...address, grant, received };
    const answer = await ask(this.#bus, holdAnswer, subjectOf(address), encodeFrame(request), connectionLimits.ownerAnswerMs);
    const [lost, ownedBy] = [answer.take('lost'), answer.take('ownedBy')];
    return { ...(lost && { lost }), ...(ownedBy !== undefined && { ownedBy }) };
  }

  detach(address: ComponentAddress, isAnswered: boolean): void {
    const request: DetachRequest = { kind: 'detach', ...address, isAnswered };
    this.#bus.publish(subjectOf(address), encodeFrame(request));
  }

  pong({ component }: ComponentAddress, id: string): void {
    const request: PongRequest = { kind: 'pong', ...componentPair(component), id };
    this.#bus.publish(subjectOf({ component }), encodeFrame(request));
  }
}

function subjectOf({ component }: Pick<ComponentAddress, 'component'>): string {
  return pairSubject(componentPair(component));
}
