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
import { type MetricName, serviceMetric } from './metrics.ts';
import type { NetStack } from './net-stack.ts';
import type { SkylarkService } from './service.ts';
import type { Settings } from './settings.ts';

interface OperationsProps {
  readonly services: Readonly<Record<string, SkylarkService>>;
  readonly data: DataStack;
  readonly net: NetStack;
}

/** Alarms look back this many minutes: one bad minute wakes nobody. */
const minutes = 5;

export class Operations extends Construct {
  readonly #props: OperationsProps;
  readonly #settings: Settings;

  constructor(scope: Construct, id: string, props: OperationsProps) {
    super(scope, id);
    this.#props = props;
    this.#settings = props.net.settings;
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
      this.#alarm(
        'Connections',
        this.#metric('connection', 'Connections', Stats.MAXIMUM),
        streamsPerTask * 1.5,
        'a task holds more streams than intended; see connectionTasksMax',
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

  #tierAlarms(): Alarm[] {
    const { services } = this.#props;
    return Object.entries(services).flatMap(([tier, { service }]) => [
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
    const { net, data } = this.#props;
    const [{ group } = missing()] = net.balancer.targetGroups;
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
    const healthy = this.#alarm(
      'HealthyTasks',
      group.metrics.healthyHostCount({ statistic: Stats.MINIMUM, period: Duration.minutes(1) }),
      1,
      'no task accepts streams',
      {
        comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
        treatMissingData: TreatMissingData.BREACHING,
        evaluationPeriods: 3,
      },
    );
    return [healthy, ...tables, ...this.#busAlarms()];
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
    return [
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
      ...more,
    });
  }

  #dashboard(): void {
    const { services, net, data } = this.#props;
    const tiers = Object.keys(services);
    const graph = (title: string, left: IMetric[]) => new GraphWidget({ title, left, width: 8, height: 6 });
    const ofAll = (name: MetricName, statistic: string) =>
      tiers.map((tier) => serviceMetric(this.#settings, tier, name, statistic));
    const [{ group } = missing()] = net.balancer.targetGroups;
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
          graph('Tasks that accept streams', [group.metrics.healthyHostCount(), group.metrics.unHealthyHostCount()]),
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
          graph('Days until certificates expire', [this.#metric('connection', 'CertificateDaysLeft', Stats.MINIMUM, 60)]),
        ],
        [
          graph('Connections without a PROXY header', [this.#metric('connection', 'BadProxyHeaders', Stats.SUM, 1)]),
          graph('Mistakes in the program', ofAll('Faults', Stats.SUM)),
        ],
      ],
    });
  }
}

function missing(): never {
  throw new Error('the load balancer has no target group');
}
