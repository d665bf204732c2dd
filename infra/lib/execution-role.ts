/**
 * What ECS itself may do to start a container: fetch its image, write its log. Each service has its own role, instead of the
 * managed policy for all images and logs of an account.
 */

import { Size } from 'aws-cdk-lib';
import { AwsLogDriverMode, type LogDriver, LogDrivers } from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { allow } from './grants.ts';

/** The image's own repository is granted where the image is used. */
export function executionRole(scope: Construct, logGroup: ILogGroup): Role {
  const role = new Role(scope, 'ExecutionRole', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
  allow(role, ['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroup.logGroupArn]);
  return role;
}

/** If a log cannot be written, lines are dropped: streams must not be held up. */
export function logDriver(logGroup: ILogGroup, streamPrefix: string): LogDriver {
  return LogDrivers.awsLogs({ logGroup, streamPrefix, mode: AwsLogDriverMode.NON_BLOCKING, maxBufferSize: Size.mebibytes(4) });
}
