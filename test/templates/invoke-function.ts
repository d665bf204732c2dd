/**
 * Plays Lambda: `invoke-function.ts BUNDLE` takes one event a line, prints the answer of the handler to each, and at the end of the
 * input the variables of ours that the function has read.
 */
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const read = new Set<string>();
process.env = new Proxy(process.env, {
  get(variables, name) {
    if (typeof name === 'string' && name.startsWith('SKYLARK_')) read.add(name);
    return Reflect.get(variables, name) as string | undefined;
  },
});

const { handler } = (await import(pathToFileURL(process.argv[2]!).href)) as {
  readonly handler: (event: object, context: object) => Promise<unknown>;
};
for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify({ answer: await handler(JSON.parse(line) as object, {}) }));
console.log(JSON.stringify({ read: [...read] }));
process.exit(0);
