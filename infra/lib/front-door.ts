/**
 * The way from the CDN to the tasks that serve the console, the REST API and the pages of invites (decision 23): the HTTP API finds them by
 * Cloud Map and reaches them through a VPC link. Nothing else reaches their port.
 */
import { Duration } from 'aws-cdk-lib';
import { VpcLink } from 'aws-cdk-lib/aws-apigatewayv2';
import { type ISecurityGroup, type IVpc, Port, type SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { DnsRecordType, type PrivateDnsNamespace, type Service } from 'aws-cdk-lib/aws-servicediscovery';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';

/** The port of the task. */
export const frontPort = 8085;

interface FrontDoorProps {
  readonly settings: Settings;
  readonly vpc: IVpc;
  readonly subnets: SubnetSelection;
  readonly namespace: PrivateDnsNamespace;
  /** The security groups of the link and of the tasks behind it. */
  readonly groups: { readonly link: ISecurityGroup; readonly tasks: ISecurityGroup };
}

export class FrontDoor extends Construct {
  /** Where ECS writes down which tasks there are. */
  readonly service: Service;
  readonly link: VpcLink;

  constructor(scope: Construct, id: string, { settings, vpc, subnets, namespace, groups }: FrontDoorProps) {
    super(scope, id);
    const port = Port.tcp(frontPort);
    groups.tasks.addIngressRule(groups.link, port, 'requests from the CDN');
    groups.link.addEgressRule(groups.tasks, port, 'requests');
    this.service = namespace.createService('Front', {
      name: 'front',
      description: 'tasks that serve the console and the REST API',
      // With the port, without which the HTTP API would not find a task.
      dnsRecordType: DnsRecordType.SRV,
      dnsTtl: Duration.seconds(5),
      customHealthCheck: { failureThreshold: 1 },
    });
    // A link cannot be changed: with other subnets or groups CloudFormation makes another one.
    this.link = new VpcLink(this, 'Link', {
      vpcLinkName: `${settings.name}-front`,
      vpc,
      subnets,
      securityGroups: [groups.link],
    });
  }
}
