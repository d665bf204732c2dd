/** Stands between the processes and their DynamoDB, and does to requests what that service and networks do. */
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Random } from '../simulator/random.ts';

export type Weather = 'fair' | 'throttling' | 'slow' | 'losing answers' | 'away';

const share = { throttled: 0.5, partial: 0.3, slow: 0.6, failed: 0.1, lost: 0.3 };
const delayMs = { least: 50, most: 1_500 };

export interface DynamoGate {
  readonly url: string;
  weather: Weather;
  /** Requests that were not simply passed on. */
  readonly troubled: number;
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** @param url of the engine */
export async function startDynamoGate(url: string, random: Random): Promise<DynamoGate> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const engine = new URL(url);
  const pass = ({ headers }: IncomingMessage, body: Buffer) => forward(engine, agent, headers, body);
  const serve = async (from: IncomingMessage, to: ServerResponse): Promise<void> => {
    const body = await collect(from);
    const { weather } = gate;
    if (weather !== 'fair') gate.troubled++;
    if (weather === 'away') return void from.socket.destroy();
    if (weather === 'throttling') {
      if (isBatchWrite(from) && random.chance(share.partial)) return send(to, await passHalf(from, body, pass));
      if (random.chance(share.throttled)) return send(to, refusal('ProvisionedThroughputExceededException'));
    }
    if (weather === 'slow' && random.chance(share.slow)) {
      await new Promise((resolve) => setTimeout(resolve, random.between(delayMs.least, delayMs.most)));
    }
    if (weather === 'losing answers' && random.chance(share.failed)) return send(to, refusal('InternalServerError', 500));
    const answer = await pass(from, body);
    if (weather === 'losing answers' && random.chance(share.lost)) return void from.socket.destroy();
    send(to, answer);
  };
  const server = createServer((from, to) => {
    serve(from, to).catch(() => from.socket.destroy());
  }).listen(0, '127.0.0.1');
  server.keepAliveTimeout = 60_000;
  await once(server, 'listening');
  const gate = {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    weather: 'fair' as Weather,
    troubled: 0,
    close() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
  return gate;
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function forward(engine: URL, agent: Agent, headers: IncomingMessage['headers'], body: Buffer): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const length = { 'content-length': `${body.length}` };
  const options = { host: engine.hostname, port: engine.port, method: 'POST', path: '/', agent };
  const outgoing = request({ ...options, headers: { ...headers, host: engine.host, ...length } }, resolve);
  outgoing.on('error', reject).end(body);
  const incoming = await promise;
  return { status: incoming.statusCode ?? 500, headers: incoming.headers, body: await collect(incoming) };
}

function send(to: ServerResponse, { status, headers, body }: Answer): void {
  const { connection: _, 'transfer-encoding': __, ...rest } = headers;
  to.writeHead(status, { ...rest, 'content-length': `${body.length}` }).end(body);
}

function refusal(name: string, status = 400): Answer {
  const body = Buffer.from(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: 'from the script' }));
  return { status, headers: { 'content-type': 'application/x-amz-json-1.0' }, body };
}

function isBatchWrite({ headers }: IncomingMessage): boolean {
  return `${headers['x-amz-target']}`.endsWith('.BatchWriteItem');
}

/** Every other item is written, the rest comes back as unprocessed, as it does when a table is at its limit. */
async function passHalf(
  from: IncomingMessage,
  body: Buffer,
  pass: (from: IncomingMessage, body: Buffer) => Promise<Answer>,
): Promise<Answer> {
  const whole = JSON.parse(body.toString()) as { readonly RequestItems: Readonly<Record<string, readonly unknown[]>> };
  const tables = Object.entries(whole.RequestItems);
  const take = (rest: number) =>
    Object.fromEntries(
      tables
        .map(([table, items]) => [table, items.filter((_, index) => index % 2 === rest)] as const)
        .filter(([, items]) => items.length > 0),
    );
  const answer = await pass(from, Buffer.from(JSON.stringify({ ...whole, RequestItems: take(0) })));
  if (answer.status !== 200) return answer;
  const said = JSON.parse(answer.body.toString()) as { UnprocessedItems?: object };
  const left = Buffer.from(JSON.stringify({ ...said, UnprocessedItems: { ...said.UnprocessedItems, ...take(1) } }));
  const { 'x-amz-crc32': _, ...headers } = answer.headers;
  return { ...answer, headers, body: left };
}
