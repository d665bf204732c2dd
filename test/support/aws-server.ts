/** An HTTP server on the loopback that checks the signature of what AWS SDKs send (Signature Version 4), and hands it to a handler. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AwsRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** `TrentService.Decrypt`. */
  readonly target: string;
  readonly body: string;
}

export interface AwsAnswer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

export const awsCredentials = { accessKeyId: 'test', secretAccessKey: 'secret-of-test' };

export class AwsServer {
  readonly url: string;
  readonly requests: AwsRequest[] = [];
  readonly #server: Server;

  private constructor(server: Server, requests: AwsRequest[]) {
    this.#server = server;
    this.requests = requests;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(handle: (request: AwsRequest) => AwsAnswer): Promise<AwsServer> {
    const requests: AwsRequest[] = [];
    const server = createServer(async (request, response) => {
      const body = await read(request);
      const url = new URL(request.url!, 'http://x');
      const target = `${request.headers['x-amz-target'] ?? ''}`;
      const asked = { method: request.method!, path: url.pathname, query: url.searchParams, target, body };
      requests.push(asked);
      const answer = isSigned(request, url, body)
        ? handle(asked)
        : { status: 403, body: '{"__type":"InvalidSignatureException"}' };
      response.writeHead(answer.status, { 'content-type': answer.type ?? 'application/x-amz-json-1.1' }).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new AwsServer(server, requests);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function read(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

function isSigned({ method, headers }: IncomingMessage, url: URL, body: string): boolean {
  const given = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
    headers.authorization ?? '',
  );
  if (given === null) return false;
  const [, id, scope, signed, signature] = given as unknown as [string, string, string, string, string];
  const query = [...url.searchParams].map((pair) => pair.map(encodeURIComponent).join('=')).sort();
  const lines = signed.split(';').map((name) => `${name}:${`${headers[name]}`.trim()}\n`);
  const canonical = [method, url.pathname, query.join('&'), lines.join(''), signed, sha256(body)].join('\n');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${awsCredentials.secretAccessKey}`);
  return id === awsCredentials.accessKeyId && timingSafeEqual(Buffer.from(signature, 'hex'), hmac(key, text));
}
