/** Plays the agent of ECS beside one task: its protection (`/task-protection/v1/state`), and what the task is (`/task`). */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Change {
  readonly ProtectionEnabled: boolean;
  readonly ExpiresInMinutes?: number;
  readonly atMs: number;
}

export class EcsAgent {
  readonly changes: Change[] = [];
  /** Requests that it has not understood. */
  readonly strange: string[] = [];
  /** Answers with this instead: ECS throttles, or a deploy is blocked. */
  fault: { readonly status: number; readonly body: string } | undefined;
  refused = 0;
  readonly #server: Server;
  readonly #task: Readonly<Record<'Family' | 'Revision' | 'TaskARN', string>>;

  private constructor(revision: string) {
    const arn = `arn:aws:ecs:eu-central-1:111122223333:task/skylark/${randomBytes(16).toString('hex')}`;
    this.#task = { Family: 'skylark-connection', Revision: revision, TaskARN: arn };
    this.#server = createServer(async (request, response) => {
      const { status, body } = this.#answer(request.method ?? '', request.url ?? '', await text(request));
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
  }

  static async start(revision = '1'): Promise<EcsAgent> {
    const agent = new EcsAgent(revision);
    await new Promise<void>((resolve) => void agent.#server.listen(0, '127.0.0.1', resolve));
    return agent;
  }

  /** What its process calls itself. */
  get name(): string {
    return this.#task.TaskARN.split('/').at(-1)!.slice(0, 12);
  }

  /** ECS_AGENT_URI, and ECS_CONTAINER_METADATA_URI_V4 */
  get uri(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get taskArn(): string {
    return this.#task.TaskARN;
  }

  /** As ECS sees it. */
  get isProtected(): boolean {
    return this.changes.at(-1)?.ProtectionEnabled === true;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => void this.#server.close(resolve));
  }

  #answer(method: string, url: string, body: string): { status: number; body: string } {
    if (method === 'GET' && url === '/task') return { status: 200, body: JSON.stringify(this.#task) };
    const change = method === 'PUT' && url === '/task-protection/v1/state' ? parse(body) : undefined;
    if (change === undefined) {
      this.strange.push(`${method} ${url} ${body}`);
      return { status: 400, body: '{"error":{"Code":"InvalidParameterException"}}' };
    }
    if (this.fault !== undefined) {
      this.refused++;
      return this.fault;
    }
    this.changes.push({ ...change, atMs: performance.now() });
    const { ProtectionEnabled } = change;
    const protection = {
      ProtectionEnabled,
      ...(ProtectionEnabled && { ExpirationDate: '2030-01-01T00:00:00Z' }),
      TaskArn: 'arn',
    };
    return { status: 200, body: JSON.stringify({ protection }) };
  }
}

/** The members that ECS knows, of the types that it takes. */
function parse(body: string): Omit<Change, 'atMs'> | undefined {
  const { ProtectionEnabled, ExpiresInMinutes, ...rest } = JSON.parse(body) as Record<string, unknown>;
  const isTime = ExpiresInMinutes === undefined || (Number.isInteger(ExpiresInMinutes) && Number(ExpiresInMinutes) <= 2_880);
  if (typeof ProtectionEnabled !== 'boolean' || !isTime || Object.keys(rest).length > 0) return undefined;
  return { ProtectionEnabled, ExpiresInMinutes: ExpiresInMinutes as number | undefined };
}
