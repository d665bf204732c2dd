/** Findings say what a check found, and what the operator should do about it. */
import { programLimits } from '../limits.ts';
export type State = 'ok' | 'warn' | 'fail';

export interface Finding {
  readonly state: State;
  /** What was checked: a name, a host with its port, or a URL. */
  readonly subject: string;
  readonly text: string;
  /** What the operator should do; absent with `ok`. */
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

/** Makes a peer's text safe to print: removes control characters, which could move the terminal's cursor, and cuts long texts. */
export function shown(text: string): string {
  const plain = text.replaceAll(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return plain.length > programLimits.doctorShownCharactersMax
    ? `${plain.slice(0, programLimits.doctorShownCharactersMax)}…`
    : plain;
}
