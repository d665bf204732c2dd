/** A finding of cdk-nag that stays, and why. Each is said where the thing is made, for that thing only. */
import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** @param findings reasons by the finding's id without its pack: `IAM5[Resource::*]` */
export function acknowledge(construct: IConstruct, findings: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(findings))
    Validations.of(construct).acknowledge({ id: `AwsSolutions-${id}`, reason });
}
