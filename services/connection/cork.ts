/**
 * One write per socket and turn of the event loop (DESIGN §5): what is sent to a socket in one turn leaves together.
 */
export interface Flushable {
  flush(): void;
}

export class Cork {
  #dirty: Flushable[] = [];

  /** Call once per turn for each socket: when its first bytes of the turn come in. */
  add(socket: Flushable): void {
    if (this.#dirty.push(socket) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const socket of dirty) socket.flush();
  }
}
