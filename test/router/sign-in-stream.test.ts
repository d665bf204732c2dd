/**
 * What a stream may fail: wrong passwords end it soon, mechanisms that cannot work for a client do not (RFC 6120 §6.4.5). Played as a
 * connection node plays it, with the address that it saw.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { routerSubject, type StepItem, type StepReply, type StepRequest } from '../../lib/runtime/wire.ts';
import { addAccount } from '../../services/router/accounts/add-account.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { type Router, startRouter } from '../../services/router/router.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';
import { base64, binding, ns } from './sasl-client.ts';

let dependencies: EmbeddedDependencies;
let router: Router;
let addresses = 0;

before(async () => {
  dependencies = await embeddedDependencies();
  const tenant = await dependencies.tenants.add('example.org', { registration: 'closed', retentionDays: 0 });
  await addAccount(dependencies, tenant, 'juliet', 'pencil');
  router = await startRouter(dependencies);
});
after(async () => {
  await router.stop();
  await dependencies.close();
});

class Stream {
  readonly #address = `192.0.2.${++addresses}`;
  #session = '';

  async step(item: StepItem, ...bodies: string[]): Promise<{ text: string; reply: StepReply }> {
    const where = { node: 'n.node-1.a', sid: 's', domain: 'example.org', address: this.#address };
    const request: StepRequest = { kind: 'step', ...where, session: this.#session, items: [item] };
    const payload = encodeFrame(
      request,
      bodies.map((body) => Buffer.from(body)),
    );
    const answer = decodeFrame<StepReply>(await dependencies.bus.request(routerSubject, payload, { timeoutMs: 10_000 }));
    this.#session = answer.header.session ?? this.#session;
    return { text: answer.bodies.join(''), reply: answer.header };
  }

  static async open(): Promise<Stream> {
    const stream = new Stream();
    await stream.step({ kind: 'open', secure: true, binding });
    return stream;
  }

  /** @returns the condition, `challenge` or `success`, and how the stream ended */
  async auth(mechanism: string, message: string): Promise<{ said: string | undefined; close: string | undefined }> {
    const element = `<auth xmlns='${ns}' mechanism='${mechanism}'>${base64(message)}</auth>`;
    const { text, reply } = await this.step({ kind: 'sasl', binding, body: true }, element);
    return { said: /<failure [^>]*><([a-z-]+)/.exec(text)?.[1] ?? /^<([a-z]+)/.exec(text)?.[1], close: reply.close?.condition };
  }
}

const right = '\0juliet\0pencil';
const wrong = '\0juliet\0paper';

for (const [what, failing] of [
  ['slixmpp 1.8, which says that it can bind and cannot', ['SCRAM-SHA-256', 'y,,n=juliet,r=abc']],
  ['a client that binds to tls-unique alone', ['SCRAM-SHA-1-PLUS', 'p=tls-unique,,n=juliet,r=abc']],
  ['a client of mechanisms of tomorrow', ['SCRAM-SHA3-512', 'n,,n=juliet,r=abc']],
  ['a client that sends what nobody understands', ['SCRAM-SHA-256', 'hello']],
  ['a client that asks for EXTERNAL', ['EXTERNAL', '=']],
] as const) {
  test(`${what} signs in behind many failures`, async () => {
    const stream = await Stream.open();
    for (let n = 0; n < 3 * serviceLimits.saslFailuresMax; n++) {
      assert.equal((await stream.auth(failing[0], failing[1])).close, undefined, `failure ${n + 1}`);
    }
    assert.equal((await stream.auth('PLAIN', right)).said, 'success');
  });
}

test('failures of mechanisms are bounded, too', async () => {
  const stream = await Stream.open();
  for (let n = 1; n < routerLimits.saslMisfitsMax; n++) assert.equal((await stream.auth('EXTERNAL', '=')).close, undefined);
  assert.equal((await stream.auth('EXTERNAL', '=')).close, 'policy-violation');
});

test('wrong passwords end the stream, however many other failures come between them', async () => {
  const stream = await Stream.open();
  for (let n = 1; n < serviceLimits.saslFailuresMax; n++) {
    assert.deepEqual(await stream.auth('PLAIN', wrong), { said: 'not-authorized', close: undefined });
    assert.equal((await stream.auth('EXTERNAL', '=')).close, undefined);
  }
  assert.deepEqual(await stream.auth('PLAIN', wrong), { said: 'not-authorized', close: 'policy-violation' });
});

test('a new stream does not get around it: it starts anew from another address, but the account does not', async () => {
  let looked = 0;
  for (let streams = 0; streams < 10; streams++) {
    const stream = await Stream.open();
    for (let n = 0; n < serviceLimits.saslFailuresMax; n++)
      if ((await stream.auth('PLAIN', wrong)).said === 'not-authorized') looked++;
  }
  assert.ok(looked <= routerLimits.firstGuessesBurst + routerLimits.furtherGuessesBurst, `${looked} were looked at`);
});
