/** The services of a cell: one task with everything (`small`), or connection, peers, router, rooms and federation apart (`cell`). */
import { CfnOutput, Duration } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { type ContainerImage, Secret } from 'aws-cdk-lib/aws-ecs';
import type { Construct } from 'constructs';
import { skylarkImage } from './bundles.ts';
import { type CellProps, CellStack } from './cell-stack.ts';
import type { DataStack } from './data-stack.ts';
import { frontPort } from './front-door.ts';
import {
  grantDialback,
  grantRows,
  grantSealCertificates,
  grantTaskProtection,
  grantTokens,
  grantUnseal,
  grantUploads,
} from './grants.ts';
import { serviceMetric } from './metrics.ts';
import { frontTier, type NetStack } from './net-stack.ts';
import { Operations } from './operations.ts';
import { taskCpu } from './quotas.ts';
import { rightsOf } from './rights.ts';
import { ScaleIn } from './scale-in.ts';
import { healthPort, type ServiceProps, SkylarkService, stopTimeout } from './service.ts';
import type { WebStack } from './web-stack.ts';

interface AppProps extends CellProps {
  readonly data: DataStack;
  readonly net: NetStack;
  readonly web: WebStack;
}

/** Tasks are small and many: a stream needs 36 kB and a share of a core, and a task that dies takes few streams with it. */
const taskSize = { cpu: taskCpu.connection, memoryMiB: 4096 };

/** Most cells need no more than two small tasks for streams of other servers, and two for streams to them. */
const serverTaskSize = { cpu: taskCpu.peers, memoryMiB: 2048 };

/** It asks routers, and waits. */
const apiTaskSize = { cpu: taskCpu.api, memoryMiB: 512 };

/** The process ends by itself before ECS would kill it. */
const reserveSeconds = 10;

export class AppStack extends CellStack {
  readonly #data: DataStack;
  readonly #net: NetStack;
  readonly #web: WebStack;
  readonly #image: ContainerImage;

  constructor(scope: Construct, id: string, { data, net, web, ...props }: AppProps) {
    super(scope, id, props);
    this.#data = data;
    this.#net = net;
    this.#web = web;
    this.#image = skylarkImage(this, this.settings);
    const services: Readonly<Record<string, SkylarkService>> =
      this.settings.shape === 'small'
        ? { all: this.#all() }
        : {
            ...{ connection: this.#connection(), peers: this.#peers(), router: this.#router() },
            ...{ muc: this.#muc(), federation: this.#federation(), api: this.#api() },
          };
    new Operations(this, 'Operations', { services, data, net });
    for (const [tier, { service }] of Object.entries(services)) {
      const id = `${tier[0]!.toUpperCase()}${tier.slice(1)}Service`;
      new CfnOutput(this, id, { value: service.serviceName, description: `the service ${tier} on ECS` });
    }
  }

  #add(id: string, props: Pick<ServiceProps, 'tier' | 'tasks'> & Partial<ServiceProps>): SkylarkService {
    return new SkylarkService(this, id, {
      net: this.#net,
      image: this.#image,
      ...taskSize,
      environment: this.#environment(props.tier),
      ...(props.tier === frontTier(this.settings) && {
        secrets: { SKYLARK_FRONT_KEY: Secret.fromSecretsManager(this.#web.frontKey) },
      }),
      ...props,
    });
  }

  /**
   * One process on DynamoDB and S3 with an in-process bus. A second process would not hear the first, hence `isAlone`. The task
   * is not protected, because its successor cannot begin before it ends; SIGTERM parks its sessions.
   */
  #all(): SkylarkService {
    const all = this.#add('All', { tier: 'all', tasks: { min: 1, max: 1 }, isAlone: true });
    grantRows(all.taskRole, this.#data.tables, rightsOf(['connection', 'peers', 'router', 'muc', 'federation', 'api', 'web']));
    grantUploads(all.taskRole, this.settings);
    grantUnseal(all.taskRole, this.#data.certificateKey);
    grantDialback(all.taskRole, this.#data.certificateKey);
    grantTokens(all.taskRole, this.#data.certificateKey);
    grantSealCertificates(all.taskRole, this.#data.certificateKey);
    return all;
  }

  #connection(): SkylarkService {
    const { connectionTasksMin: min, connectionTasksMax: max, streamsPerTask } = this.settings;
    const connection = this.#add('Connection', { tier: 'connection', tasks: { min, max } });
    grantRows(connection.taskRole, this.#data.tables, rightsOf(['connection']));
    grantUnseal(connection.taskRole, this.#data.certificateKey);
    grantTaskProtection(connection.taskRole, this.settings);
    const metric = serviceMetric(this.settings, 'connection', 'Connections', Stats.AVERAGE);
    connection.scaling?.scaleToTrackCustomMetric('Streams', { metric, targetValue: streamsPerTask, ...pace, ...neverIn });
    scaleOnCpu(connection, neverIn);
    if (max > min) {
      const { functionName } = new ScaleIn(this, 'ScaleIn', {
        ...{ settings: this.settings, data: this.#data, service: connection.service },
      });
      new CfnOutput(this, 'ScaleInFunction', {
        value: functionName,
        description: 'takes connection tasks away that are not needed',
      });
    }
    return connection;
  }

  #router(): SkylarkService {
    const { routerTasksMin: min, routerTasksMax: max } = this.settings;
    const router = this.#add('Router', { tier: 'router', tasks: { min, max }, isMovable: true });
    grantRows(router.taskRole, this.#data.tables, rightsOf(['router']));
    grantTokens(router.taskRole, this.#data.certificateKey);
    grantSealCertificates(router.taskRole, this.#data.certificateKey);
    grantUploads(router.taskRole, this.settings);
    scaleOnCpu(router);
    // Each process reports the time within which 99 of 100 batches were handled. Scaling follows the mean of all routers.
    router.scaling?.scaleOnMetric('Batches', {
      metric: serviceMetric(this.settings, 'router', 'BatchLatency', Stats.AVERAGE),
      scalingSteps: [
        { upper: 250, change: 0 },
        { lower: 250, change: 1 },
        { lower: 1_000, change: 3 },
      ],
      evaluationPeriods: 2,
      cooldown: Duration.minutes(2),
    });
    return router;
  }

  #muc(): SkylarkService {
    const { mucTasksMin: min, mucTasksMax: max } = this.settings;
    const muc = this.#add('Muc', { tier: 'muc', tasks: { min, max }, isMovable: true });
    grantRows(muc.taskRole, this.#data.tables, rightsOf(['muc']));
    scaleOnCpu(muc);
    return muc;
  }

  /** Streams that other servers open. They come again by themselves, so no task is protected and all may scale in. */
  #peers(): SkylarkService {
    const { peersTasksMin: min, peersTasksMax: max } = this.settings;
    const peers = this.#add('Peers', { tier: 'peers', tasks: { min, max }, ...serverTaskSize });
    grantRows(peers.taskRole, this.#data.tables, rightsOf(['peers']));
    grantUnseal(peers.taskRole, this.#data.certificateKey);
    const metric = serviceMetric(this.settings, 'peers', 'Connections', Stats.AVERAGE);
    peers.scaling?.scaleToTrackCustomMetric('Streams', { metric, targetValue: serverStreamsPerTask, ...pace });
    scaleOnCpu(peers);
    return peers;
  }

  /** Streams to other servers. What waits is in the store, so a task that ends hands its shards over. */
  #federation(): SkylarkService {
    const { federationTasksMin: min, federationTasksMax: max } = this.settings;
    const federation = this.#add('Federation', { tier: 'federation', tasks: { min, max }, ...serverTaskSize });
    grantRows(federation.taskRole, this.#data.tables, rightsOf(['federation']));
    grantUnseal(federation.taskRole, this.#data.certificateKey);
    grantDialback(federation.taskRole, this.#data.certificateKey);
    const metric = serviceMetric(this.settings, 'federation', 'PeerPairs', Stats.AVERAGE);
    federation.scaling?.scaleToTrackCustomMetric('Pairs', { metric, targetValue: serverStreamsPerTask, ...pace });
    scaleOnCpu(federation);
    // The age counts only where the other server is connected: rows for a dead one grow old whatever the number of tasks.
    federation.scaling?.scaleOnMetric('Waiting', {
      metric: serviceMetric(this.settings, 'federation', 'OutboxLag', Stats.AVERAGE),
      scalingSteps: [
        { upper: 30_000, change: 0 },
        { lower: 30_000, change: 1 },
        { lower: 120_000, change: 3 },
      ],
      evaluationPeriods: 3,
      cooldown: Duration.minutes(5),
    });
    return federation;
  }

  /** The console, the REST API and the pages of invites, behind the CDN. */
  #api(): SkylarkService {
    const { apiTasksMin: min, apiTasksMax: max } = this.settings;
    const api = this.#add('Api', { tier: 'api', tasks: { min, max }, isMovable: true, ...apiTaskSize });
    grantRows(api.taskRole, this.#data.tables, rightsOf(['api']));
    scaleOnCpu(api);
    return api;
  }

  /** The command line's options as variables: `SKYLARK_TABLE_PREFIX` is `--table-prefix`. */
  #environment(tier: ServiceProps['tier']): Record<string, string> {
    const { settings } = this;
    const bus = this.#net.bus;
    const ports = this.#net.targetsOf(tier).map(({ door }) => [variableOf(door.id, tier), `${door.targetPort}`] as const);
    const signsSlots = tier === 'router' || tier === 'all';
    const isFront = tier === frontTier(settings);
    const showsCertificates = ports.length > 0 || tier === 'federation';
    return {
      SKYLARK_DYNAMODB: 'aws',
      SKYLARK_REGION: this.region,
      SKYLARK_TABLE_PREFIX: settings.tablePrefix,
      SKYLARK_DOMAIN: settings.domains[0],
      SKYLARK_LOG_LEVEL: 'info',
      SKYLARK_METRICS: 'emf',
      SKYLARK_HEALTH_PORT: `${healthPort}`,
      SKYLARK_STOP_SECONDS: `${stopTimeout.toSeconds() - reserveSeconds}`,
      ...(bus && { SKYLARK_NATS: bus.url }),
      ...(signsSlots && {
        SKYLARK_S3: 'aws',
        SKYLARK_FILES_BUCKET: this.#data.files.bucketName,
        SKYLARK_FILES_URL: this.#data.filesUrl,
        ...(settings.uploads === 'cdn' && { SKYLARK_UPLOADS_URL: this.#data.uploadsUrl }),
      }),
      ...((tier === 'router' || tier === 'all') && {
        SKYLARK_CELL: settings.name,
        SKYLARK_CELL_HOST: settings.host,
        SKYLARK_CELL_SERVERS_HOST: settings.serversHost,
        SKYLARK_CELL_WEB_URL: `https://${this.#web.host}`,
        SKYLARK_AUDIT_DAYS: `${settings.auditDays}`,
        ...(settings.proveDomains && { SKYLARK_PROVE_DOMAINS: 'true' }),
      }),
      ...(knowsServers.has(tier) && { SKYLARK_FEDERATION: 'true' }),
      ...((ports.length > 0 || isFront) && { SKYLARK_BIND: '0.0.0.0' }),
      ...(ports.length > 0 && { ...Object.fromEntries(ports), SKYLARK_PROXY_PROTOCOL: 'true' }),
      ...(isFront && { SKYLARK_FRONT_PORT: `${frontPort}` }),
      ...(showsCertificates && { SKYLARK_CERTIFICATES: 'store' }),
      ...((showsCertificates || tier === 'router') && {
        SKYLARK_KMS: 'aws',
        SKYLARK_KMS_KEY: this.#data.certificateKey.keyArn,
      }),
    };
  }
}

/** Who sends to other servers, and the task that does everything. */
const knowsServers: ReadonlySet<string> = new Set(['router', 'muc', 'all']);

/** How many streams or pairs of domains a task should hold: with TLS and buffers they take a fifth of its memory. */
const serverStreamsPerTask = 5_000;

/** The variable for the port of a door. */
function variableOf(id: string, tier: string): string {
  const names: Readonly<Record<string, string>> = {
    ...{ C2s: 'C2S_PORT', C2sTls: 'C2S_TLS_PORT', S2s: 'S2S_PORT', S2sTls: 'S2S_TLS_PORT' },
    Https: tier === 'all' ? 'HTTPS_PORT' : 'WEBSOCKET_PORT',
  };
  return `SKYLARK_${names[id]}`;
}

/** Scale out at once and in slowly: a task must be drained before it ends. */
const pace = { scaleOutCooldown: Duration.minutes(1), scaleInCooldown: Duration.minutes(15) };

/**
 * Tasks with streams are protected, so ECS would stop none of them when fewer are wanted. The desired number would still fall to
 * the minimum, and the next deployment would put all streams into that few tasks. A function has tasks drained first (scale-in.ts).
 */
const neverIn = { disableScaleIn: true };

function scaleOnCpu({ scaling }: SkylarkService, more: { readonly disableScaleIn?: boolean } = {}): void {
  scaling?.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: 60, ...pace, ...more });
}
