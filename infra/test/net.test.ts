/** The stack Net: the load balancer, the network and its security groups. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionLimits } from '../../services/connection/limits.ts';
import type { Json } from './context.ts';
import { shape, shapes } from './synthesis.ts';

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

  test(`${name}: the clients’ door decides the health of all: a door that nothing listens behind does not end a task`, () => {
    for (const [, { Properties: group }] of resources('net', 'AWS::ElasticLoadBalancingV2::TargetGroup')) {
      assert.deepEqual([group.HealthCheckProtocol, group.HealthCheckPort], ['TCP', '5222']);
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
    const tiers = name === 'small' ? ['All', 'Balancer'] : ['Balancer', 'Connection', 'Muc', 'Nats', 'Router'];
    assert.deepEqual([...groups.keys()].sort(), tiers);
    for (const [tier, { SecurityGroupIngress = [], SecurityGroupEgress = [] }] of groups) {
      assert.deepEqual(
        SecurityGroupIngress.map((rule: Json) => [rule.CidrIp, rule.FromPort, rule.ToPort, rule.IpProtocol]).sort(),
        tier === 'Balancer' ? publicPorts.map((port) => ['0.0.0.0/0', port, port, 'tcp']) : [],
      );
      const open = SecurityGroupEgress.filter((rule: Json) => rule.CidrIp === '0.0.0.0/0');
      assert.deepEqual(
        open.map((rule: Json) => [rule.FromPort, rule.ToPort]),
        tier === 'Balancer' ? [] : [[443, 443]],
      );
    }
  });
}

/** All rules between groups as `from → to port`. */
function rulesBetween(kind: 'Ingress' | 'Egress'): string[] {
  const name = (ref: unknown) =>
    /"(Balancer|Connection|Muc|Nats|Router)Group/.exec(JSON.stringify(ref))?.[1] ?? JSON.stringify(ref);
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
  ...[5222, 5223, 5269, 5270, 5443].map((port) => `Balancer → Connection ${port}`),
  ...['Connection', 'Muc', 'Router'].map((tier) => `${tier} → Nats 4222`),
  'Nats → Nats 6222',
].sort();

test('cell: streams reach connection only, and services meet only at the bus', () => {
  assert.deepEqual(rulesBetween('Ingress'), between);
  assert.deepEqual(rulesBetween('Egress'), between);
});

test('small: no bus, no NAT gateway; the task has a public address', () => {
  const { templates } = shape('small');
  for (const type of ['AWS::EC2::NatGateway', 'AWS::ECS::Service', 'AWS::ServiceDiscovery::Service'])
    templates.net.resourceCountIs(type, 0);
});

test('cell: a NAT gateway in each zone, so that a failing zone does not take others with it', () => {
  shape('cell').templates.net.resourceCountIs('AWS::EC2::NatGateway', 3);
});

test('the name of the load balancer is in the hosted zone', () => {
  shape('cell').templates.net.hasResourceProperties('AWS::Route53::RecordSet', { Name: 'xmpp.example.org.', Type: 'A' });
});
