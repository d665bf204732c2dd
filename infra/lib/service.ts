/** One ECS service of Skylark: its task, roles, log, placement and scaling. Its props say how services differ. */
import { Duration, RemovalPolicy, Tags } from 'aws-cdk-lib';
import {
  AvailabilityZoneRebalancing,
  type ContainerImage,
  CpuArchitecture,
  FargateService,
  FargateTaskDefinition,
  OperatingSystemFamily,
  PropagatedTagSource,
  type ScalableTaskCount,
  Secret,
  UlimitName,
} from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { executionRole, logDriver } from './execution-role.ts';
import { frontPort } from './front-door.ts';
import { frontTier, type NetStack, type TaskTier } from './net-stack.ts';

export interface ServiceProps {
  readonly net: NetStack;
  readonly tier: Exclude<TaskTier, 'nats'>;
  readonly image: ContainerImage;
  readonly environment: Readonly<Record<string, string>>;
  /** Variables whose values ECS reads from Secrets Manager, besides the key of the bus. */
  readonly secrets?: Readonly<Record<string, Secret>>;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly tasks: { readonly min: number; readonly max: number };
  /** true: no other task may run beside it, not even during a deployment. */
  readonly isAlone?: boolean;
  /** true: a task holds no streams and no rows of its own, so ECS may move it to keep zones even. */
  readonly isMovable?: boolean;
}

/** The longest time that ECS allows between SIGTERM and SIGKILL. */
export const stopTimeout = Duration.seconds(120);
/** The heap may use this share of the task's memory; sockets and buffers need the rest. */
const heapShare = 0.6;

/**
 * The health check concerns the process alone: `/healthz` does not ask the store or the bus, whose outage no new task would mend.
 */
export const healthPort = 8086;
const isWell = `fetch('http://127.0.0.1:${healthPort}/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;

export class SkylarkService extends Construct {
  readonly service: FargateService;
  readonly taskRole: Role;
  readonly scaling: ScalableTaskCount | undefined;
  readonly tasks: ServiceProps['tasks'];

  constructor(scope: Construct, id: string, props: ServiceProps) {
    super(scope, id);
    const { net, tier, tasks, isAlone = false, isMovable = false } = props;
    const { paused } = net.settings;
    const targets = net.targetsOf(tier);
    this.tasks = tasks;
    this.taskRole = new Role(this, 'TaskRole', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
    this.service = new FargateService(this, 'Service', {
      cluster: net.cluster,
      taskDefinition: this.#task(props),
      // With scaling there is no fixed number here: each deployment would reset the service to it, however many tasks are needed.
      ...((paused || tasks.max === tasks.min) && { desiredCount: paused ? 0 : tasks.min }),
      minHealthyPercent: isAlone ? 0 : 100,
      maxHealthyPercent: isAlone ? 100 : 200,
      circuitBreaker: { enable: true, rollback: true },
      // Moving a task just to balance zones would make its streams reconnect.
      availabilityZoneRebalancing: isMovable ? AvailabilityZoneRebalancing.ENABLED : AvailabilityZoneRebalancing.DISABLED,
      propagateTags: PropagatedTagSource.SERVICE,
      securityGroups: [net.groupOf(tier)],
      enableExecuteCommand: false,
      ...(targets.length > 0 && { healthCheckGracePeriod: Duration.seconds(120) }),
      ...net.taskSubnets,
    });
    for (const { door, group } of targets)
      group.addTarget(this.service.loadBalancerTarget({ containerName: 'skylark', containerPort: door.targetPort }));
    const container = this.service.taskDefinition.defaultContainer!;
    if (tier === frontTier(net.settings))
      this.service.associateCloudMapService({ service: net.front.service, container, containerPort: frontPort });
    // Without bounds of its own the number stays 0. When they are back, scaling lifts it to the least number.
    if (tasks.max > tasks.min && !paused)
      this.scaling = this.service.autoScaleTaskCount({ minCapacity: tasks.min, maxCapacity: tasks.max });
    Tags.of(this).add('skylark:tier', tier);
  }

  #task({ net, tier, image, environment, secrets = {}, cpu, memoryMiB }: ServiceProps): FargateTaskDefinition {
    const { logDays } = net.settings;
    const logGroup = new LogGroup(this, 'Log', { retention: logDays, removalPolicy: RemovalPolicy.RETAIN });
    const role = executionRole(this, logGroup);
    const task = new FargateTaskDefinition(this, 'Task', {
      cpu,
      memoryLimitMiB: memoryMiB,
      runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
      executionRole: role,
      taskRole: this.taskRole,
    });
    task.addContainer('skylark', {
      image,
      command: ['serve', tier],
      environment: { ...environment, NODE_OPTIONS: `--max-old-space-size=${Math.floor(memoryMiB * heapShare)}` },
      secrets: {
        ...(net.bus && { SKYLARK_NATS_ACCESS: Secret.fromSecretsManager(net.bus.keys.secretOf(tier)) }),
        ...secrets,
      },
      readonlyRootFilesystem: true,
      stopTimeout,
      logging: logDriver(logGroup, tier),
      portMappings: [
        ...net.targetsOf(tier).map(({ door }) => ({ containerPort: door.targetPort })),
        ...(tier === frontTier(net.settings) ? [{ containerPort: frontPort }] : []),
      ],
      healthCheck: {
        command: ['CMD', 'node', '--eval', isWell],
        interval: Duration.seconds(30),
        timeout: Duration.seconds(10),
        retries: 3,
        startPeriod: Duration.seconds(60),
      },
      ulimits: [{ name: UlimitName.NOFILE, softLimit: 65_535, hardLimit: 65_535 }],
    });
    acknowledge(task, {
      ECS2: 'the variables contain no secret: rights come from the task’s role, private keys from the store, the keys of the bus and of the CDN from Secrets Manager',
    });
    acknowledge(role, { 'IAM5[Resource::*]': 'ecr:GetAuthorizationToken cannot be limited to a resource' });
    return task;
  }
}
