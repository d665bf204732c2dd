/** Calls a function from its bundle, with the variables of its template and the keys of its role. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Variables } from './templates.ts';

const invoke = fileURLToPath(new URL('./invoke-function.ts', import.meta.url));

export interface Called<Answer> {
  readonly answers: readonly Answer[];
  /** The variables of ours that it has looked at. */
  readonly read: readonly string[];
  /** The metrics that it has written, by name: the last value counts. */
  readonly metrics: ReadonlyMap<string, number>;
}

/** @param events one for each call, which come one after the other */
export async function callFunction<Answer>(
  bundle: string,
  variables: Variables,
  events: readonly object[],
): Promise<Called<Answer>> {
  const child = spawn(process.execPath, [invoke, bundle], { env: { ...variables }, stdio: ['pipe', 'pipe', 'pipe'] });
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  for (const event of events) child.stdin.write(`${JSON.stringify(event)}\n`);
  child.stdin.end();
  const [out, err] = await said;
  const lines = out.split('\n').filter((line) => /^\{"(answer|read|_aws)"/.test(line));
  const given = lines.map((line) => JSON.parse(line) as Line<Answer>);
  const read = given.findLast((line) => line.read !== undefined)?.read;
  if (read === undefined) throw new Error(`the function ended early: ${out}${err}`);
  const metrics = given.flatMap((line) =>
    (line._aws?.CloudWatchMetrics ?? []).flatMap(({ Metrics }) => Metrics.map(({ Name }) => [Name, Number(line[Name])] as const)),
  );
  return { answers: given.flatMap(({ answer }) => answer ?? []), read, metrics: new Map(metrics) };
}

interface Line<Answer> extends Readonly<Record<string, unknown>> {
  readonly answer?: Answer;
  readonly read?: readonly string[];
  readonly _aws?: { readonly CloudWatchMetrics: readonly { readonly Metrics: readonly { readonly Name: string }[] }[] };
}
