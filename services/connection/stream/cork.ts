/**
 * Makes one write per socket and turn of the event loop: everything that is sent to a socket in one turn leaves together.
 *
 * A message in a room of thousands goes to thousands of sockets. If all of it were encrypted in one turn, nobody else would be
 * served for a tenth of a second. So a turn writes to some sockets only, and first to those that have just been given something.
 */
import { connectionLimits } from '../limits.ts';

export interface Flushable {
  flush(): void;
}

export class Cork {
  #fresh: Flushable[] = [];
  /** Sockets that are left over from earlier turns. The ones before `#at` are done. */
  #backlog: Flushable[] = [];
  #at = 0;
  #isSet = false;

  /** Call this once for each socket when the first bytes arrive that are not flushed. */
  add(socket: Flushable): void {
    this.#fresh.push(socket);
    this.#set();
  }

  #set(): void {
    if (this.#isSet) return;
    this.#isSet = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isSet = false;
    const fresh = this.#fresh;
    this.#fresh = [];
    const soon = Math.min(fresh.length, connectionLimits.socketsPerTurn);
    for (let index = 0; index < soon; index++) fresh[index]!.flush();
    for (let index = soon; index < fresh.length; index++) this.#backlog.push(fresh[index]!);
    if (this.#backlog.length > 0) this.#flushBacklog();
  }

  #flushBacklog(): void {
    const end = Math.min(this.#backlog.length, this.#at + connectionLimits.socketsPerTurn);
    while (this.#at < end) this.#backlog[this.#at++]!.flush();
    if (this.#at < this.#backlog.length) {
      this.#set();
      return;
    }
    this.#backlog = [];
    this.#at = 0;
  }
}
