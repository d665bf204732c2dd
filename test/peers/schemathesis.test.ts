/** Schemathesis of PyPI against a running service: every answer of the REST API is one that its OpenAPI document has, whatever is sent. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { apiDocument } from '../../services/api/document.ts';
import { routesOf } from '../../services/api/route.ts';
import { cellList } from '../../services/router/operations/cells.ts';
import { operations } from '../../services/router/operations/index.ts';
import { callsOf, fuzzApi, runSchemathesis, skipWithoutSchemathesis } from './schemathesis/fuzz-api.ts';

/** `npm run schemathesis` makes 10,000. */
const calls = 1_500;

describe('Schemathesis', { skip: skipWithoutSchemathesis }, () => {
  test('finds no answer that the document does not have, and no failure of the service', async () => {
    const fuzzed = await fuzzApi({ calls, seed: 1 });
    assert.deepEqual(fuzzed.failures, [], fuzzed.output);
    assert.ok(callsOf(fuzzed) >= calls);
    const routed = operations.filter(({ http }) => !('whyNone' in http)).length;
    assert.deepEqual(fuzzed.operations.tested, routed);
    // It has come further than to the door.
    const { statuses } = fuzzed;
    const done = ['200', '201', '202', '304'].reduce((sum, status) => sum + (statuses[status] ?? 0), 0);
    assert.ok(done > calls / 20, JSON.stringify(statuses));
    assert.ok((statuses['401'] ?? 0) + (statuses['429'] ?? 0) < calls / 50, JSON.stringify(statuses));
  });

  for (const [what, status, content, body, fault] of [
    [
      'a failure of the service',
      500,
      'application/problem+json',
      { type: 'x', title: 'x', status: 500, detail: 'x' },
      'ServerError',
    ],
    ['a status that the document does not have', 418, 'application/json', {}, 'UndefinedStatusCode'],
    ['another type of content', 200, 'text/html', {}, 'UndefinedContentType'],
    ['a result of another shape', 200, 'application/json', { cells: 7 }, 'JsonSchemaError'],
  ] as const) {
    test(`is shown ${what}, which it finds`, async () => {
      const document = JSON.stringify(apiDocument(routesOf([cellList]), '0.0.0'));
      const server = createServer(({ url }, response) => {
        const isDocument = url === '/api/openapi.json';
        response.writeHead(isDocument ? 200 : status, { 'content-type': isDocument ? 'application/json' : content });
        response.end(isDocument ? document : JSON.stringify(body));
      }).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as AddressInfo;
      try {
        const { failures } = await runSchemathesis(`http://127.0.0.1:${port}/api/openapi.json`, ['sk_one_two'], ['-n', '2']);
        assert.ok(
          failures.some((failure) => failure.type === fault),
          JSON.stringify(failures),
        );
      } finally {
        server.closeAllConnections();
        server.close();
      }
    });
  }
});
