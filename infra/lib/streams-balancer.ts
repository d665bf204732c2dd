/**
 * A load balancer of a cell. It is TCP only, because TLS at the balancer would break STARTTLS, channel binding and client
 * certificates. It keeps the client's address, and also sends it in a PROXY v2 header.
 */
import { Duration } from 'aws-cdk-lib';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ISecurityGroup, IVpc } from 'aws-cdk-lib/aws-ec2';
import {
  IpAddressType,
  NetworkLoadBalancer,
  NetworkTargetGroup,
  Protocol,
  TargetType,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';

interface Door {
  readonly id: string;
  readonly port: number;
  /** The port of the task, which does not run as root and cannot use ports below 1024. */
  readonly targetPort: number;
}

export const clientDoors: readonly Door[] = [
  { id: 'C2s', port: 5222, targetPort: 5222 },
  { id: 'C2sTls', port: 5223, targetPort: 5223 },
  { id: 'Https', port: 443, targetPort: 5443 },
];

/** For other servers. Components (5347) have no TLS, so they never come from outside. */
export const serverDoors: readonly Door[] = [
  { id: 'S2s', port: 5269, targetPort: 5269 },
  { id: 'S2sTls', port: 5270, targetPort: 5270 },
];

/** The doors of one kind of task. The health of the first one counts for all: a door that nothing listens behind must not end the task. */
export type Doors = readonly Door[];

/** A stream that is silent for this long is forgotten; nodes probe after 240 s (services/connection/limits.ts). */
const idleSeconds = 350;

interface BalancerProps {
  readonly vpc: IVpc;
  readonly securityGroup: ISecurityGroup;
  /** One list for each kind of task. */
  readonly doors: readonly Doors[];
}

export interface Target {
  readonly door: Door;
  readonly group: NetworkTargetGroup;
  /** How many tasks accept streams there, and how many do not. */
  readonly hosts: Readonly<Record<'healthy' | 'unhealthy', Metric>>;
}

export class StreamsBalancer extends Construct {
  readonly balancer: NetworkLoadBalancer;
  readonly targets: readonly Target[];

  constructor(scope: Construct, id: string, { vpc, securityGroup, doors }: BalancerProps) {
    super(scope, id);
    this.balancer = new NetworkLoadBalancer(this, 'Balancer', {
      vpc,
      internetFacing: true,
      crossZoneEnabled: true,
      ipAddressType: IpAddressType.DUAL_STACK,
      // Other people's domains point to its name.
      deletionProtection: true,
      securityGroups: [securityGroup],
    });
    acknowledge(this.balancer, {
      ELB2: 'a network load balancer logs only the requests of TLS listeners, which this one does not have',
    });
    this.targets = doors.flatMap((ofTask) =>
      ofTask.map((door) => {
        const group = this.#open(door, ofTask[0]!, vpc);
        return { door, group, hosts: this.#hosts(group) };
      }),
    );
  }

  /**
   * The names come from attributes. The metrics of the CDK take them from an ARN, and in another stack that would be a reference inside
   * `Fn::Split`, which CloudFormation does not take.
   */
  #hosts(group: NetworkTargetGroup): Target['hosts'] {
    const metric = (metricName: string, statistic: string) =>
      new Metric({
        namespace: 'AWS/NetworkELB',
        metricName,
        dimensionsMap: { LoadBalancer: this.balancer.loadBalancerFullName, TargetGroup: group.targetGroupFullName },
        statistic,
        period: Duration.minutes(1),
      });
    return { healthy: metric('HealthyHostCount', Stats.MINIMUM), unhealthy: metric('UnHealthyHostCount', Stats.MAXIMUM) };
  }

  #open({ id, port, targetPort }: Door, first: Door, vpc: IVpc): NetworkTargetGroup {
    const group = new NetworkTargetGroup(this, `${id}Targets`, {
      vpc,
      port: targetPort,
      protocol: Protocol.TCP,
      targetType: TargetType.IP,
      proxyProtocolV2: true,
      preserveClientIp: true,
      // ECS sends SIGTERM after this delay: then the node itself parks its sessions, and streams continue until it has.
      deregistrationDelay: Duration.seconds(5),
      connectionTermination: false,
      // The check is TCP, because it is undocumented whether the balancer sends its PROXY header before an HTTP check. A draining
      // node has closed the door, so new streams soon go elsewhere. If ECS ends it then, SIGTERM leaves it time to park the rest.
      healthCheck: {
        protocol: Protocol.TCP,
        port: `${first.targetPort}`,
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        healthyThresholdCount: 2,
        unhealthyThresholdCount: 3,
      },
    });
    // An unhealthy target is a draining node, or one with a slow listener: its streams are alive.
    group.setAttribute('target_health_state.unhealthy.connection_termination.enabled', 'false');
    this.balancer.addListener(`${id}Listener`, {
      port,
      protocol: Protocol.TCP,
      tcpIdleTimeout: Duration.seconds(idleSeconds),
      defaultTargetGroups: [group],
    });
    return group;
  }
}
