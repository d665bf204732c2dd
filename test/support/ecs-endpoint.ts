/** Plays the API of ECS for one service: how many of its tasks are wanted and run, and that fewer are wanted. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export const ecsNames = { cluster: 'skylark', service: 'skylark-app-ConnectionService' };

const api = 'AmazonEC2ContainerServiceV20141113.';

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** What ECS knows of the service. */
export interface PlayedService {
  desired: number;
  readonly running: number;
  readonly pending?: number;
  readonly deployments?: readonly { readonly status: string; readonly rolloutState: string }[];
}

export class EcsEndpoint {
  /** Answers with this instead. */
  fault: Answer | undefined;
  /** Actions in the order in which they were asked for. */
  readonly actions: string[] = [];
  readonly #server: Server;

  private constructor(service: () => PlayedService, name: string) {
    this.#server = createServer(async (request, response) => {
      const action = `${request.headers['x-amz-target']}`.slice(api.length);
      this.actions.push(action);
      const { status, body } = this.fault ?? answer(action, await text(request), service(), name);
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(body);
    });
  }

  static async start(service: () => PlayedService, name: string = ecsNames.service): Promise<EcsEndpoint> {
    const endpoint = new EcsEndpoint(service, name);
    await new Promise<void>((resolve) => void endpoint.#server.listen(0, '127.0.0.1', resolve));
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function answer(action: string, body: string, service: PlayedService, name: string): Answer {
  const given = JSON.parse(body) as Record<string, unknown>;
  if (given.cluster !== ecsNames.cluster) return refuse('ClusterNotFoundException');
  if (action === 'DescribeServices') {
    const [asked] = given.services as string[];
    if (asked !== name) return { status: 200, body: JSON.stringify({ services: [], failures: [{ reason: 'MISSING' }] }) };
    return { status: 200, body: JSON.stringify({ services: [described(service)], failures: [] }) };
  }
  if (action === 'UpdateService' && given.service === name && Number.isInteger(given.desiredCount)) {
    service.desired = given.desiredCount as number;
    return { status: 200, body: JSON.stringify({ service: described(service) }) };
  }
  return refuse('InvalidParameterException');
}

function described({ desired, running, pending = 0, deployments }: PlayedService): Record<string, unknown> {
  return {
    ...{ desiredCount: desired, runningCount: running, pendingCount: pending },
    deployments: deployments ?? [{ status: 'PRIMARY', rolloutState: 'COMPLETED' }],
  };
}

function refuse(code: string): Answer {
  return { status: 400, body: JSON.stringify({ __type: code }) };
}
