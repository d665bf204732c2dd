/**
 * NATS core on three tasks: a cluster that clients find by one name in Cloud Map, which has the addresses of all servers. It lets in who has
 * a key of a tier, and shows a certificate of the bus's own authority, to services and among its servers (decision 21).
 *
 * Servers are replaced one at a time (66 to 100 percent of three), so that a new one always meets servers that know each other:
 * two that started together could find only each other. SIGTERM becomes lame-duck mode: before it ends, the server tells its
 * clients one after the other to reconnect elsewhere.
 */
import { Duration, RemovalPolicy, Tags } from 'aws-cdk-lib';
import { type Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ISecurityGroup, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import {
  AvailabilityZoneRebalancing,
  type Cluster,
  ContainerImage,
  CpuArchitecture,
  Secret as EcsSecret,
  FargateService,
  FargateTaskDefinition,
  OperatingSystemFamily,
  PropagatedTagSource,
  UlimitName,
} from 'aws-cdk-lib/aws-ecs';
import { FilterPattern, LogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { DnsRecordType, type INamespace } from 'aws-cdk-lib/aws-servicediscovery';
import { Construct } from 'constructs';
import type { BusTier } from '../../lib/runtime/bus-rights.ts';
import { acknowledge } from './acknowledge.ts';
import type { Alerts } from './alerts.ts';
import { BusKeys } from './bus-keys.ts';
import { executionRole, logDriver } from './execution-role.ts';
import { busServers, taskCpu } from './quotas.ts';
import type { Settings } from './settings.ts';

export const busPorts = { clients: 4222, routes: 6222, monitor: 8222 } as const;

const image = 'public.ecr.aws/docker/library/nats:2.11.4-alpine';
/** With these words a server says that it cuts off a client: https://docs.nats.io/running-a-nats-service/nats_admin/slow_consumers. */
export const slowConsumerText = 'Slow Consumer';
const serviceName = 'nats';
/** Longer than lame-duck mode takes: 10 s until it begins, then 60 s. */
const stopTimeout = Duration.seconds(120);

/** In memory: the root cannot be written. */
const filesFolder = '/dev/shm';

const tls = `tls {
    cert_file: "${filesFolder}/bus-cert.pem"
    key_file: "${filesFolder}/bus-key.pem"
    ca_file: "${filesFolder}/bus-ca.pem"
    timeout: 5
  }`;

/** The services send at most 256 KiB of payload and a header. A client that reads too slowly is cut off, and reconnects. */
function config(host: string): string {
  return `listen: "0.0.0.0:${busPorts.clients}"
http: "127.0.0.1:${busPorts.monitor}"
max_payload: 1MB
max_pending: 64MB
write_deadline: "10s"
ping_interval: "20s"
lame_duck_grace_period: "10s"
lame_duck_duration: "60s"
${tls}
cluster {
  name: skylark
  listen: "0.0.0.0:${busPorts.routes}"
  routes: ["nats://${host}:${busPorts.routes}"]
  ${tls}
}
`;
}

/** The configuration comes as a variable and is read through a pipe. Only certificates must be files. */
const script = [
  'umask 077',
  'printf "%s" "$NATS_CERT" > "$NATS_FOLDER/bus-cert.pem"',
  'printf "%s" "$NATS_KEY" > "$NATS_FOLDER/bus-key.pem"',
  'printf "%s" "$NATS_CA" > "$NATS_FOLDER/bus-ca.pem"',
  'unset NATS_CERT NATS_KEY NATS_CA',
  'printf "%s\\n%s\\n" "$NATS_CONFIG" "$NATS_TRUST" | nats-server --config /dev/stdin &',
  'server=$!',
  "trap 'kill -USR2 $server' TERM INT",
  'wait $server',
  // The first wait ends with the signal; the second with the server.
  'trap : TERM INT',
  'wait $server',
].join('\n');

interface NatsBusProps {
  readonly cluster: Cluster;
  readonly namespace: INamespace;
  readonly securityGroup: ISecurityGroup;
  readonly settings: Settings;
  readonly alerts: Alerts;
  /** Who uses it. */
  readonly tiers: readonly BusTier[];
  readonly vpcSubnets: SubnetSelection;
  readonly assignPublicIp: boolean;
}

export class NatsBus extends Construct {
  readonly url: string;
  readonly service: FargateService;
  /** How many clients were cut off because they read too slowly. */
  readonly slowConsumers: Metric;
  readonly keys: BusKeys;

  constructor(scope: Construct, id: string, props: NatsBusProps) {
    super(scope, id);
    const { cluster, namespace, securityGroup, settings, alerts, tiers, ...placed } = props;
    const host = `nats.${namespace.namespaceName}`;
    this.keys = new BusKeys(this, 'Keys', { settings, alerts, tiers, host, service: serviceName });
    const { servers } = this.keys;
    this.url = `nats://${host}:${busPorts.clients}`;
    const logGroup = new LogGroup(this, 'Log', { retention: settings.logDays, removalPolicy: RemovalPolicy.RETAIN });
    this.slowConsumers = this.#watch(logGroup, settings);
    const task = new FargateTaskDefinition(this, 'Task', {
      cpu: taskCpu.nats,
      memoryLimitMiB: 1024,
      runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
      executionRole: executionRole(this, logGroup),
    });
    task.addContainer('nats', {
      image: ContainerImage.fromRegistry(image),
      entryPoint: ['sh', '-c', script],
      environment: { NATS_CONFIG: config(host), NATS_FOLDER: filesFolder },
      secrets: {
        NATS_TRUST: EcsSecret.fromSecretsManager(servers, 'trust'),
        NATS_CERT: EcsSecret.fromSecretsManager(servers, 'cert'),
        NATS_KEY: EcsSecret.fromSecretsManager(servers, 'key'),
        NATS_CA: EcsSecret.fromSecretsManager(servers, 'ca'),
      },
      user: '65532:65532',
      readonlyRootFilesystem: true,
      stopTimeout,
      logging: logDriver(logGroup, 'nats'),
      portMappings: [{ containerPort: busPorts.clients }, { containerPort: busPorts.routes }],
      healthCheck: {
        command: ['CMD-SHELL', `wget -q -O /dev/null http://127.0.0.1:${busPorts.monitor}/healthz || exit 1`],
        interval: Duration.seconds(10),
        retries: 3,
        startPeriod: Duration.seconds(10),
      },
      ulimits: [{ name: UlimitName.NOFILE, softLimit: 65_535, hardLimit: 65_535 }],
    });
    acknowledge(task, {
      ECS2: 'the variable is the configuration file without what is secret, which comes from Secrets Manager',
    });
    this.service = new FargateService(this, 'Service', {
      cluster,
      // The function that makes the keys names it, and is made before it.
      serviceName,
      taskDefinition: task,
      desiredCount: busServers,
      minHealthyPercent: 66,
      maxHealthyPercent: 100,
      availabilityZoneRebalancing: AvailabilityZoneRebalancing.DISABLED,
      circuitBreaker: { enable: true, rollback: true },
      propagateTags: PropagatedTagSource.SERVICE,
      securityGroups: [securityGroup],
      cloudMapOptions: {
        cloudMapNamespace: namespace,
        name: 'nats',
        dnsRecordType: DnsRecordType.A,
        dnsTtl: Duration.seconds(5),
      },
      enableExecuteCommand: false,
      ...placed,
    });
    this.service.node.addDependency(this.keys);
    Tags.of(this).add('skylark:tier', 'nats');
  }

  /** A server counts them where only its monitor is asked, but writes a line about each. */
  #watch(logGroup: LogGroup, { tablePrefix }: Settings): Metric {
    const filter = new MetricFilter(this, 'SlowConsumers', {
      logGroup,
      filterPattern: FilterPattern.literal(`"${slowConsumerText}"`),
      metricNamespace: 'Skylark/Bus',
      metricName: `${tablePrefix}SlowConsumers`,
      metricValue: '1',
    });
    return filter.metric({ statistic: Stats.SUM, period: Duration.minutes(5) });
  }
}
