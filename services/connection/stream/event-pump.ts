/**
 * Reads a stream: events are pulled from its scanner one at a time. While something takes time (somebody is asked, too much is unanswered)
 * nothing is pulled and the socket is not read, so that TCP slows the other end down.
 */

/** The stream, as the pump sees it. */
export interface Pumped<Event> {
  /** Our side is closed: nothing more is read. */
  readonly isOver: boolean;
  /** The other side has sent its closing tag. What comes behind it is read and dropped, so that we see its socket close. */
  readonly hasPeerClosed: boolean;
  /** Nothing more is to be read for now. The stream calls `pull` when that has changed. */
  readonly isFull: boolean;
  /** What has come whole. @throws {StreamError} for what no stream may say */
  nextEvent(): Event | undefined;
  /** @throws {Error} which goes to `refuse` */
  handle(event: Event): void;
  /** Ends this stream, whoever's fault it is. */
  refuse(error: unknown): void;
  /** All events were handled that could be. */
  pulled?(): void;
}

export class EventPump<Event> {
  readonly #stream: Pumped<Event>;
  readonly #transport: { pause(): void; resume(): void };
  #isBusy = false;
  #isPulling = false;
  /** The socket is not read. */
  isPaused = false;

  constructor(stream: Pumped<Event>, transport: { pause(): void; resume(): void }) {
    this.#stream = stream;
    this.#transport = transport;
  }

  pull(): void {
    if (this.#isPulling) return;
    this.#isPulling = true;
    const stream = this.#stream;
    try {
      while (!this.#isBusy && !stream.isFull && !stream.isOver && !stream.hasPeerClosed) {
        const event = stream.nextEvent();
        if (event === undefined) break;
        stream.handle(event);
      }
    } catch (error) {
      stream.refuse(error);
    } finally {
      this.#isPulling = false;
    }
    stream.pulled?.();
    this.steer();
  }

  /** Reads nothing until `work` is done. */
  wait(work: Promise<void>): void {
    this.#isBusy = true;
    void work
      .catch((error: unknown) => this.#stream.refuse(error))
      .finally(() => {
        this.#isBusy = false;
        this.pull();
      });
  }

  /** Reads the socket, or does not. */
  steer(): void {
    const { isOver, isFull, hasPeerClosed } = this.#stream;
    const mustPause = (this.#isBusy || isFull) && !hasPeerClosed;
    if (isOver || mustPause === this.isPaused) return;
    this.isPaused = mustPause;
    if (mustPause) this.#transport.pause();
    else this.#transport.resume();
  }
}
