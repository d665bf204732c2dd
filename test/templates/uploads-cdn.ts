/** Plays the CDN before the bucket through which uploads come: what its function does with each request is read from the templates. */
import { createServer, type Server, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runInNewContext } from 'node:vm';
import type { Json } from '../../infra/test/context.ts';
import type { Templates } from './templates.ts';

export class TriedUploads {
  readonly #server: Server;

  private constructor(code: string, bucket: string) {
    const { host } = new URL(bucket);
    this.#server = createServer((request, response) => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, { value: `${value}` }]));
      const event = { request: { method: request.method, uri: request.url, headers }, viewer: { ip: '192.0.2.78' } };
      const said = runInNewContext(`${code}; handler(event)`, { event }) as Json;
      const passed = Object.fromEntries(Object.entries(said.headers as Json).map(([name, one]) => [name, (one as Json).value]));
      if (said.statusCode !== undefined) {
        response.writeHead(said.statusCode, passed).end();
        return;
      }
      const { method, url } = request;
      const sent = send(`${bucket}${url}`, { method, headers: { ...passed, host }, agent: false }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      sent.once('error', () => response.destroy());
      request.pipe(sent);
    });
  }

  /** @param bucket where the bucket is, without a slash at the end */
  static async start(templates: Templates, bucket: string): Promise<TriedUploads> {
    const [[, { FunctionCode }]] = templates.resources('data', 'AWS::CloudFront::Function') as [[string, Json]];
    const uploads = new TriedUploads(FunctionCode, bucket);
    await new Promise<void>((resolve) => void uploads.#server.listen(0, '127.0.0.1', resolve));
    return uploads;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
