/** `skylark start --processes 2 --otlp-endpoint …`: one trace of a message goes through both processes, and nothing that it says is in it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { removeFolder, Service, skylark, temporaryFolder } from '../cli/skylark-command.ts';
import { ManagedClient } from '../support/managed-client.ts';
import { type Collector, startCollector } from '../support/otlp-collector.ts';
import { until } from '../support/until.ts';

const anyPorts = ['--c2s-port=0', '--c2s-tls-port=0', '--http-port=0', '--https-port=0', '--component-port=0'];
const canShare = ['linux', 'freebsd'].includes(process.platform);

describe('traces of two processes', { skip: !canShare }, () => {
  const folder = temporaryFolder();
  const data = join(folder, 'data');
  let collector: Collector;
  let service: Service;

  before(async () => {
    collector = await startCollector();
    const traces = ['--otlp-endpoint', collector.endpoint, '--trace-share=1'];
    service = await Service.start(['start', '--processes=2', '--data', data, ...traces, ...anyPorts]);
    for (const jid of ['juliet@localhost', 'romeo@localhost']) {
      const added = await skylark(['user', 'add', jid, '--password=pw', '--data', data]);
      assert.equal(added.code, 0, added.err);
    }
  });
  after(async () => {
    await service.stop('SIGKILL');
    await collector.stop();
    removeFolder(folder);
  });

  const signInAt = (node: string, jid: string) =>
    ManagedClient.signInAt(node, { port: service.addresses.c2sTls!.port }, jid, 'pw');

  test('a message is one trace from the node of its sender to that of its recipient', async () => {
    const juliet = await signInAt('p1', 'juliet@localhost');
    const romeo = await signInAt('p2', 'romeo@localhost');
    juliet.send("<message type='chat' to='romeo@localhost'><body>Wherefore art thou</body></message>");
    await romeo.client.next(({ name }) => name === 'message');
    const ofMessage = () => {
      const delivered = collector.spans.filter(
        ({ name, resource }) => name === 'answer deliver' && resource['service.instance.id'] === 'p2',
      );
      return collector.spans.filter(({ traceId }) => delivered.some((span) => span.traceId === traceId));
    };
    const wanted = ['ask step', 'answer step', 'store batchPut', 'ask deliver', 'answer deliver'];
    const missing = () => wanted.filter((each) => !ofMessage().some(({ name }) => name === each));
    await until(
      () => missing().length === 0,
      () => `spans are missing: ${missing().join()}`,
    );
    const spans = ofMessage();
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
    const [root, ...others] = spans.filter(({ parentId }) => parentId === '');
    assert.deepEqual([root!.name, root!.resource['service.instance.id'], others.length], ['ask step', 'p1', 0]);
    assert.equal(root!.attributes['skylark.tenant'], 'localhost');
    const known = new Set(spans.map(({ spanId }) => spanId));
    for (const { name, parentId } of spans) assert.ok(parentId === '' || known.has(parentId), `${name} is under nothing`);
    for (const said of ['juliet', 'romeo', 'Wherefore']) assert.ok(!collector.raw.includes(said), `${said} is in a trace`);
    await juliet.client.close();
    await romeo.client.close();
  });
});
