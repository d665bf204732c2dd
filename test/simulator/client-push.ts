/** A model client that can be woken (XEP-0357): it registers in each session, falls asleep, and is back when it is woken, or sleeps on. */
import { say } from './client-text.ts';
import type { PushHistory, Sleep } from './push-history.ts';
import type { Random } from './random.ts';
import { attribute } from './stanza-text.ts';

export class ClientPush {
  readonly #history: PushHistory;
  readonly #name: string;
  readonly #random: Random;
  #number = 0;
  #askedId = '';
  /** The server has confirmed it for this session. */
  isOn = false;
  #sleep: Sleep | undefined;
  #isDeaf = false;

  constructor(history: PushHistory, name: string, random: Random) {
    this.#history = history;
    this.#name = name;
    this.#random = random;
  }

  get isAsleep(): boolean {
    return this.#sleep !== undefined;
  }

  /** It does not come back before all is over. */
  get isDeaf(): boolean {
    return this.#isDeaf;
  }

  /** A new session. */
  begin(): void {
    this.isOn = false;
  }

  /** @returns the request to be woken */
  request(account: string): string {
    this.#askedId = `push.${this.#name}.${++this.#number}`;
    return say.enablePush(this.#askedId, account, this.#name);
  }

  heard(text: string): void {
    if (attribute(text, 'id') === this.#askedId && attribute(text, 'type') === 'result') this.isOn = true;
  }

  fallAsleep(from: Omit<Sleep, 'toMs'>): void {
    this.#isDeaf = this.#random.chance(0.5);
    this.#sleep = this.#history.sleep(this.#name, from);
  }

  wakeUp(nowMs: number): void {
    if (this.#sleep !== undefined) this.#sleep.toMs = nowMs;
    this.#sleep = undefined;
    this.#isDeaf = false;
  }
}
