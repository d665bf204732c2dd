/** Binding a resource while the client signs in (XEP-0386): the first batch of a session. */
import { type Batch, bare } from './batch.ts';
import type { StepAnswer } from './router-link.ts';

/** What a router has answered: what goes into `<bound/>`, and the features of the stream from now on. */
export interface BoundInline {
  readonly text: string;
  readonly features: string;
}

/**
 * Called in the moment from which deliveries find the session. `refused`: the session ends, and its stream with an error.
 * `unanswered`: no router took the request.
 */
export type BoundDone = (bound: BoundInline | 'refused' | 'unanswered') => void;

export class InlineBind {
  readonly #element: Buffer;
  readonly #done: BoundDone;

  constructor(element: Buffer, done: BoundDone) {
    this.#element = element;
    this.#done = done;
  }

  get batch(): Batch {
    return { ...bare, kind: 'bind', items: [{ kind: 'bind', body: true }], bodies: [this.#element] };
  }

  /** @param isBound false: the session has ended meanwhile, or a router has refused */
  answered({ reply }: StepAnswer, isBound: boolean): void {
    const features = reply.take('features');
    if (isBound && features !== undefined) this.#done({ text: reply.bodies[0]!.toString(), features });
    else this.#done('refused');
  }

  /** No router has answered. */
  unanswered(): void {
    this.#done('unanswered');
  }
}
