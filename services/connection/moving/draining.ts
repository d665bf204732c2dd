/** Whether a node drains, and what it does then: at an operator's wish, which can be taken back, for good, or because it stops. */
import type { Logger } from 'pino';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Session } from '../session/session.ts';
import { drainSessions } from './drain.ts';
import type { ParkingHost } from './park.ts';

export interface DrainingNode extends ParkingHost {
  readonly log: Logger;
  /** With its subject, for the log. */
  readonly about: Readonly<Record<string, unknown>>;
  /** By their ids. */
  readonly held: ReadonlyMap<string, Session>;
  /** Where streams come in. */
  readonly doors: { close(deadlineMs?: number): Promise<void>; reopen(): Promise<void> } | undefined;
  /** Ends the streams that have no session yet, and lets nobody wait. */
  turnAway(reason: StreamError): void;
}

export class Draining {
  readonly #node: DrainingNode;
  readonly #nodes: (() => number) | undefined;
  #running: Promise<void> | undefined;
  #ending: Promise<string | undefined> | undefined;
  #forGood: string | undefined;
  /** Another one with each drain that was ended. */
  #round = 0;

  /** @param nodes how many nodes of the deployment drain at this time */
  constructor(node: DrainingNode, nodes: (() => number) | undefined) {
    this.#node = node;
    this.#nodes = nodes;
  }

  get isOn(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Resolves when no session is left, or the drain was ended.
   * @param forGood why it cannot be ended; absent: it can
   */
  begin(forGood?: string): Promise<void> {
    this.#forGood ??= forGood;
    const round = this.#round;
    this.#running ??= this.#run(() => this.#round !== round);
    return this.#running;
  }

  /** Resolves when no session is left, or the time is over. @param deadlineMs monotonic */
  stop(deadlineMs: number): Promise<void> {
    this.#forGood = 'it stops';
    this.#round++;
    const running = this.#run(() => false, deadlineMs);
    this.#running ??= running;
    return running;
  }

  /** @returns why it goes on, for people; undefined when the node takes streams */
  end(): Promise<string | undefined> {
    this.#ending ??= this.#end().finally(() => {
      this.#ending = undefined;
    });
    return this.#ending;
  }

  async #end(): Promise<string | undefined> {
    const { doors, log } = this.#node;
    if (this.#forGood !== undefined || this.#running === undefined) return this.#forGood;
    try {
      await doors?.reopen();
    } catch (error) {
      log.warn({ err: error }, 'the ports of this node cannot be opened again');
      return 'its ports cannot be opened again';
    }
    if (this.#forGood !== undefined) {
      await doors?.close();
      return this.#forGood;
    }
    this.#round++;
    this.#running = undefined;
    log.info(this.#node.about, 'connection node takes streams again');
    return undefined;
  }

  async #run(isOver: () => boolean, deadlineMs?: number): Promise<void> {
    const node = this.#node;
    node.log.info(node.about, 'connection node drains');
    const closed = node.doors?.close(deadlineMs);
    const reason = new StreamError('system-shutdown');
    node.turnAway(reason);
    await drainSessions(node, () => [...node.held.values()], { reason, deadlineMs, isOver, nodes: this.#nodes });
    await closed;
  }
}
