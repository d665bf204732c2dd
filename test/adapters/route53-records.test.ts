/** TXT records on Route 53: the adapter's requests, signed and in Route 53's own XML, and how long it waits for a change. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { adapterLimits } from '../../lib/adapters/limits.ts';
import { route53Records } from '../../lib/adapters/route53-records.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { dnsRecordsContract } from '../contracts/dns-records.contract.ts';
import { type AwsAnswer, type AwsRequest, AwsServer, awsCredentials as credentials } from '../support/aws-server.ts';

const zonePath = '/2013-04-01/hostedzone/Z1/rrset';
const xml = (status: number, body: string): AwsAnswer => ({ status, body: `<?xml version="1.0"?>${body}`, type: 'text/xml' });
const changeInfo = (status: string) =>
  `<ChangeInfo><Id>/change/C1</Id><Status>${status}</Status><SubmittedAt>2030-01-01T00:00:00Z</SubmittedAt></ChangeInfo>`;

/**
 * A Route 53 for the TXT records of one zone: UPSERT and DELETE of a whole set, lists from a name on, and changes that take time.
 */
class Zone {
  readonly sets = new Map<string, string>();
  /** How often it is asked before a change is everywhere. */
  pendingMax = 0;
  #pending = 0;

  handle({ method, path, query, body }: AwsRequest): AwsAnswer {
    if (method === 'GET' && path === '/2013-04-01/change/C1') {
      const status = this.#pending-- > 0 ? 'PENDING' : 'INSYNC';
      return xml(200, `<GetChangeResponse>${changeInfo(status)}</GetChangeResponse>`);
    }
    if (method === 'GET' && path === zonePath) {
      const from = `${query.get('name')}.`;
      const [set = ''] =
        [...this.sets]
          .filter(([name]) => name >= from)
          .sort(([a], [b]) => (a < b ? -1 : 1))[0]
          ?.slice(1) ?? [];
      const page = '<IsTruncated>false</IsTruncated><MaxItems>1</MaxItems>';
      return xml(
        200,
        `<ListResourceRecordSetsResponse><ResourceRecordSets>${set}</ResourceRecordSets>${page}</ListResourceRecordSetsResponse>`,
      );
    }
    if (method !== 'POST' || path !== zonePath) return this.#refuse('NoSuchHostedZone', path);
    const set = /<ResourceRecordSet>.*<\/ResourceRecordSet>/s.exec(body)![0];
    const name = `${/<Name>([^<]*)<\/Name>/.exec(set)![1]!.replace(/\.$/, '')}.`;
    const kept = set.replace(/<Name>[^<]*/, `<Name>${name}`);
    if (body.includes('<Action>UPSERT</Action>')) this.sets.set(name, kept);
    else if (this.sets.get(name) === kept) this.sets.delete(name);
    else return this.#refuse('InvalidChangeBatch', 'the values do not match');
    this.#pending = this.pendingMax;
    return xml(200, `<ChangeResourceRecordSetsResponse>${changeInfo('PENDING')}</ChangeResourceRecordSetsResponse>`);
  }

  #refuse(code: string, message: string): AwsAnswer {
    return xml(
      400,
      `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
    );
  }
}

let elapsedMs = 0;
/** Waits for nothing in real time. */
const clock = {
  ...systemClock,
  monotonic: () => elapsedMs,
  after(delayMs: number, run: () => void) {
    elapsedMs += delayMs;
    const timer = setImmediate(run);
    return { cancel: () => clearImmediate(timer) };
  },
};

dnsRecordsContract('Route 53', async () => {
  const own = new Zone();
  const engine = await AwsServer.start((request) => own.handle(request));
  return {
    records: route53Records({
      endpoint: engine.url,
      region: 'eu-central-1',
      hostedZoneId: 'Z1',
      credentials,
      clock,
    }),
    async texts(name) {
      const values = (own.sets.get(`${name}.`) ?? '').matchAll(/<Value>(?:"|&quot;)(.*?)(?:"|&quot;)<\/Value>/g);
      return [...values].map(([, text]) => text!);
    },
    close: () => engine.stop(),
  };
});

let zone: Zone;
let server: AwsServer;
beforeEach(async () => {
  zone = new Zone();
  elapsedMs = 0;
  server = await AwsServer.start((request) => zone.handle(request));
});
afterEach(() => server.stop());

function open(given: { secretAccessKey?: string; hostedZoneId?: string } = {}) {
  const { hostedZoneId = 'Z1', ...rest } = given;
  return route53Records({
    endpoint: server.url,
    region: 'eu-central-1',
    hostedZoneId,
    credentials: { ...credentials, ...rest },
    clock,
  });
}

const name = 'one.example.acme.operator.example';

test('a record is put whole, replaces the previous one, and is removed exactly as it is', async () => {
  const records = open();
  await records.put(name, ['first']);
  await records.put(name, ['with "quotes" and \\']);
  assert.deepEqual([...zone.sets.keys()], [`${name}.`]);
  const set = zone.sets.get(`${name}.`)!;
  assert.match(set, /<Type>TXT<\/Type><TTL>60<\/TTL>/);
  assert.ok(
    set.includes('"with \\"quotes\\" and \\\\"') || set.includes('&quot;with \\&quot;quotes\\&quot; and \\\\&quot;'),
    set,
  );
  assert.ok(!set.includes('first'));
  await records.remove(name);
  assert.equal(zone.sets.size, 0);
});

test('removing what is not there requests no change, and touches no other name', async () => {
  const records = open();
  await records.put(`z.${name}`, ['neighbour']);
  const before = server.requests.length;
  await records.remove(name);
  await records.remove(`zz.${name}`);
  assert.deepEqual(
    server.requests.slice(before).map(({ method }) => method),
    ['GET', 'GET'],
  );
  assert.equal(zone.sets.size, 1);
});

test('a put waits until all servers have it', async () => {
  zone.pendingMax = 3;
  await open().put(name, ['x']);
  assert.equal(server.requests.filter(({ path }) => path.startsWith('/2013-04-01/change/')).length, 4);
  assert.equal(elapsedMs, 4 * adapterLimits.dnsPollMs);
});

test('… but not for ever', async () => {
  zone.pendingMax = Number.POSITIVE_INFINITY;
  await assert.rejects(open().put(name, ['x']), {
    name: 'Unavailable',
    message: `Route 53 did not publish the change to all its servers within ${adapterLimits.dnsChangeMs / 1000} s`,
  });
  assert.equal(elapsedMs, adapterLimits.dnsChangeMs);
});

test('a refusal is Unavailable, with what Route 53 says', async () => {
  await assert.rejects(open({ hostedZoneId: 'Z2' }).put(name, ['x']), (error: Error) => {
    assert.ok(error instanceof Unavailable);
    assert.match(error.message, /^Route 53 ChangeResourceRecordSets: NoSuchHostedZone/);
    return true;
  });
  await assert.rejects(open({ secretAccessKey: 'wrong' }).put(name, ['x']), Unavailable);
});
