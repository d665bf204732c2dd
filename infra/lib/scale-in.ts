/**
 * Takes connection tasks away when there are too many (decision 22). ECS scales them out alone. A function looks every minute, has one
 * surplus task drained, and tells ECS that one less is wanted when that task holds nothing.
 */
import { Duration, Stack } from 'aws-cdk-lib';
import { Alarm, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { FargateService } from 'aws-cdk-lib/aws-ecs';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import type { DataStack } from './data-stack.ts';
import { SkylarkFunction } from './function.ts';
import { allow, grantRows } from './grants.ts';
import { serviceMetric } from './metrics.ts';
import { rightsOf } from './rights.ts';
import type { Settings } from './settings.ts';

interface ScaleInProps {
  readonly settings: Settings;
  readonly data: DataStack;
  /** The service of the connection tasks. */
  readonly service: FargateService;
}

/** The pause in which other services scale in, too. */
const surplus = Duration.minutes(15);

export class ScaleIn extends Construct {
  readonly functionName: string;

  constructor(scope: Construct, id: string, { settings, data, service }: ScaleInProps) {
    super(scope, id);
    const { name, tablePrefix, connectionTasksMin, streamsPerTask, paused } = settings;
    const scaling = new SkylarkFunction(this, 'Function', {
      settings,
      bundle: 'scale-in-lambda',
      description: 'takes connection tasks away that are not needed',
      memoryMiB: 256,
      timeout: Duration.seconds(50),
      environment: {
        SKYLARK_DYNAMODB: 'aws',
        SKYLARK_REGION: Stack.of(this).region,
        SKYLARK_TABLE_PREFIX: tablePrefix,
        SKYLARK_CLUSTER: name,
        SKYLARK_CONNECTION_SERVICE: service.serviceName,
        SKYLARK_CONNECTION_TASKS_MIN: `${connectionTasksMin}`,
        SKYLARK_STREAMS_PER_TASK: `${streamsPerTask}`,
        SKYLARK_SURPLUS_SECONDS: `${surplus.toSeconds()}`,
      },
      alerts: data.alerts,
    });
    this.functionName = scaling.function.functionName;
    grantRows(scaling.role, data.tables, rightsOf(['scaleIn']));
    allow(scaling.role, ['ecs:DescribeServices'], [service.serviceArn]);
    // It changes the number of tasks, and not what they run.
    allow(scaling.role, ['ecs:UpdateService'], [service.serviceArn], { Null: { 'ecs:task-definition': 'true' } });
    new Rule(this, 'Schedule', {
      description: 'Looks whether a connection task is one too many',
      enabled: !paused,
      schedule: Schedule.rate(Duration.minutes(1)),
      // The next call begins where this one ended.
      targets: [new LambdaFunction(scaling.function, { retryAttempts: 0 })],
    });
    const stuck = new Alarm(this, 'Stuck', {
      metric: serviceMetric(settings, 'scale-in', 'ScaleInStuck', Stats.MAXIMUM, 5),
      threshold: 1,
      evaluationPeriods: 2,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      alarmDescription: 'a connection task that is not needed has been asked to go for half an hour, and is still there',
    });
    data.alerts.hear(stuck);
  }
}
