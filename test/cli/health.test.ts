/** Health checks: what they hear while a process starts, serves and drains. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { Health, type HealthServer, serveHealth } from '../../services/cli/compose/health.ts';

const health = new Health();
let server: HealthServer;
before(async () => {
  server = await serveHealth('127.0.0.1', 0, health);
});
after(() => server.stop());

async function ask(path: string, method = 'GET'): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${server.address.port}${path}`, { method });
  return `${response.status} ${await response.text()}`.trim();
}

test('a process lives from the first moment, and is ready while it serves and does not drain', async () => {
  let isDraining = false;
  assert.deepEqual([await ask('/healthz'), await ask('/readyz')], ['200 starting', '503 starting']);
  health.started(() => isDraining);
  assert.deepEqual([await ask('/healthz'), await ask('/readyz')], ['200 ok', '200 ok']);
  isDraining = true;
  assert.deepEqual([await ask('/healthz'), await ask('/readyz?x')], ['200 draining', '503 draining']);
});

test('there is nothing else', async () => {
  for (const path of ['/', '/healthz/', '/__proto__', '/constructor', '//healthz']) assert.equal(await ask(path), '404', path);
  assert.equal(await ask('/healthz', 'POST'), '405');
  assert.equal(await ask('/healthz', 'HEAD'), '200');
});

test('a port that is taken is named', async () => {
  await assert.rejects(serveHealth('127.0.0.1', server.address.port, health), {
    name: 'Refusal',
    message: `cannot listen on 127.0.0.1:${server.address.port} (--health-port): another program listens there; choose another port with --health-port`,
  });
});

test('bytes that are not HTTP do no harm', async () => {
  const socket = connect(server.address.port, '127.0.0.1');
  socket.write(Buffer.alloc(1_000, 0xff));
  await new Promise((resolve) =>
    socket
      .on('error', () => {})
      .on('close', resolve)
      .resume(),
  );
  assert.match(await ask('/healthz'), /^200 /);
});
