/** Runs the checks of `skylark doctor` and looks at what they found. */
import assert from 'node:assert/strict';
import { readArguments } from '../../services/cli/core/arguments.ts';
import { examine } from '../../services/cli/doctor/doctor.ts';
import { doctorOptions } from '../../services/cli/doctor/doctor-options.ts';
import type { Finding } from '../../services/cli/doctor/findings.ts';

export class Examination {
  readonly findings: readonly Finding[];

  private constructor(findings: readonly Finding[]) {
    this.findings = findings;
  }

  /** @param args as on the command line, behind `skylark doctor` */
  static async run(args: readonly string[]): Promise<Examination> {
    const { values, positionals } = readArguments('doctor', doctorOptions, args, {});
    const { findings } = await examine(values, positionals);
    for (const { state, text, advice } of findings) assert.equal(advice === undefined, state === 'ok', text);
    return new Examination(findings);
  }

  get text(): string {
    return this.findings.map(({ state, subject, text }) => `${state} ${subject}: ${text}`).join('\n');
  }

  /** There is such a finding; of the subject, if one is given. */
  says(state: Finding['state'], text: RegExp, subject?: string): void {
    const found = this.findings.some(
      (one) => one.state === state && text.test(one.text) && (subject === undefined || one.subject === subject),
    );
    assert.ok(found, `nothing is ${state} and says ${text}${subject ? ` of ${subject}` : ''}:\n${this.text}`);
  }

  get failures(): string[] {
    return this.findings.filter(({ state }) => state === 'fail').map(({ subject, text }) => `${subject}: ${text}`);
  }
}
