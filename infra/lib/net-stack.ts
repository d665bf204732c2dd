/** The network of a cell: three zones, one security group per tier, the load balancers, and (shape `cell`) the bus. */
import { CfnOutput, Fn, RemovalPolicy } from 'aws-cdk-lib';
import {
  type CfnEIP,
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  IpProtocol,
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
import type { Alerts } from './alerts.ts';
import { needsServersBalancer } from './balancer-targets.ts';
import { type CellProps, CellStack } from './cell-stack.ts';
import type { DataStack } from './data-stack.ts';
import { DnsName } from './dns-names.ts';
import { FrontDoor } from './front-door.ts';
import { busPorts, NatsBus } from './nats-bus.ts';
import { outsideOf } from './outside-vpc.ts';
import type { Settings } from './settings.ts';
import { clientDoors, type Doors, StreamsBalancer, serverDoors, type Target } from './streams-balancer.ts';

/** Tiers of tasks; `all` is the one task of the shape `small`. */
export type TaskTier = 'connection' | 'peers' | 'router' | 'muc' | 'federation' | 'api' | 'all' | 'nats';

/** The tiers of the shape `cell`, without the bus. */
const cellTiers = ['connection', 'peers', 'router', 'muc', 'federation', 'api'] as const;

/** Whose tasks serve the console and the REST API. */
export function frontTier({ shape }: Settings): 'api' | 'all' {
  return shape === 'small' ? 'all' : 'api';
}

const network = '10.0.0.0/16';

interface NetProps extends CellProps {
  readonly data: DataStack;
}

export class NetStack extends CellStack {
  readonly vpc: Vpc;
  readonly cluster: Cluster;
  /** For clients; for other servers, too, unless they have one of their own. */
  readonly balancer: StreamsBalancer;
  readonly serversBalancer: StreamsBalancer;
  readonly bus: NatsBus | undefined;
  readonly front: FrontDoor;
  readonly #groups = new Map<TaskTier, ISecurityGroup>();

  constructor(scope: Construct, id: string, { data, ...props }: NetProps) {
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
    const tiers: readonly TaskTier[] = settings.shape === 'small' ? ['all'] : [...cellTiers, 'nats'];
    for (const tier of tiers) this.#addTier(tier);
    [this.balancer, this.serversBalancer] = this.#addBalancers();
    this.#tell('', settings.host, this.balancer);
    this.#tell('Servers', settings.serversHost, this.serversBalancer);
    this.#tellOutgoing();
    const namespace = new PrivateDnsNamespace(this, 'Names', { name: `${settings.name}.internal`, vpc: this.vpc });
    this.front = new FrontDoor(this, 'Front', {
      ...{ settings, namespace, vpc: this.vpc, subnets: this.taskSubnets.vpcSubnets },
      groups: { link: this.#group('FrontGroup', 'the link from the CDN'), tasks: this.groupOf(frontTier(settings)) },
    });
    if (settings.shape === 'small') return;
    this.bus = this.#addBus(data.alerts, namespace);
    new CfnOutput(this, 'BusKeysFunction', {
      value: this.bus.keys.functionName,
      description: 'the function that makes the keys of the bus',
    });
    new CfnOutput(this, 'BusService', { value: this.bus.service.serviceName, description: 'the service of the bus on ECS' });
  }

  /** The target groups of a tier. A service may have five. */
  targetsOf(tier: TaskTier): readonly Target[] {
    const isOf = (doors: Doors) => (target: Target) => doors.includes(target.door);
    if (tier === 'all') return this.balancer.targets;
    if (tier === 'connection') return this.balancer.targets.filter(isOf(clientDoors));
    return tier === 'peers' ? this.serversBalancer.targets.filter(isOf(serverDoors)) : [];
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
      ipAddresses: IpAddresses.cidr(network),
      // Other servers may have only addresses of one kind, and so may clients.
      ipProtocol: IpProtocol.DUAL_STACK,
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
    const logGroup = new LogGroup(this, 'RejectedLog', { retention: logDays, removalPolicy: RemovalPolicy.RETAIN });
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
    if (tier === 'federation' || tier === 'all') this.#openToServers(group);
    else group.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'AWS: images, logs, DynamoDB, S3, KMS');
    this.#groups.set(tier, group);
  }

  /**
   * Other servers, and AWS, may be anywhere but in here, at the ports that the service itself would dial. What Amazon gives the network over
   * IPv6 is not known beforehand; nothing in here accepts it.
   */
  #openToServers(group: SecurityGroup): void {
    const ports = [Port.tcp(443), Port.tcpRange(1_024, 65_535)];
    for (const port of ports) {
      for (const cidr of outsideOf(network)) group.addEgressRule(Peer.ipv4(cidr), port, 'other servers');
      group.addEgressRule(Peer.ipv6('2000::/3'), port, 'other servers');
    }
  }

  /** For clients, and for other servers: one where it has few enough targets. */
  #addBalancers(): readonly [StreamsBalancer, StreamsBalancer] {
    const { settings } = this;
    if (settings.shape === 'cell' && needsServersBalancer(settings))
      return [this.#addBalancer('', { connection: clientDoors }), this.#addBalancer('Servers', { peers: serverDoors })];
    const isSmall = settings.shape === 'small';
    const one = this.#addBalancer(
      '',
      isSmall ? { all: [...clientDoors, ...serverDoors] } : { connection: clientDoors, peers: serverDoors },
    );
    return [one, one];
  }

  #addBalancer(id: string, doors: Readonly<Partial<Record<TaskTier, Doors>>>): StreamsBalancer {
    const group = this.#group(`${id}BalancerGroup`, id === '' ? 'the load balancer' : 'the load balancer for other servers');
    acknowledge(group, { EC23: 'XMPP clients and servers connect from everywhere, to the ports of the load balancer' });
    for (const [tier, ofTask] of Object.entries(doors)) {
      const tasks = this.groupOf(tier as TaskTier);
      for (const { port, targetPort } of ofTask) {
        for (const anywhere of [Peer.anyIpv4(), Peer.anyIpv6()])
          group.addIngressRule(anywhere, Port.tcp(port), 'clients and servers');
        tasks.addIngressRule(group, Port.tcp(targetPort), 'streams from the load balancer');
        group.addEgressRule(tasks, Port.tcp(targetPort), 'streams');
      }
    }
    return new StreamsBalancer(this, `${id}Streams`, { vpc: this.vpc, securityGroup: group, doors: Object.values(doors) });
  }

  #tell(id: string, name: string, { balancer }: StreamsBalancer): void {
    new DnsName(this, `${id}Name`, {
      settings: this.settings,
      name,
      target: new LoadBalancerTarget(balancer),
      isDualStack: true,
    });
    new CfnOutput(this, `${id}BalancerName`, {
      value: balancer.loadBalancerDnsName,
      description: `the name to which ${name} must point`,
    });
    new CfnOutput(this, `${id}BalancerArn`, {
      value: balancer.loadBalancerArn,
      description: `the ARN of the load balancer of ${name}`,
    });
  }

  /** Other servers may want to know them. */
  #tellOutgoing(): void {
    const gateways = this.vpc.publicSubnets.flatMap(({ node }) => (node.tryFindChild('EIP') as CfnEIP | undefined) ?? []);
    if (gateways.length > 0)
      new CfnOutput(this, 'OutgoingAddresses', {
        value: Fn.join(
          ' ',
          gateways.map((gateway) => gateway.attrPublicIp),
        ),
        description: 'the addresses from which other servers are connected to',
      });
    new CfnOutput(this, 'OutgoingIpv6Network', {
      value: Fn.select(0, this.vpc.vpcIpv6CidrBlocks),
      description: 'the network from which they are over IPv6',
    });
  }

  #addBus(alerts: Alerts, namespace: PrivateDnsNamespace): NatsBus {
    const nats = this.groupOf('nats');
    for (const tier of cellTiers) {
      nats.addIngressRule(this.groupOf(tier), Port.tcp(busPorts.clients), `bus for ${tier}`);
      this.groupOf(tier).addEgressRule(nats, Port.tcp(busPorts.clients), 'bus');
    }
    nats.addIngressRule(nats, Port.tcp(busPorts.routes), 'between the servers of the bus');
    nats.addEgressRule(nats, Port.tcp(busPorts.routes), 'between the servers of the bus');
    return new NatsBus(this, 'Bus', {
      cluster: this.cluster,
      namespace,
      securityGroup: nats,
      settings: this.settings,
      alerts,
      tiers: cellTiers,
      ...this.taskSubnets,
    });
  }
}
