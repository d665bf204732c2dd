/** The services of a cell: one task with everything (`small`), or connection, router and rooms apart (`cell`). */
import { CfnOutput, Duration } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import type { Construct } from 'constructs';
import { skylarkImage } from './bundles.ts';
import { type CellProps, CellStack } from './cell-stack.ts';
import type { DataStack } from './data-stack.ts';
import { grantRows, grantTaskProtection, grantUnseal, grantUploads } from './grants.ts';
import { serviceMetric } from './metrics.ts';
import type { NetStack } from './net-stack.ts';
import { Operations } from './operations.ts';
import { rightsOf } from './rights.ts';
import { healthPort, type ServiceProps, SkylarkService, stopTimeout } from './service.ts';
import { doors } from './streams-balancer.ts';

interface AppProps extends CellProps {
  readonly data: DataStack;
  readonly net: NetStack;
}

/** Tasks are small and many: a stream needs 36 kB and a share of a core, and a task that dies takes few streams with it. */
const taskSize = { cpu: 1024, memoryMiB: 4096 };

/** The process ends by itself before ECS would kill it. */
const reserveSeconds = 10;

export class AppStack extends CellStack {
  readonly #data: DataStack;
  readonly #net: NetStack;
  readonly #image: ContainerImage;

  constructor(scope: Construct, id: string, { data, net, ...props }: AppProps) {
    super(scope, id, props);
    this.#data = data;
    this.#net = net;
    this.#image = skylarkImage(this, this.settings);
    const services: Readonly<Record<string, SkylarkService>> =
      this.settings.shape === 'small'
        ? { all: this.#all() }
        : { connection: this.#connection(), router: this.#router(), muc: this.#muc() };
    new Operations(this, 'Operations', { services, data, net });
    for (const [tier, { service }] of Object.entries(services)) {
      const id = `${tier[0]!.toUpperCase()}${tier.slice(1)}Service`;
      new CfnOutput(this, id, { value: service.serviceName, description: `the service ${tier} on ECS` });
    }
  }

  #add(id: string, props: Pick<ServiceProps, 'tier' | 'holdsStreams' | 'tasks'> & Partial<ServiceProps>): SkylarkService {
    return new SkylarkService(this, id, {
      net: this.#net,
      image: this.#image,
      ...taskSize,
      environment: this.#environment(props),
      ...props,
    });
  }

  /**
   * One process on DynamoDB and S3 with an in-process bus. A second process would not hear the first, hence `isAlone`. The task
   * is not protected, because its successor cannot begin before it ends; SIGTERM parks its sessions.
   */
  #all(): SkylarkService {
    const all = this.#add('All', { tier: 'all', holdsStreams: true, tasks: { min: 1, max: 1 }, isAlone: true });
    grantRows(all.taskRole, this.#data.tables, rightsOf(['connection', 'router', 'muc', 'web']));
    grantUploads(all.taskRole, this.settings);
    grantUnseal(all.taskRole, this.#data.certificateKey);
    return all;
  }

  #connection(): SkylarkService {
    const { connectionTasksMin: min, connectionTasksMax: max, streamsPerTask } = this.settings;
    const connection = this.#add('Connection', { tier: 'connection', holdsStreams: true, tasks: { min, max } });
    grantRows(connection.taskRole, this.#data.tables, rightsOf(['connection']));
    grantUnseal(connection.taskRole, this.#data.certificateKey);
    grantTaskProtection(connection.taskRole, this.settings);
    const metric = serviceMetric(this.settings, 'connection', 'Connections', Stats.AVERAGE);
    connection.scaling?.scaleToTrackCustomMetric('Streams', { metric, targetValue: streamsPerTask, ...pace, ...neverIn });
    scaleOnCpu(connection, neverIn);
    return connection;
  }

  #router(): SkylarkService {
    const { routerTasksMin: min, routerTasksMax: max } = this.settings;
    const router = this.#add('Router', { tier: 'router', holdsStreams: false, tasks: { min, max } });
    grantRows(router.taskRole, this.#data.tables, rightsOf(['router']));
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
    const muc = this.#add('Muc', { tier: 'muc', holdsStreams: false, tasks: { min, max } });
    grantRows(muc.taskRole, this.#data.tables, rightsOf(['muc']));
    scaleOnCpu(muc);
    return muc;
  }

  /** The command line's options as variables: `SKYLARK_TABLE_PREFIX` is `--table-prefix`. */
  #environment({ tier, holdsStreams }: Pick<ServiceProps, 'tier' | 'holdsStreams'>): Record<string, string> {
    const { settings } = this;
    const bus = this.#net.bus;
    const portOf = (id: string) => `${doors.find((door) => door.id === id)!.targetPort}`;
    const signsSlots = tier === 'router' || tier === 'all';
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
      }),
      ...(holdsStreams && {
        SKYLARK_BIND: '0.0.0.0',
        SKYLARK_C2S_PORT: portOf('C2s'),
        SKYLARK_C2S_TLS_PORT: portOf('C2sTls'),
        [tier === 'all' ? 'SKYLARK_HTTPS_PORT' : 'SKYLARK_WEBSOCKET_PORT']: portOf('Https'),
        SKYLARK_PROXY_PROTOCOL: 'true',
        SKYLARK_CERTIFICATES: 'store',
        SKYLARK_KMS: 'aws',
        SKYLARK_KMS_KEY: this.#data.certificateKey.keyArn,
      }),
    };
  }
}

/** Scale out at once and in slowly: a task must be drained before it ends. */
const pace = { scaleOutCooldown: Duration.minutes(1), scaleInCooldown: Duration.minutes(15) };

/**
 * Tasks with streams are protected, so ECS would stop none of them when fewer are wanted. The desired number would still fall to
 * the minimum, and the next deployment would put all streams into that few tasks.
 */
const neverIn = { disableScaleIn: true };

function scaleOnCpu({ scaling }: SkylarkService, more: { readonly disableScaleIn?: boolean } = {}): void {
  scaling?.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: 60, ...pace, ...more });
}
