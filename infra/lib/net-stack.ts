/** The network of a cell: three zones, one security group per tier, the load balancer, and (shape `cell`) the bus. */
import { CfnOutput, RemovalPolicy } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  type ISecurityGroup,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Cluster, ContainerInsights } from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { LoadBalancerTarget } from 'aws-cdk-lib/aws-route53-targets';
import { PrivateDnsNamespace } from 'aws-cdk-lib/aws-servicediscovery';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { type CellProps, CellStack } from './cell-stack.ts';
import { DnsName } from './dns-names.ts';
import { busPorts, NatsBus } from './nats-bus.ts';
import { doors, StreamsBalancer } from './streams-balancer.ts';

/** Tiers of tasks; `all` is the one task of the shape `small`. */
export type TaskTier = 'connection' | 'router' | 'muc' | 'all' | 'nats';

export class NetStack extends CellStack {
  readonly vpc: Vpc;
  readonly cluster: Cluster;
  readonly balancer: StreamsBalancer;
  readonly bus: NatsBus | undefined;
  readonly #groups = new Map<TaskTier, ISecurityGroup>();

  constructor(scope: Construct, id: string, props: CellProps) {
    super(scope, id, props);
    const { settings } = this;
    this.vpc = this.#network();
    this.cluster = new Cluster(this, 'Cluster', {
      clusterName: settings.name,
      vpc: this.vpc,
      containerInsightsV2: settings.shape === 'cell' ? ContainerInsights.ENABLED : ContainerInsights.DISABLED,
    });
    if (settings.shape === 'small')
      acknowledge(this.cluster, {
        ECS4: 'the metrics of the one task are enough, and Container Insights costs as much as a task',
      });
    const balancerGroup = this.#group('BalancerGroup', 'the load balancer');
    acknowledge(balancerGroup, {
      EC23: 'XMPP clients and servers connect from everywhere, to the five ports of the load balancer',
    });
    for (const { port } of doors) balancerGroup.addIngressRule(Peer.anyIpv4(), Port.tcp(port), 'clients and servers');
    const tiers: readonly TaskTier[] = settings.shape === 'small' ? ['all'] : ['connection', 'router', 'muc', 'nats'];
    for (const tier of tiers) this.#addTier(tier);
    const streams = this.groupOf(settings.shape === 'small' ? 'all' : 'connection');
    for (const targetPort of new Set(doors.map((door) => door.targetPort))) {
      streams.addIngressRule(balancerGroup, Port.tcp(targetPort), 'streams from the load balancer');
      balancerGroup.addEgressRule(streams, Port.tcp(targetPort), 'streams');
    }
    this.balancer = new StreamsBalancer(this, 'Streams', { vpc: this.vpc, securityGroup: balancerGroup });
    const target = new LoadBalancerTarget(this.balancer.balancer);
    new DnsName(this, 'Name', { settings, name: settings.host, target });
    new CfnOutput(this, 'BalancerName', {
      value: this.balancer.balancer.loadBalancerDnsName,
      description: `the name to which ${settings.host} must point`,
    });
    new CfnOutput(this, 'BalancerArn', {
      value: this.balancer.balancer.loadBalancerArn,
      description: 'the ARN of the load balancer',
    });
    if (settings.shape === 'small') return;
    this.bus = this.#addBus();
    new CfnOutput(this, 'BusService', { value: this.bus.service.serviceName, description: 'the service of the bus on ECS' });
  }

  groupOf(tier: TaskTier): ISecurityGroup {
    const group = this.#groups.get(tier);
    if (group === undefined) throw new Error(`the shape ${this.settings.shape} has no tier ${tier}`);
    return group;
  }

  /** The subnets where tasks are placed. */
  get taskSubnets() {
    return this.settings.natGateways > 0
      ? { vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS }, assignPublicIp: false }
      : { vpcSubnets: { subnetType: SubnetType.PUBLIC }, assignPublicIp: true };
  }

  #network(): Vpc {
    const { natGateways, logDays } = this.settings;
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.0.0.0/16'),
      maxAzs: 3,
      natGateways,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 20 },
        ...(natGateways > 0 ? [{ name: 'tasks', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 }] : []),
      ],
      // Rows and files bypass the NAT gateways, which charge by the byte.
      gatewayEndpoints: {
        DynamoDb: { service: GatewayVpcEndpointAwsService.DYNAMODB },
        S3: { service: GatewayVpcEndpointAwsService.S3 },
      },
    });
    const logGroup = new LogGroup(this, 'RejectedLog', { retention: logDays, removalPolicy: RemovalPolicy.DESTROY });
    vpc.addFlowLog('Rejected', {
      trafficType: FlowLogTrafficType.REJECT,
      destination: FlowLogDestination.toCloudWatchLogs(
        logGroup,
        new Role(this, 'FlowLogRole', { assumedBy: new ServicePrincipal('vpc-flow-logs.amazonaws.com') }),
      ),
    });
    return vpc;
  }

  #group(id: string, what: string): SecurityGroup {
    return new SecurityGroup(this, id, { vpc: this.vpc, description: what, allowAllOutbound: false });
  }

  #addTier(tier: TaskTier): void {
    const group = this.#group(`${tier[0]!.toUpperCase()}${tier.slice(1)}Group`, `tasks of the tier ${tier}`);
    group.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'AWS: images, logs, DynamoDB, S3, KMS');
    this.#groups.set(tier, group);
  }

  #addBus(): NatsBus {
    const nats = this.groupOf('nats');
    for (const tier of ['connection', 'router', 'muc'] as const) {
      nats.addIngressRule(this.groupOf(tier), Port.tcp(busPorts.clients), `bus for ${tier}`);
      this.groupOf(tier).addEgressRule(nats, Port.tcp(busPorts.clients), 'bus');
    }
    nats.addIngressRule(nats, Port.tcp(busPorts.routes), 'between the servers of the bus');
    nats.addEgressRule(nats, Port.tcp(busPorts.routes), 'between the servers of the bus');
    const namespace = new PrivateDnsNamespace(this, 'Names', { name: `${this.settings.name}.internal`, vpc: this.vpc });
    return new NatsBus(this, 'Bus', {
      cluster: this.cluster,
      namespace,
      securityGroup: nats,
      settings: this.settings,
      ...this.taskSubnets,
    });
  }
}
