/** A failed deployment is rolled back by ECS without an alarm, so its event is sent to whoever hears the alarms. */
import { Stack } from 'aws-cdk-lib';
import { EventField, Rule } from 'aws-cdk-lib/aws-events';
import { Construct } from 'constructs';
import type { Alerts } from './alerts.ts';
import type { Settings } from './settings.ts';

export class DeploymentWatch extends Construct {
  constructor(scope: Construct, id: string, { alerts, settings }: { readonly alerts: Alerts; readonly settings: Settings }) {
    super(scope, id);
    const services = Stack.of(this).formatArn({ service: 'ecs', resource: 'service', resourceName: `${settings.name}/` });
    const rule = new Rule(this, 'Failed', {
      description: 'A deployment has failed',
      eventPattern: {
        source: ['aws.ecs'],
        detailType: ['ECS Deployment State Change'],
        resources: [{ prefix: services }] as unknown as string[],
        detail: { eventName: ['SERVICE_DEPLOYMENT_FAILED'] },
      },
    });
    const [service, reason] = [EventField.fromPath('$.resources[0]'), EventField.fromPath('$.detail.reason')];
    alerts.tell(rule, `A deployment has failed and is rolled back: ${service}. ECS says: ${reason}`);
  }
}
