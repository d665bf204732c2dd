/**
 * Turns the events of one test file into JSON lines for `run.ts`. Each line is an {@link Outcome}, or names a test that begins, so that
 * a file that hangs can be blamed on the test it hangs in.
 */
import type { EventData } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

/** How one test ended (`name` is the path of titles from the outermost suite), or that it began (only its own title). */
export interface Outcome {
  readonly kind: 'begun' | 'passed' | 'failed' | 'skipped';
  readonly name: string;
  readonly error?: string;
}

const errorCharactersMax = 4_000;

// The runner of Node asks for a default export here.
export default async function* reportOutcomes(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const titles: string[] = [];
  for await (const event of events) {
    if (event.type === 'test:dequeue') {
      yield line({ kind: 'begun', name: event.data.name });
    } else if (event.type === 'test:start') {
      titles.length = event.data.nesting;
      titles.push(event.data.name);
    } else if (event.type === 'test:pass' || event.type === 'test:fail') {
      const name = [...titles.slice(0, event.data.nesting), event.data.name].join(' › ');
      const outcome = event.type === 'test:fail' ? failure(name, event.data) : success(name, event.data);
      if (outcome !== undefined) yield line(outcome);
    } else if (event.type === 'test:diagnostic' && /asynchronous activity/.test(event.data.message)) {
      yield line({ kind: 'failed', name: 'after the tests', error: event.data.message }); // fails the process, and no test
    }
  }
}

function line(outcome: Outcome): string {
  return `${JSON.stringify(outcome)}\n`;
}

/** Suites do not count as tests. */
function success(name: string, data: EventData.TestPass): Outcome | undefined {
  if (data.skip !== undefined || data.todo !== undefined) return { kind: 'skipped', name };
  return data.details.type === 'suite' ? undefined : { kind: 'passed', name };
}

/** A parent that failed only because a child did is told by the child. */
function failure(name: string, data: EventData.TestFail): Outcome | undefined {
  const error = data.details.error as Error & { failureType?: string };
  if (error.failureType === 'subtestsFailed') return undefined;
  return { kind: 'failed', name, error: describe(error.cause ?? error).slice(0, errorCharactersMax) };
}

/** Message and stack without the frames of Node itself; an assertion's message holds its values already. */
function describe(error: unknown): string {
  if (!(error instanceof Error) || error.stack === undefined) return inspect(error);
  const stack = error.stack.replaceAll(/\n +at [^\n]*(?:node:internal|<anonymous>\)$)[^\n]*/gm, '');
  return error.cause === undefined ? stack : `${stack}\n  because of ${inspect(error.cause)}`;
}
