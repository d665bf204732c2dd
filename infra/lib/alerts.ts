/** The one e-mail address that receives alarms and cost reports. */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { type Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';

export class Alerts extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    this.topic = new Topic(this, 'Topic', { displayName: `Alarms of ${settings.name}`, enforceSSL: true });
    this.topic.addToResourcePolicy(this.#mayPublish('cloudwatch', 'alarm', '*', ArnFormat.COLON_RESOURCE_NAME));
    this.topic.addToResourcePolicy(this.#mayPublish('events', 'rule', `${settings.name}-*`, ArnFormat.SLASH_RESOURCE_NAME));
    this.topic.addSubscription(new EmailSubscription(settings.budgetEmail));
    const subscribers = [{ subscriptionType: 'EMAIL', address: settings.budgetEmail }];
    const notification = (notificationType: string, threshold: number) => ({
      notification: { comparisonOperator: 'GREATER_THAN', notificationType, threshold, thresholdType: 'PERCENTAGE' },
      subscribers,
    });
    new CfnBudget(this, 'Budget', {
      budget: {
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: settings.budgetUsd, unit: 'USD' },
      },
      notificationsWithSubscribers: [notification('ACTUAL', 50), notification('ACTUAL', 90), notification('FORECASTED', 100)],
    });
  }

  /** A topic policy of its own, such as `enforceSSL` adds, replaces the default one that lets the account's alarms publish. */
  #mayPublish(service: string, resource: string, resourceName: string, arnFormat: ArnFormat): PolicyStatement {
    const stack = Stack.of(this);
    return new PolicyStatement({
      effect: Effect.ALLOW,
      principals: [new ServicePrincipal(`${service}.amazonaws.com`)],
      actions: ['sns:Publish'],
      resources: [this.topic.topicArn],
      conditions: {
        StringEquals: { 'aws:SourceAccount': stack.account },
        ArnLike: { 'aws:SourceArn': stack.formatArn({ service, resource, resourceName, arnFormat }) },
      },
    });
  }

  /** Sends a message when the alarm begins and when it is over. */
  hear(...alarms: readonly Alarm[]): void {
    const action = new SnsAction(this.topic);
    for (const alarm of alarms) {
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
    }
  }

  /** Sends a text with each event. The topic's own policy lets rules of this deployment publish. */
  tell(rule: Rule, text: string): void {
    rule.addTarget({
      bind: () => ({ arn: this.topic.topicArn, input: RuleTargetInput.fromText(text), targetResource: this.topic }),
    });
  }
}
