/** What a check found, and what to do about it. */

export type State = 'ok' | 'warn' | 'fail';

export interface Finding {
  readonly state: State;
  /** What was looked at: a name, a host with its port, a URL. */
  readonly subject: string;
  readonly text: string;
  /** What to do; never with `ok`. */
  readonly advice?: string;
}

/** More than a sound domain can have; a hostile one shall not fill the screen. */
const findingsMax = 200;
/** Of anything that a peer said. */
const shownCharactersMax = 120;

export class Findings {
  readonly list: Finding[] = [];

  ok(subject: string, text: string): void {
    this.#add({ state: 'ok', subject, text });
  }

  warn(subject: string, text: string, advice: string): void {
    this.#add({ state: 'warn', subject, text, advice });
  }

  fail(subject: string, text: string, advice: string): void {
    this.#add({ state: 'fail', subject, text, advice });
  }

  #add(finding: Finding): void {
    if (this.list.length < findingsMax) this.list.push(finding);
  }
}

/** What a peer has said, fit for a terminal: no control characters (a peer could move the cursor), and not much of it. */
export function shown(text: string): string {
  const plain = text.replaceAll(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return plain.length > shownCharactersMax ? `${plain.slice(0, shownCharactersMax)}…` : plain;
}
