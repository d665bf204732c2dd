/** The stack Net: the load balancer, the network and its security groups. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionLimits } from '../../services/connection/limits.ts';
import { outsideOf } from '../lib/outside-vpc.ts';
import type { Json } from './context.ts';
import { shape, shapes, synthesize } from './synthesis.ts';

const publicPorts = [443, 5222, 5223, 5269, 5270];

for (const name of shapes) {
  const { templates, resources, only } = shape(name);

  test(`${name}: one load balancer, of TCP, facing the internet, that cannot be deleted by mistake`, () => {
    templates.net.resourceCountIs('AWS::ElasticLoadBalancingV2::LoadBalancer', 1);
    const { Properties } = only('net', 'AWS::ElasticLoadBalancingV2::LoadBalancer');
    assert.deepEqual([Properties.Type, Properties.Scheme], ['network', 'internet-facing']);
    const attributes = new Map(Properties.LoadBalancerAttributes.map((one: Json) => [one.Key, one.Value]));
    assert.equal(attributes.get('deletion_protection.enabled'), 'true');
    assert.equal(attributes.get('load_balancing.cross_zone.enabled'), 'true');
  });

  test(`${name}: listeners are TCP and nothing else, on the ports of XMPP; no TLS at the load balancer`, () => {
    const listeners = resources('net', 'AWS::ElasticLoadBalancingV2::Listener').map(([, { Properties }]) => Properties);
    assert.deepEqual(listeners.map(({ Port }) => Port).sort(), publicPorts);
    for (const listener of listeners) {
      assert.equal(listener.Protocol, 'TCP');
      assert.deepEqual([listener.Certificates, listener.SslPolicy, listener.AlpnPolicy], [undefined, undefined, undefined]);
    }
  });

  test(`${name}: nodes probe a silent stream before the load balancer forgets it`, () => {
    for (const [, { Properties }] of resources('net', 'AWS::ElasticLoadBalancingV2::Listener')) {
      assert.deepEqual(Properties.ListenerAttributes, [{ Key: 'tcp.idle_timeout.seconds', Value: '350' }]);
    }
    // This is white space or a WebSocket ping. test/cli/image.test.ts checks TCP's own probes with a running process.
    assert.ok(connectionLimits.keepAliveMs < 350_000);
    assert.equal(connectionLimits.tcpKeepAliveMs, 240_000);
  });

  test(`${name}: targets see the client’s address, and an unhealthy or leaving target keeps its streams`, () => {
    const groups = resources('net', 'AWS::ElasticLoadBalancingV2::TargetGroup').map(([, { Properties }]) => Properties);
    assert.equal(groups.length, publicPorts.length);
    for (const group of groups) {
      assert.deepEqual([group.Protocol, group.TargetType], ['TCP', 'ip']);
      const attributes = Object.fromEntries(group.TargetGroupAttributes.map((one: Json) => [one.Key, one.Value]));
      assert.deepEqual(attributes, {
        'proxy_protocol_v2.enabled': 'true',
        'preserve_client_ip.enabled': 'true',
        'target_health_state.unhealthy.connection_termination.enabled': 'false',
        'deregistration_delay.connection_termination.enabled': 'false',
        'deregistration_delay.timeout_seconds': '5',
      });
      assert.ok(group.Port > 1023, 'a task that is not root cannot listen there');
    }
  });

  test(`${name}: the first door of a task decides the health of all: a door that nothing listens behind does not end it`, () => {
    for (const [, { Properties: group }] of resources('net', 'AWS::ElasticLoadBalancingV2::TargetGroup')) {
      const first = name === 'cell' && [5269, 5270].includes(group.Port) ? '5269' : '5222';
      assert.deepEqual([group.HealthCheckProtocol, group.HealthCheckPort], ['TCP', first]);
      assert.deepEqual([group.HealthCheckIntervalSeconds, group.UnhealthyThresholdCount], [10, 3]);
    }
  });

  test(`${name}: three zones, and rows and files reach AWS without a NAT gateway`, () => {
    const subnets = resources('net', 'AWS::EC2::Subnet').map(([, { Properties }]) => Properties);
    const zones = new Set(subnets.map(({ AvailabilityZone }) => JSON.stringify(AvailabilityZone)));
    assert.deepEqual(zones, new Set([0, 1, 2].map((index) => JSON.stringify({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] }))));
    const endpoints = resources('net', 'AWS::EC2::VPCEndpoint').map(([, { Properties }]) => Properties);
    assert.deepEqual(
      endpoints.map(({ VpcEndpointType }) => VpcEndpointType),
      ['Gateway', 'Gateway'],
    );
    const services = endpoints.map(({ ServiceName }) => JSON.stringify(ServiceName)).join();
    assert.match(services, /\.dynamodb"/);
    assert.match(services, /\.s3"/);
    for (const { RouteTableIds } of endpoints) assert.equal(RouteTableIds.length, subnets.length);
  });

  test(`${name}: refused packets are logged, and the default security group allows nothing`, () => {
    templates.net.hasResourceProperties('AWS::EC2::FlowLog', { TrafficType: 'REJECT' });
    templates.net.resourceCountIs('Custom::VpcRestrictDefaultSG', 1);
  });

  test(`${name}: one security group a tier; only the load balancer’s is open, on its five ports`, () => {
    const groups = new Map(
      resources('net', 'AWS::EC2::SecurityGroup').map(([id, { Properties }]) => [id.replace(/Group.*/, ''), Properties]),
    );
    const inCell = ['Api', 'Balancer', 'Connection', 'Federation', 'Front', 'Muc', 'Nats', 'Peers', 'Router'];
    const tiers = name === 'small' ? ['All', 'Balancer', 'Front'] : inCell;
    assert.deepEqual([...groups.keys()].sort(), tiers);
    for (const [tier, { SecurityGroupIngress = [], SecurityGroupEgress = [] }] of groups) {
      assert.deepEqual(
        SecurityGroupIngress.map((rule: Json) => [
          rule.CidrIp ?? rule.CidrIpv6,
          rule.FromPort,
          rule.ToPort,
          rule.IpProtocol,
        ]).sort(),
        tier === 'Balancer' ? ['0.0.0.0/0', '::/0'].flatMap((any) => publicPorts.map((port) => [any, port, port, 'tcp'])) : [],
      );
      if (tier === 'Federation' || tier === 'All') continue;
      assert.ok(
        SecurityGroupEgress.every((rule: Json) => rule.CidrIpv6 === undefined),
        tier,
      );
      const open = SecurityGroupEgress.filter((rule: Json) => rule.CidrIp === '0.0.0.0/0');
      assert.deepEqual(
        open.map((rule: Json) => [rule.FromPort, rule.ToPort]),
        tier === 'Balancer' || tier === 'Front' ? [] : [[443, 443]],
      );
    }
  });
}

for (const [name, tier] of [
  ['small', 'All'],
  ['cell', 'Federation'],
] as const) {
  test(`${name}: streams to other servers may go anywhere but into the network, by TCP, from port 443 and from 1024 on`, () => {
    const group = shape(name)
      .resources('net', 'AWS::EC2::SecurityGroup')
      .find(([id]) => id.startsWith(`${tier}Group`))![1].Properties;
    const { CidrBlock } = shape(name).only('net', 'AWS::EC2::VPC').Properties;
    const blocks = [...outsideOf(CidrBlock), '2000::/3'];
    const rules = group.SecurityGroupEgress.map((rule: Json) =>
      [rule.IpProtocol, rule.CidrIp ?? rule.CidrIpv6, rule.FromPort, rule.ToPort].join(' '),
    );
    const wanted = ['443 443', '1024 65535'].flatMap((ports) => blocks.map((block) => `tcp ${block} ${ports}`));
    assert.deepEqual(rules.sort(), wanted.sort());
    assert.ok(blocks.length * 2 <= 60, 'a security group may have 60 rules');
  });
}

test('the blocks around a network have every address but those of the network, once', () => {
  const toNumber = (address: string) => address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  for (const network of ['10.0.0.0/16', '172.31.128.0/20', '0.0.0.0/1', '255.255.0.0/16', '192.0.2.7/32']) {
    const blocks = outsideOf(network).map((block) => {
      const [base = '', bits] = block.split('/');
      const size = 2 ** (32 - Number(bits));
      assert.equal(toNumber(base) % size, 0, block);
      return [toNumber(base), size] as const;
    });
    const [base = '', bits] = network.split('/');
    const all = [...blocks, [toNumber(base), 2 ** (32 - Number(bits))] as const].sort(([a], [b]) => a - b);
    let next = 0;
    for (const [start, size] of all) {
      assert.equal(start, next, network);
      next += size;
    }
    assert.equal(next, 2 ** 32, network);
  }
});

test('cell: the addresses from which other servers are connected to are fixed, and printed', () => {
  const { templates, resources } = shape('cell');
  const addresses = resources('net', 'AWS::EC2::EIP').map(([id]) => ({ 'Fn::GetAtt': [id, 'PublicIp'] }));
  assert.equal(addresses.length, 3);
  const { OutgoingAddresses, OutgoingIpv6Network } = templates.net.toJSON().Outputs;
  assert.deepEqual(OutgoingAddresses.Value, { 'Fn::Join': [' ', addresses] });
  assert.match(JSON.stringify(OutgoingIpv6Network.Value), /Ipv6CidrBlocks/);
  assert.equal(shape('small').templates.net.toJSON().Outputs.OutgoingAddresses, undefined, 'without gateways they change');
});

for (const name of shapes) {
  test(`${name}: everything that faces the internet has IPv6, and tasks in private networks only go out with it`, () => {
    const { resources, only, templates } = shape(name);
    assert.equal(only('net', 'AWS::ElasticLoadBalancingV2::LoadBalancer').Properties.IpAddressType, 'dualstack');
    for (const [id, { Properties }] of resources('net', 'AWS::EC2::Subnet')) assert.ok(Properties.Ipv6CidrBlock, id);
    for (const host of ['xmpp.example.org.', 's2s.example.org.'])
      for (const Type of ['A', 'AAAA']) templates.net.hasResourceProperties('AWS::Route53::RecordSet', { Name: host, Type });
    const routes = resources('net', 'AWS::EC2::Route').filter(
      ([, { Properties }]) => Properties.DestinationIpv6CidrBlock === '::/0',
    );
    const gateways = routes.map(([id, { Properties }]) => [
      id.includes('tasks'),
      Properties.EgressOnlyInternetGatewayId !== undefined,
    ]);
    assert.ok(gateways.length >= 3);
    for (const [isPrivate, goesOutOnly] of gateways) assert.equal(goesOutOnly, isPrivate);
  });
}

test('cell: other servers get a load balancer of their own where one would have too many targets', () => {
  const many = synthesize({ shape: 'cell', connectionTasksMax: 80, peersTasksMax: 10, vcpuMax: 260 });
  many.templates.net.resourceCountIs('AWS::ElasticLoadBalancingV2::LoadBalancer', 2);
  const ports = new Map<string, number[]>();
  for (const [, { Properties }] of many.resources('net', 'AWS::ElasticLoadBalancingV2::Listener'))
    ports.set(Properties.LoadBalancerArn.Ref, [...(ports.get(Properties.LoadBalancerArn.Ref) ?? []), Properties.Port]);
  assert.deepEqual([...ports.values()].map((some) => some.sort()).sort(), [
    [443, 5222, 5223],
    [5269, 5270],
  ]);
  const names = (synthesis: typeof many) =>
    synthesis
      .resources('net', 'AWS::Route53::RecordSet')
      .map(([, { Properties }]) => Properties.Name)
      .sort();
  assert.deepEqual(names(many), names(shape('cell')), 'records of tenants stay as they are');
  const { BalancerName, ServersBalancerName } = many.templates.net.toJSON().Outputs;
  assert.notDeepEqual(BalancerName.Value, ServersBalancerName.Value);
});

/** All rules between groups as `from → to port`. */
function rulesBetween(kind: 'Ingress' | 'Egress'): string[] {
  const name = (ref: unknown) =>
    /"(Api|Balancer|Connection|Federation|Front|Muc|Nats|Peers|Router)Group/.exec(JSON.stringify(ref))?.[1] ??
    JSON.stringify(ref);
  return shape('cell')
    .resources('net', `AWS::EC2::SecurityGroup${kind}`)
    .map(([, { Properties: rule }]) => {
      const other = rule.SourceSecurityGroupId ?? rule.DestinationSecurityGroupId;
      const [from, to] = kind === 'Ingress' ? [other, rule.GroupId] : [rule.GroupId, other];
      return `${name(from)} → ${name(to)} ${rule.FromPort}${rule.FromPort === rule.ToPort ? '' : `-${rule.ToPort}`}`;
    })
    .sort();
}

const between = [
  ...[5222, 5223, 5443].map((port) => `Balancer → Connection ${port}`),
  ...[5269, 5270].map((port) => `Balancer → Peers ${port}`),
  'Front → Api 8085',
  ...['Api', 'Connection', 'Federation', 'Muc', 'Peers', 'Router'].map((tier) => `${tier} → Nats 4222`),
  'Nats → Nats 6222',
].sort();

test('cell: streams of clients reach connection only, those of servers peers only, the CDN api only, and services meet only at the bus', () => {
  assert.deepEqual(rulesBetween('Ingress'), between);
  assert.deepEqual(rulesBetween('Egress'), between);
});

test('routers reach HTTPS, from where the public keys of tokens come', () => {
  for (const [name, tier] of [
    ['small', 'All'],
    ['cell', 'Router'],
  ] as const) {
    const groups = shape(name).resources('net', 'AWS::EC2::SecurityGroup');
    const { SecurityGroupEgress: rules } = groups.find(([id]) => id.startsWith(`${tier}Group`))![1].Properties;
    const opens = rules.filter(({ FromPort, ToPort }: Json) => FromPort === 443 && ToPort === 443);
    const blocks = opens.map(({ CidrIp }: Json) => CidrIp).filter((block: unknown) => block !== undefined);
    const wanted = name === 'cell' ? ['0.0.0.0/0'] : outsideOf('10.0.0.0/16');
    assert.deepEqual(blocks.sort(), [...wanted].sort(), `${tier} of ${name}`);
    const routes = shape(name).resources('net', 'AWS::EC2::Route');
    const gateway = name === 'cell' ? 'NatGatewayId' : 'GatewayId';
    assert.ok(routes.some(([, { Properties }]) => Properties.DestinationCidrBlock === '0.0.0.0/0' && Properties[gateway]));
  }
});

test('small: no bus, no NAT gateway; the task has a public address', () => {
  const { templates } = shape('small');
  for (const type of ['AWS::EC2::NatGateway', 'AWS::ECS::Service']) templates.net.resourceCountIs(type, 0);
});

test('cell: a NAT gateway in each zone, so that a failing zone does not take others with it', () => {
  shape('cell').templates.net.resourceCountIs('AWS::EC2::NatGateway', 3);
});

test('the name of the load balancer is in the hosted zone', () => {
  shape('cell').templates.net.hasResourceProperties('AWS::Route53::RecordSet', { Name: 'xmpp.example.org.', Type: 'A' });
});
