/** Prints the events of `skylark cluster`: as text for people, or with `--json` as one JSON object a line. */

import { quote, say } from '../core/report.ts';
import { type Child, describeEnding, type Ending } from './child-process.ts';
import type { ClusterBackends } from './cluster-backends.ts';
import type { ClusterValues } from './cluster-options.ts';
import { hostPort } from './listening.ts';

/**
 * With `--json` the lines look like this:
 *
 *     {"event":"listening","service":"connection","name":"c1","pid":4711,"addresses":{"c2s":{"address":"127.0.0.1","port":5222},…}}
 *     {"event":"ready","domain":"localhost","folder":"…","nats":"nats://127.0.0.1:4222","dynamodb":"http://127.0.0.1:8000"}
 *     {"event":"died","service":"router","name":"r1","pid":4712,"code":null,"signal":"SIGKILL"}
 */
export class ClusterReport {
  readonly #isJson: boolean;

  constructor(isJson: boolean) {
    this.#isJson = isJson;
  }

  started({ service, name, pid, addresses }: Child): void {
    const where = Object.entries(addresses).map(([purpose, { address, port }]) => `${purpose} ${hostPort(address, port)}`);
    const line = `  ${service.padEnd(12)}${name.padEnd(10)}pid ${`${pid}`.padEnd(10)}${where.join(', ')}`;
    this.#say({ event: 'listening', service, name, pid, addresses }, line);
  }

  died({ service, name, pid }: Child, ending: Ending): void {
    const line = `  ${service} ${name} (pid ${pid}) died: ${describeEnding(ending)}`;
    this.#say({ event: 'died', service, name, pid, ...ending }, line);
  }

  ready({ domain, data }: ClusterValues, { folder, nats, dynamodb }: ClusterBackends, web: Child | undefined): void {
    this.#say(
      { event: 'ready', pid: process.pid, domain, folder, nats, dynamodb },
      `The cluster serves ${domain} over ${nats} and ${dynamodb}`,
      `Try it:          http://localhost:${web?.addresses.http?.port}/`,
      `Add an account:  npx skylark user add you@${domain} --data ${quote(data)}`,
      'Stop:            Ctrl-C',
    );
  }

  #say(event: object, ...lines: readonly string[]): void {
    if (this.#isJson) say(JSON.stringify(event));
    else say(...lines);
  }
}
