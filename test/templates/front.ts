/**
 * Plays the CDN and the HTTP API before the tasks of the console: which paths, what a function does with each request, which headers are
 * added. All of it is read from the templates.
 */
import { createServer, type IncomingHttpHeaders, type Server, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runInNewContext } from 'node:vm';
import type { TriedSecrets } from './secrets.ts';
import type { EdgeRule, Templates } from './templates.ts';

type EdgeHeaders = Record<string, { readonly value: string }>;

export class TriedFront {
  /** Who asks, as the CDN sees it. */
  viewer = '192.0.2.77';
  /** What the client asks for. */
  readonly host: string;
  readonly #rules: readonly EdgeRule[];
  readonly #ports: () => readonly number[];
  readonly #server: Server;
  #turn = 0;

  private constructor(host: string, rules: readonly EdgeRule[], ports: () => readonly number[]) {
    this.host = host;
    this.#rules = rules;
    this.#ports = ports;
    this.#server = createServer((request, response) => {
      const rule = this.#rules.find(({ path }) =>
        new RegExp(`^${path.replace('*', '.*')}$`).test(request.url!.split('?', 1)[0]!),
      );
      if (rule === undefined || !rule.methods.includes(request.method!)) {
        response.writeHead(rule === undefined ? 404 : 405).end('The CDN sends this elsewhere.\n');
        return;
      }
      const ports = this.#ports();
      const port = ports[this.#turn++ % ports.length];
      const { method, url: path } = request;
      const sent = send({ port, method, path, headers: this.#headersOf(rule, request.headers), agent: false });
      sent.once('error', () => response.writeHead(503).end());
      sent.once('response', (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      request.pipe(sent);
    });
  }

  /** @param ports of the tasks */
  static async start(templates: Templates, secrets: TriedSecrets, ports: () => readonly number[]): Promise<TriedFront> {
    const rules = await Promise.all(
      templates.front().map(async (rule) => ({
        ...rule,
        headers: await Promise.all(rule.headers.map(async ([name, value]) => [name, await filled(value, secrets)] as const)),
      })),
    );
    const front = new TriedFront(new URL(templates.values.output('PagesUrl')).host, rules, ports);
    await new Promise<void>((resolve) => void front.#server.listen(0, '127.0.0.1', resolve));
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #headersOf({ code, host, headers }: EdgeRule, given: IncomingHttpHeaders): Record<string, string> {
    const asked: EdgeHeaders = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, { value: `${value}` }]));
    const event = { request: { headers: { ...asked, host: { value: this.host } } }, viewer: { ip: this.viewer } };
    const request = runInNewContext(`${code}; handler(event)`, { event }) as { readonly headers: EdgeHeaders };
    const { connection: _, ...passed } = Object.fromEntries(
      Object.entries(request.headers).map(([name, { value }]) => [name, value]),
    );
    const forwarded = [given['x-forwarded-for'], this.viewer, '203.0.113.1'].filter((one) => one !== undefined).join(', ');
    return { ...passed, 'x-forwarded-for': forwarded, ...Object.fromEntries(headers), host };
  }
}

/** `{{resolve:secretsmanager:ARN:SecretString:::}}`, as CloudFormation fills it in. */
async function filled(value: string, secrets: TriedSecrets): Promise<string> {
  const [, arn] = /^\{\{resolve:secretsmanager:(.+):SecretString:::\}\}$/.exec(value) ?? [];
  return arn === undefined ? value : secrets.read(arn);
}
