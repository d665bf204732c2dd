/**
 * Stands before moto and does what moto leaves out: it knows by the access key which role asks, refuses what the role's statements in
 * the template do not allow, as IAM does, and writes down each call. It also hands out the keys of roles, as ECS does beside a task.
 */
import { randomBytes } from 'node:crypto';
import { Agent, request as ask, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Refused, verifySignature } from '../support/sigv4.ts';
import { callsOf, ecsApi } from './aws-calls.ts';
import { allows, type Call, type Statement } from './role-policy.ts';
import type { Place } from './values.ts';

interface Role {
  readonly name: string;
  /** undefined: the operator, who may do everything. */
  readonly statements: readonly Statement[] | undefined;
  readonly secret: string;
}

interface Asked extends Call {
  readonly role: string;
}

const credentialsPath = '/credentials/';

export class AwsGate {
  /** One of each kind, by what it says. */
  readonly allowed = new Map<string, Asked>();
  readonly denied = new Map<string, Asked>();
  /** What it has not understood. */
  readonly strange: string[] = [];
  /** The URL of what plays ECS. */
  ecs: string | undefined;
  readonly #roles = new Map<string, Role>();
  readonly #agent = new Agent({ keepAlive: true });
  readonly #upstream: URL;
  readonly #place: Place;
  readonly #server: Server;
  /** Moto's tables know no order among threads, so their requests go one after another. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(upstream: string, place: Place) {
    this.#upstream = new URL(upstream);
    this.#place = place;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(upstream: string, place: Place): Promise<AwsGate> {
    const gate = new AwsGate(upstream, place);
    await new Promise<void>((resolve) => void gate.#server.listen(0, '127.0.0.1', resolve));
    return gate;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @param statements undefined: it may do everything */
  admit(name: string, statements: readonly Statement[] | undefined): void {
    this.#roles.set(accessKeyOf(name), { name, statements, secret: randomBytes(15).toString('base64') });
  }

  /** The variables with which the SDK finds the engines. */
  get endpoints(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      ['DYNAMODB', 'ECS', 'S3', 'KMS', 'SECRETS_MANAGER'].map((service) => [`AWS_ENDPOINT_URL_${service}`, this.url]),
    );
  }

  /** What ECS gives a task so that it finds the keys of its role. */
  taskVariables(name: string): Readonly<Record<string, string>> {
    return { ...this.endpoints, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${this.url}${credentialsPath}${accessKeyOf(name)}` };
  }

  /** What Lambda gives a function, and operators have in their shells. */
  keyVariables(name: string): Readonly<Record<string, string>> {
    const AWS_ACCESS_KEY_ID = accessKeyOf(name);
    return { ...this.endpoints, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: this.#roles.get(AWS_ACCESS_KEY_ID)!.secret };
  }

  /** Writes down a call that another service of AWS has got, and judges it. */
  note(name: string, call: Call): boolean {
    const role = this.#roles.get(accessKeyOf(name))!;
    const asked = { role: name, ...call };
    const isAllowed = role.statements === undefined || allows(role.statements, call);
    const kept = isAllowed ? this.allowed : this.denied;
    kept.set(JSON.stringify(asked), asked);
    return isAllowed;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#agent.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = `${request.headers['x-amz-target'] ?? ''}`;
    try {
      const path = new URL(request.url!, this.url).pathname;
      if (path.startsWith(credentialsPath)) {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(this.#credentials(path.slice(credentialsPath.length)));
        return;
      }
      const body = await buffer(request);
      if (request.method !== 'OPTIONS') this.#judge(request, { method: request.method!, path, target, body });
      const forward = () => this.#forward(request, body, response);
      if (!target.startsWith('DynamoDB')) await forward();
      else {
        const turn = this.#turn.then(forward, forward);
        this.#turn = turn.catch(() => undefined);
        await turn;
      }
    } catch (error) {
      if (!(error instanceof Refused)) this.strange.push(`${request.method} ${request.url} ${target}: ${error}`);
      this.#refuse(response, target, error instanceof Refused ? error : new Refused(500, 'InternalError', `${error}`));
    }
  }

  /** @throws {Refused} */
  #judge(request: IncomingMessage, given: Parameters<typeof callsOf>[0]): void {
    const signed = `${request.headers.authorization ?? ''} ${decodeURIComponent(request.url!)}`;
    const accessKeyId = /Credential=([^/\s]+)\//.exec(signed)?.[1] ?? '';
    const role = this.#roles.get(accessKeyId);
    if (role === undefined) throw new Refused(403, 'InvalidAccessKeyId', `there is no key '${accessKeyId}'`);
    // What is signed of an upload is what bounds it.
    if (given.target === '')
      verifySignature(request, { accessKeyId, secretAccessKey: role.secret, region: this.#place.region }, Date.now());
    for (const call of callsOf(given, this.#place))
      if (!this.note(role.name, call)) throw new Refused(400, 'AccessDeniedException', `${role.name}: ${call.action}`);
  }

  #forward(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const isEcs = `${request.headers['x-amz-target']}`.startsWith(ecsApi);
    if (isEcs && this.ecs === undefined) throw new Error('nothing plays ECS');
    const { hostname, port } = isEcs ? new URL(this.ecs!) : this.#upstream;
    const { method, url: path, headers } = request;
    return new Promise((resolve, reject) => {
      const sent = ask({ hostname, port, method, path, headers: { ...headers, connection: 'keep-alive' }, agent: this.#agent });
      sent.once('error', reject);
      sent.once('response', async (answer) => {
        const text = await buffer(answer).catch(reject);
        response.writeHead(answer.statusCode!, answer.headers).end(text);
        resolve();
      });
      sent.end(body);
    });
  }

  #credentials(accessKeyId: string): string {
    const SecretAccessKey = this.#roles.get(accessKeyId)!.secret;
    const Expiration = new Date(Date.now() + 6 * 60 * 60 * 1_000).toISOString();
    return JSON.stringify({ AccessKeyId: accessKeyId, SecretAccessKey, Token: 'token', Expiration });
  }

  #refuse(response: ServerResponse, target: string, { status, code, message }: Refused): void {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (target === '') {
      response.writeHead(code === 'AccessDeniedException' ? 403 : status, { 'content-type': 'application/xml' });
      response.end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
    } else {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify({ __type: code, message }));
    }
  }
}

function accessKeyOf(name: string): string {
  return `ASIA${name.toUpperCase()}`;
}
