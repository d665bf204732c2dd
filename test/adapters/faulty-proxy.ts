/** Stands between the adapter and its engine, and treats single requests as bad networks and services do. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface Passing {
  /** Such as `PutItem`. */
  readonly operation: string;
  // biome-ignore lint/suspicious/noExplicitAny: the wire's JSON
  readonly body: any;
  /** Forwards the request, or another body in its place. */
  forward(body?: unknown): Promise<{ status: number; body: string }>;
  answer(answer: { status: number; body: string }): void;
  /** Closes the connection without an answer. */
  drop(): void;
}

export type Fault = (passing: Passing) => Promise<void> | void;

export interface FaultyProxy {
  readonly endpoint: string;
  /** The faults for the next requests, one each. Later requests pass. */
  faults: Fault[];
  close(): Promise<void>;
}

export const throttle: Fault = ({ answer }) =>
  answer({
    status: 400,
    body: JSON.stringify({
      __type: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
      message: 'slow down',
    }),
  });
export const crash: Fault = ({ answer }) =>
  answer({
    status: 500,
    body: JSON.stringify({ __type: 'com.amazonaws.dynamodb.v20120810#InternalServerError', message: 'oh' }),
  });
/** The request is carried out, but its answer is lost. */
export const loseAnswer: Fault = async ({ forward, drop }) => {
  await forward();
  drop();
};
export const loseRequest: Fault = ({ drop }) => drop();
export const pass: Fault = async ({ forward, answer }) => answer(await forward());

export async function startFaultyProxy(engine: string): Promise<FaultyProxy> {
  const server = createServer((request, response) => {
    const fault = proxy.faults.shift() ?? pass;
    void serve(engine, request, response, fault);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const proxy: FaultyProxy = {
    endpoint: `http://127.0.0.1:${port}`,
    faults: [],
    async close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return proxy;
}

async function serve(engine: string, request: IncomingMessage, response: ServerResponse, fault: Fault): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const target = `${request.headers['x-amz-target']}`;
  const text = Buffer.concat(chunks).toString();
  await fault({
    operation: target.slice(target.indexOf('.') + 1),
    body: JSON.parse(text),
    async forward(body) {
      const headers = {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': target,
        authorization: `${request.headers.authorization}`,
        'x-amz-date': `${request.headers['x-amz-date']}`,
      };
      const answer = await fetch(engine, { method: 'POST', headers, body: body === undefined ? text : JSON.stringify(body) });
      return { status: answer.status, body: await answer.text() };
    },
    answer: ({ status, body }) => response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(body),
    drop: () => request.socket.destroy(),
  });
}
