/**
 * A cell as the cloud has it, on the loopback: nats-server, an engine with DynamoDB's API, a bucket, a load balancer, and processes that
 * are made of the bundle, know nothing but their variables, and sit behind it.
 */
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { createTables, openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { connectNatsBus, type NatsBus } from '../../lib/adapters/nats-bus.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { adminAddress } from '../../services/cli/compose/admin-address.ts';
import { serveAdmin } from '../../services/cli/compose/admin-socket.ts';
import { keepSelfSigned, type PemFiles } from '../../services/cli/compose/certificate.ts';
import { startDynalite } from '../../services/cli/compose/dynalite.ts';
import { ensureTenant } from '../../services/cli/compose/own-tenant.ts';
import { startDynamoLocal } from '../adapters/dynamodb-local.ts';
import { type NatsServer, startNats } from '../adapters/nats-server.ts';
import { S3Endpoint } from '../support/s3-endpoint.ts';
import { buildImage, Container, type ContainerOptions } from './container.ts';
import { startContentDelivery } from './content-delivery.ts';
import { LoadBalancer } from './load-balancer.ts';

export type Service = 'connection' | 'router' | 'muc' | 'web';
/** The ports of each, by the load balancer's listener. */
const listeners: Readonly<Record<Service, Readonly<Record<string, string>>>> = {
  connection: { c2s: 'C2S_PORT', c2sTls: 'C2S_TLS_PORT', websocket: 'WEBSOCKET_PORT' },
  router: {},
  muc: {},
  web: { http: 'HTTP_PORT', https: 'HTTPS_PORT' },
};
const tablePrefix = 'cell-';
const bucket = 'cell-files';
const wellTimeoutMs = 60_000;

export interface CellOptions {
  readonly domain: string;
  readonly folder: string;
  /** The load balancer’s port for each listener; 0 takes any free one. */
  readonly ports: Readonly<Record<string, number>>;
  readonly pem?: PemFiles;
  readonly log: ContainerOptions['log'];
  /** Environment variables of all processes. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly onMetrics?: ContainerOptions['onMetrics'];
}

export class Cell {
  readonly domain: string;
  balancer!: LoadBalancer;
  readonly #options: CellOptions;
  readonly #folder: string;
  readonly #undo: (() => Promise<unknown>)[] = [];
  #image!: ReturnType<typeof buildImage>;
  #common: Readonly<Record<string, string>> = {};
  #nats!: NatsServer;
  #bus!: NatsBus;

  constructor(options: CellOptions) {
    this.#options = options;
    this.domain = options.domain;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    this.#folder = realpathSync(options.folder);
  }

  /** What the processes stand on. */
  async start(): Promise<void> {
    const { domain, ports, settings } = this.#options;
    this.#image = buildImage(join(this.#folder, 'image'));
    this.#nats = await startNats();
    this.#undo.push(() => this.#nats.stop());
    const dynamodb = await this.#startDynamo();
    const { cert, key } = this.#options.pem ?? (await keepSelfSigned(join(this.#folder, 'tls'), domain, clock)).files;
    const s3 = await S3Endpoint.start(bucket);
    this.#undo.push(() => s3.close());
    const files = await startContentDelivery(s3.filesUrl);
    this.#undo.push(() => files.stop());
    this.#common = {
      ...{ S3: s3.url, FILES_BUCKET: bucket, FILES_URL: files.url },
      ...{ NATS: this.#nats.url, DYNAMODB: dynamodb, TABLE_PREFIX: tablePrefix, DOMAIN: domain, CERT: cert, KEY: key },
      ...{ PROXY_PROTOCOL: 'true', HEALTH_PORT: '0', METRICS: 'emf', ...settings },
    };
    this.#bus = await connectNatsBus({ servers: [this.#nats.url], clock, name: 'operator' });
    this.#undo.push(() => this.#bus.close());
    this.balancer = await LoadBalancer.start(ports);
    this.#undo.push(() => this.balancer.stop());
  }

  /** Accounts of the tenant, and `skylark … --data FOLDER`, when there is a router. */
  async serveOperators(): Promise<void> {
    const { domain } = this;
    const store = await openDynamoStore(this.#dynamoOptions(this.#common.DYNAMODB!));
    await ensureTenant({ store, bus: this.#bus, clock, domain, registration: 'open' });
    await store.close();
    const admin = await serveAdmin(adminAddress(this.#folder), this.#bus, pino({ level: 'silent' }));
    this.#undo.push(() => admin.stop());
  }

  /** Behind the load balancer as soon as it is well. */
  async run(service: Service, name: string, variables: ContainerOptions['variables'] = {}): Promise<Container> {
    const { log, onMetrics } = this.#options;
    const ports = Object.fromEntries(Object.values(listeners[service]).map((port) => [port, '0']));
    const settings = { ...this.#common, ...ports };
    const container = await Container.start({ image: this.#image, service, settings, variables, log, onMetrics });
    const { health, ...addresses } = container.addresses;
    if (Object.keys(addresses).length === 0) return container;
    const byListener = Object.fromEntries(Object.entries(addresses).map(([listener, { port }]) => [listener, port]));
    this.balancer.register({ name, ports: byListener, healthPort: health!.port });
    return container;
  }

  /** The folder of what is made for it. */
  get folder(): string {
    return this.#folder;
  }

  /** What a function of the cell finds its rows with. */
  get storeVariables(): Readonly<Record<string, string>> {
    return { SKYLARK_DYNAMODB: this.#common.DYNAMODB!, SKYLARK_TABLE_PREFIX: tablePrefix };
  }

  allWell(): Promise<void> {
    return this.balancer.allWell(wellTimeoutMs);
  }

  /** Everything but the processes. */
  async stop(): Promise<void> {
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) await undo();
  }

  async #startDynamo(): Promise<string> {
    const local = process.env.SKYLARK_DYNAMODB_LOCAL;
    let endpoint: string;
    if (local) {
      const engine = await startDynamoLocal(local);
      this.#undo.push(() => engine.close());
      endpoint = engine.endpoint;
    } else {
      const engine = await startDynalite(this.#folder, 0);
      this.#undo.push(() => engine.stop());
      endpoint = `http://127.0.0.1:${engine.address.port}`;
    }
    await createTables(this.#dynamoOptions(endpoint));
    return endpoint;
  }

  #dynamoOptions(endpoint: string) {
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    return { endpoint, region: 'eu-central-1', credentials, tablePrefix, clock };
  }
}
