/**
 * What `skylark cluster` is to the end-to-end tests, made of bundles behind a load balancer: the same options and the same lines, as far
 * as tests use them.
 */
import { parseArgs } from 'node:util';
import { Cell } from './cell.ts';
import type { Container } from './container.ts';

const option = { type: 'string' } as const;
const { values } = parseArgs({
  args: process.argv.slice(3), // the first word is the command
  options: {
    ...{ json: { type: 'boolean' }, domain: option, data: option, cert: option, key: option },
    ...{ 'c2s-port': option, 'c2s-tls-port': option, 'http-port': option, 'https-port': option },
    'component-port': option,
  },
});
const pem = values.cert && values.key ? { cert: values.cert, key: values.key } : undefined;
const cell = new Cell({
  ...{ domain: values.domain!, folder: values.data!, log: 'inherit', pem },
  ports: {
    ...{ c2s: Number(values['c2s-port']), c2sTls: Number(values['c2s-tls-port']) },
    ...{ http: Number(values['http-port']), https: Number(values['https-port']) },
  },
});
const inner: Container[] = [];
const outer: Container[] = [];

async function start(): Promise<void> {
  await cell.start();
  const first = ['router', 'router', 'muc', 'muc'] as const;
  inner.push(...(await Promise.all(first.map((service, index) => cell.run(service, `${service}-${index}`)))));
  await cell.serveOperators();
  const second = ['connection', 'connection', 'web'] as const;
  outer.push(...(await Promise.all(second.map((service, index) => cell.run(service, `${service}-${index}`)))));
  await cell.allWell();
  console.log(JSON.stringify({ event: 'ready', domain: values.domain }));
}

async function stop(): Promise<never> {
  const endings = [];
  for (const group of [outer, inner]) endings.push(...(await Promise.all(group.map((container) => container.stop()))));
  await cell.stop();
  process.exit(endings.every(({ code }) => code === 0) ? 0 : 1);
}

process.once('SIGTERM', stop).once('SIGINT', stop);
await start();
