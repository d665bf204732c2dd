/** A dashboard and alarms over the services of a cell. */
import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Operation } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import type { DataStack } from './data-stack.ts';
import { DeploymentWatch } from './deployment-watch.ts';
import { type MetricName, serviceMetric } from './metrics.ts';
import type { NetStack } from './net-stack.ts';
import type { SkylarkService } from './service.ts';
import type { Settings } from './settings.ts';
import type { Target } from './streams-balancer.ts';

interface OperationsProps {
  readonly services: Readonly<Record<string, SkylarkService>>;
  readonly data: DataStack;
  readonly net: NetStack;
}

/** Alarms look back this many minutes: one bad minute wakes nobody. */
const minutes = 5;
/** Pairs of domains in one task, three quarters of what it keeps in memory (services/federation/limits.ts). */
const pairsMax = 15_000;
/** How long the slowest of a hundred batches may wait for its answer, ms: a request that nobody answers is sent again after some seconds. */
const answerMsMax = 5_000;
/** How much of its task a server of the bus may use. */
const busBounds = { cpuPercentMax: 70, memoryPercentMax: 70 };
/** Batches that wait in one task. */
const outboxRowsMax = 50_000;

export class Operations extends Construct {
  readonly #props: OperationsProps;
  readonly #settings: Settings;

  constructor(scope: Construct, id: string, props: OperationsProps) {
    super(scope, id);
    this.#props = props;
    this.#settings = props.net.settings;
    new DeploymentWatch(this, 'Deployments', { alerts: props.data.alerts, settings: this.#settings });
    props.data.alerts.hear(...this.#serviceAlarms(), ...this.#tierAlarms(), ...this.#placeAlarms());
    this.#dashboard();
  }

  /** A metric of a service. In the shape `small` all services are one. */
  #metric(service: string, name: MetricName, statistic: string, span = minutes): Metric {
    return serviceMetric(this.#settings, this.#settings.shape === 'small' ? 'all' : service, name, statistic, span);
  }

  #serviceAlarms(): Alarm[] {
    const { streamsPerTask } = this.#settings;
    return [
      ...this.#serverAlarms(),
      this.#alarm(
        'Connections',
        this.#metric('connection', 'Connections', Stats.MAXIMUM),
        streamsPerTask * 1.5,
        'a task holds more streams than intended; see connectionTasksMax',
      ),
      this.#alarm(
        'Answers',
        this.#metric('connection', 'BatchLatency', Stats.AVERAGE),
        answerMsMax,
        'routers, or the rooms behind them, take long to answer what clients send, or do not at the first try',
      ),
      this.#alarm(
        'DeliveryLatency',
        this.#metric('router', 'DeliveryLatency', Stats.AVERAGE),
        1_000,
        'one in a hundred messages takes longer than a second',
      ),
      this.#alarm(
        'Resyncs',
        this.#metric('connection', 'Resyncs', Stats.SUM),
        100,
        'nodes do not confirm deliveries, so messages come from the archive instead',
      ),
      this.#alarm(
        'CertificateAge',
        this.#metric('connection', 'CertificateDaysLeft', Stats.MINIMUM, 60),
        14,
        'a certificate was not renewed, or no node reports its certificates',
        {
          comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
          treatMissingData: TreatMissingData.BREACHING,
          evaluationPeriods: 2,
        },
      ),
    ];
  }

  /** How many processes of a tier report, times the minutes: each writes its metrics once a minute. */
  #processes(tier: string): Metric {
    return serviceMetric(this.#settings, tier, 'StoreErrors', Stats.SAMPLE_COUNT, minutes);
  }

  #serverAlarms(): Alarm[] {
    return [
      this.#alarm(
        'PeerPairs',
        this.#metric('federation', 'PeerPairs', Stats.MAXIMUM),
        pairsMax,
        'a task has more pairs of domains than intended; see federationTasksMax',
      ),
      this.#alarm(
        'OutboxLag',
        this.#metric('federation', 'OutboxLag', Stats.MAXIMUM),
        120_000,
        'stanzas wait for other servers that are connected',
        { evaluationPeriods: 3 },
      ),
      this.#alarm(
        'OutboxRows',
        this.#metric('federation', 'OutboxRows', Stats.MAXIMUM),
        outboxRowsMax,
        'much waits for other servers: perhaps none can be reached from here',
      ),
    ];
  }

  #tierAlarms(): Alarm[] {
    const { services } = this.#props;
    return Object.entries(services).flatMap(([tier, { service, tasks }]) => [
      this.#alarm(
        `${tier}Tasks`,
        this.#processes(tier),
        // Each gives a sample a minute, and half a task's may be missing.
        minutes * (tasks.min - 0.5),
        'fewer tasks than the least number report that they run, or none does',
        { comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD, treatMissingData: TreatMissingData.BREACHING },
      ),
      ...(tasks.max > tasks.min
        ? [
            this.#alarm(
              `${tier}TasksMax`,
              this.#processes(tier),
              minutes * (tasks.max - 0.5),
              `as many tasks run as there may be; see ${tier}TasksMax`,
            ),
          ]
        : []),
      this.#alarm(
        `${tier}Throttles`,
        serviceMetric(this.#settings, tier, 'Throttles', Stats.SUM, minutes),
        10,
        'DynamoDB throttles requests',
      ),
      this.#alarm(
        `${tier}StoreErrors`,
        serviceMetric(this.#settings, tier, 'StoreErrors', Stats.SUM, minutes),
        10,
        'the store does not answer, and until it does nothing is acknowledged',
      ),
      this.#alarm(
        `${tier}Faults`,
        serviceMetric(this.#settings, tier, 'Faults', Stats.SUM, minutes),
        1,
        'a mistake in the program was met: the log has it at level error',
      ),
      this.#alarm(
        `${tier}Memory`,
        service.metricMemoryUtilization({ period: Duration.minutes(minutes), statistic: Stats.MAXIMUM }),
        85,
        'a task is about to run out of memory',
      ),
      this.#alarm(
        `${tier}Cpu`,
        service.metricCpuUtilization({ period: Duration.minutes(minutes) }),
        85,
        'scaling does not keep up',
      ),
    ]);
  }

  #placeAlarms(): Alarm[] {
    const { data } = this.#props;
    const tables = Object.entries(data.tables).map(([name, table]) =>
      this.#alarm(
        `${name}Table`,
        table.metricSystemErrorsForOperations({
          operations: [Operation.BATCH_GET_ITEM, Operation.BATCH_WRITE_ITEM, Operation.PUT_ITEM, Operation.QUERY],
          period: Duration.minutes(minutes),
        }),
        10,
        `DynamoDB reports errors for the table ${name}`,
      ),
    );
    const healthy = this.#doors().map(([id, { hosts }]) =>
      this.#alarm(id, hosts.healthy, 1, `no task accepts streams of ${id === 'HealthyTasks' ? 'clients' : 'other servers'}`, {
        comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
        treatMissingData: TreatMissingData.BREACHING,
        evaluationPeriods: 3,
      }),
    );
    return [...healthy, ...tables, ...this.#busAlarms()];
  }

  /** The first door of each service that has any: its health is that of all of them. */
  #doors(): (readonly [id: string, target: Target])[] {
    const { net } = this.#props;
    const [clients] = net.targetsOf(this.#settings.shape === 'small' ? 'all' : 'connection');
    const [servers] = this.#settings.shape === 'small' ? [] : net.targetsOf('peers');
    return [...(clients ? [['HealthyTasks', clients] as const] : []), ...(servers ? [['HealthyPeers', servers] as const] : [])];
  }

  #busAlarms(): Alarm[] {
    const { net } = this.#props;
    if (net.bus === undefined) return [];
    const running = new Metric({
      namespace: 'ECS/ContainerInsights',
      metricName: 'RunningTaskCount',
      dimensionsMap: { ClusterName: net.cluster.clusterName, ServiceName: net.bus.service.serviceName },
      statistic: Stats.MINIMUM,
      period: Duration.minutes(1),
    });
    const { cpuPercentMax, memoryPercentMax } = busBounds;
    const span = { period: Duration.minutes(minutes), statistic: Stats.MAXIMUM };
    return [
      this.#alarm(
        'BusCpu',
        net.bus.service.metricCpuUtilization(span),
        cpuPercentMax,
        'a server of the bus is busy, and every message goes through it',
      ),
      this.#alarm(
        'BusMemory',
        net.bus.service.metricMemoryUtilization(span),
        memoryPercentMax,
        'a server of the bus keeps much for clients that are slow',
      ),
      this.#alarm('BusSlowConsumers', net.bus.slowConsumers, 0, 'a server of the bus has cut off a client that reads too slowly'),
      this.#alarm('BusServers', running, 2, 'fewer than two servers of the bus are running', {
        comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
        treatMissingData: TreatMissingData.BREACHING,
        evaluationPeriods: 5,
      }),
    ];
  }

  #alarm(
    id: string,
    metric: IMetric,
    threshold: number,
    alarmDescription: string,
    more: Partial<ConstructorParameters<typeof Alarm>[2]> = {},
  ): Alarm {
    return new Alarm(this, `${id[0]!.toUpperCase()}${id.slice(1)}Alarm`, {
      metric,
      threshold,
      alarmDescription,
      evaluationPeriods: 2,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      actionsEnabled: !this.#settings.paused,
      ...more,
    });
  }

  #dashboard(): void {
    const { services, data } = this.#props;
    const tiers = Object.keys(services);
    const graph = (title: string, left: IMetric[]) => new GraphWidget({ title, left, width: 8, height: 6 });
    const ofAll = (name: MetricName, statistic: string) =>
      tiers.map((tier) => serviceMetric(this.#settings, tier, name, statistic));
    new Dashboard(this, 'Dashboard', {
      dashboardName: this.#settings.name,
      widgets: [
        [
          graph('Streams', [
            this.#metric('connection', 'Connections', Stats.SUM, 1),
            this.#metric('connection', 'Connections', Stats.MAXIMUM, 1),
          ]),
          graph(
            'Delivery, ms, 99 of 100',
            [Stats.AVERAGE, Stats.MAXIMUM].map((statistic) => this.#metric('router', 'DeliveryLatency', statistic, 1)),
          ),
          graph(
            'Batches, ms, 99 of 100',
            ['connection', 'router'].map((tier) => this.#metric(tier, 'BatchLatency', Stats.AVERAGE, 1)),
          ),
        ],
        [
          graph('Resyncs', [this.#metric('connection', 'Resyncs', Stats.SUM, 1)]),
          graph('Throttles', ofAll('Throttles', Stats.SUM)),
          graph('Store errors', ofAll('StoreErrors', Stats.SUM)),
        ],
        [
          graph(
            'CPU, %',
            Object.values(services).map(({ service }) => service.metricCpuUtilization()),
          ),
          graph(
            'Memory, %',
            Object.values(services).map(({ service }) => service.metricMemoryUtilization()),
          ),
          graph(
            'Tasks that accept streams',
            this.#doors().flatMap(([, { hosts }]) => [hosts.healthy, hosts.unhealthy]),
          ),
        ],
        [
          graph(
            'Table units read',
            Object.values(data.tables).map((table) => table.metricConsumedReadCapacityUnits()),
          ),
          graph(
            'Table units written',
            Object.values(data.tables).map((table) => table.metricConsumedWriteCapacityUnits()),
          ),
          ...(services.connection?.scaling
            ? [graph('Connection tasks that go', [serviceMetric(this.#settings, 'scale-in', 'TasksLeaving', Stats.MAXIMUM)])]
            : []),
        ],
        [
          graph(
            'Connections without a PROXY header',
            ['connection', 'peers'].map((tier) => this.#metric(tier, 'BadProxyHeaders', Stats.SUM, 1)),
          ),
          graph('Mistakes in the program', ofAll('Faults', Stats.SUM)),
          graph('Days until certificates expire', [this.#metric('connection', 'CertificateDaysLeft', Stats.MINIMUM, 60)]),
        ],
        [
          graph('Other servers', [
            this.#metric('peers', 'Connections', Stats.SUM, 1),
            this.#metric('federation', 'PeerPairs', Stats.SUM, 1),
            this.#metric('federation', 'PeerFailures', Stats.SUM, 1),
          ]),
          graph('Batches that wait for other servers', [this.#metric('federation', 'OutboxRows', Stats.SUM, 1)]),
          graph(
            'Oldest of them, ms; of those for connected servers',
            (['OutboxAge', 'OutboxLag'] as const).map((name) => this.#metric('federation', name, Stats.MAXIMUM, 1)),
          ),
        ],
      ],
    });
  }
}
