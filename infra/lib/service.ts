/** One ECS service of Skylark: its task, roles, log, placement, scaling. What differs between services is in its props. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  AvailabilityZoneRebalancing,
  type ContainerImage,
  CpuArchitecture,
  FargateService,
  FargateTaskDefinition,
  OperatingSystemFamily,
  type ScalableTaskCount,
  UlimitName,
} from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { executionRole, logDriver } from './execution-role.ts';
import type { NetStack, TaskTier } from './net-stack.ts';

export interface ServiceProps {
  readonly net: NetStack;
  readonly tier: Exclude<TaskTier, 'nats'>;
  readonly image: ContainerImage;
  readonly environment: Readonly<Record<string, string>>;
  readonly cpu: number;
  readonly memoryMiB: number;
  /** Ports that the load balancer reaches. */
  readonly holdsStreams: boolean;
  readonly tasks: { readonly min: number; readonly max: number };
  /** Another task must not run beside it, not even during a deployment. */
  readonly isAlone?: boolean;
}

/** What ECS gives at most between SIGTERM and SIGKILL (DESIGN §8). */
export const stopTimeout = Duration.seconds(120);
/** The heap may take this share of the task's memory; sockets and buffers have the rest. */
const heapShare = 0.6;

/** Of the process alone: `/healthz` never asks the store or the bus (DESIGN §2). */
export const healthPort = 8086;
const isWell = `fetch('http://127.0.0.1:${healthPort}/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;

export class SkylarkService extends Construct {
  readonly service: FargateService;
  readonly taskRole: Role;
  readonly scaling: ScalableTaskCount | undefined;

  constructor(scope: Construct, id: string, props: ServiceProps) {
    super(scope, id);
    const { net, tier, tasks, isAlone = false, holdsStreams } = props;
    this.taskRole = new Role(this, 'TaskRole', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
    this.service = new FargateService(this, 'Service', {
      cluster: net.cluster,
      taskDefinition: this.#task(props),
      // Where there is scaling, it alone says how many: a number here would be set again by each deployment, however many are needed then.
      ...(tasks.max === tasks.min && { desiredCount: tasks.min }),
      minHealthyPercent: isAlone ? 0 : 100,
      maxHealthyPercent: isAlone ? 100 : 200,
      circuitBreaker: { enable: true, rollback: true },
      // Moving a task for balance alone would cost its streams a reconnect.
      availabilityZoneRebalancing: AvailabilityZoneRebalancing.DISABLED,
      securityGroups: [net.groupOf(tier)],
      enableExecuteCommand: false,
      ...(holdsStreams && { healthCheckGracePeriod: Duration.seconds(120) }),
      ...net.taskSubnets,
    });
    if (holdsStreams)
      for (const { door, group } of net.balancer.targetGroups) {
        group.addTarget(this.service.loadBalancerTarget({ containerName: 'skylark', containerPort: door.targetPort }));
      }
    if (tasks.max > tasks.min) this.scaling = this.service.autoScaleTaskCount({ minCapacity: tasks.min, maxCapacity: tasks.max });
  }

  #task({ net, tier, image, environment, cpu, memoryMiB, holdsStreams }: ServiceProps): FargateTaskDefinition {
    const { logDays } = net.settings;
    const logGroup = new LogGroup(this, 'Log', { retention: logDays, removalPolicy: RemovalPolicy.DESTROY });
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
      readonlyRootFilesystem: true,
      stopTimeout,
      logging: logDriver(logGroup, tier),
      portMappings: holdsStreams ? net.balancer.targetGroups.map(({ door }) => ({ containerPort: door.targetPort })) : [],
      healthCheck: {
        command: ['CMD', 'node', '--eval', isWell],
        interval: Duration.seconds(30),
        timeout: Duration.seconds(10),
        retries: 3,
        startPeriod: Duration.seconds(60),
      },
      ulimits: [{ name: UlimitName.NOFILE, softLimit: 65_535, hardLimit: 65_535 }],
    });
    acknowledge(task, { ECS2: 'no variable is a secret: rights come from the task’s role, private keys from the store' });
    acknowledge(role, { 'IAM5[Resource::*]': 'ecr:GetAuthorizationToken takes no resource' });
    return task;
  }
}
