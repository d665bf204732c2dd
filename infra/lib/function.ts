/** A Lambda function from a bundle, with its own log, role, and alarm on errors. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Alarm, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Alerts } from './alerts.ts';
import type { BundleName } from './bundle-folders.ts';
import { bundledLambda } from './bundles.ts';
import { allow } from './grants.ts';
import type { Settings } from './settings.ts';

interface FunctionProps {
  readonly settings: Settings;
  readonly bundle: Exclude<BundleName, 'skylark'>;
  readonly description: string;
  readonly memoryMiB: number;
  readonly timeout: Duration;
  readonly environment: Readonly<Record<string, string>>;
  readonly alerts: Alerts;
}

export class SkylarkFunction extends Construct {
  readonly function: Lambda;
  readonly role: Role;

  constructor(scope: Construct, id: string, { settings, bundle, alerts, memoryMiB, ...props }: FunctionProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Log', { retention: settings.logDays, removalPolicy: RemovalPolicy.RETAIN });
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    allow(this.role, ['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroup.logGroupArn]);
    this.function = bundledLambda(this, 'Function', settings, bundle, {
      ...props,
      memorySize: memoryMiB,
      role: this.role,
      logGroup,
    });
    const errors = new Alarm(this, 'Errors', {
      metric: this.function.metricErrors({ period: Duration.minutes(5), statistic: Stats.SUM }),
      threshold: 1,
      evaluationPeriods: 2,
      datapointsToAlarm: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      alarmDescription: `the function reports errors: ${props.description}`,
    });
    alerts.hear(errors);
  }
}
