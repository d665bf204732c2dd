/**
 * Signs in from outside every five minutes, writes and hears itself, and asks the pages for people. Its alarm rings when it fails and when it
 * does not run. It has no secret: it makes itself a password each time, and may write the row of its own account alone.
 */
import { Duration, Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import type { DataStack } from './data-stack.ts';
import { SkylarkFunction } from './function.ts';
import { grantRows } from './grants.ts';
import { canaryRights } from './rights.ts';
import type { Settings } from './settings.ts';

const every = Duration.minutes(5);

interface CanaryProps {
  readonly data: DataStack;
  readonly settings: Settings;
  /** The host of the pages, which it looks at, too. */
  readonly webHost: string;
}

export class Canary extends Construct {
  readonly functionName: string;

  constructor(scope: Construct, id: string, { data, settings, webHost }: CanaryProps) {
    super(scope, id);
    const { domains, canary, tablePrefix, paused } = settings;
    const bird = new SkylarkFunction(this, 'Flight', {
      settings,
      bundle: 'canary-lambda',
      description: 'signs in, writes and hears itself',
      memoryMiB: 512,
      timeout: Duration.minutes(1),
      environment: {
        SKYLARK_DYNAMODB: 'aws',
        SKYLARK_REGION: Stack.of(this).region,
        SKYLARK_TABLE_PREFIX: tablePrefix,
        SKYLARK_DOMAIN: domains[0],
        SKYLARK_CANARY_USER: canary,
        SKYLARK_WEB_URL: `https://${webHost}`,
      },
      alerts: data.alerts,
    });
    this.functionName = bird.function.functionName;
    grantRows(bird.role, data.tables, canaryRights(domains[0], canary));
    new Rule(this, 'Schedule', {
      description: 'Lets the canary fly',
      enabled: !paused,
      schedule: Schedule.rate(every),
      // A second try would hide what people met at the first.
      targets: [new LambdaFunction(bird.function, { retryAttempts: 0 })],
    });
    const alarm = new Alarm(this, 'Alarm', {
      metric: new Metric({
        namespace: 'Skylark',
        metricName: 'CanaryPasses',
        dimensionsMap: { Service: 'canary', Deployment: tablePrefix },
        statistic: Stats.SUM,
        period: every,
      }),
      threshold: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 2,
      treatMissingData: TreatMissingData.BREACHING,
      actionsEnabled: !paused,
      alarmDescription:
        'nobody can sign in from outside, or write and be heard, or the pages for people do not answer; or the canary does not fly',
    });
    data.alerts.hear(alarm);
  }
}
