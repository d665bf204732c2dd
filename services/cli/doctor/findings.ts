/** What a check found, and what to do about it. */
import { programLimits } from '../limits.ts';
export type State = 'ok' | 'warn' | 'fail';

export interface Finding {
  readonly state: State;
  /** What was looked at: a name, a host with its port, a URL. */
  readonly subject: string;
  readonly text: string;
  /** What to do; never with `ok`. */
  readonly advice?: string;
}

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
    if (this.list.length < programLimits.doctorFindingsMax) this.list.push(finding);
  }
}

/** What a peer has said, fit for a terminal: no control characters (a peer could move the cursor), and not much of it. */
export function shown(text: string): string {
  const plain = text.replaceAll(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return plain.length > programLimits.doctorShownCharactersMax
    ? `${plain.slice(0, programLimits.doctorShownCharactersMax)}…`
    : plain;
}
