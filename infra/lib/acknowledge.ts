/** Accepts a finding of cdk-nag, with a reason. Call it where the construct is made, so that it covers only that. */
import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** @param findings reasons by the finding's id without its pack, such as `IAM5[Resource::*]` */
export function acknowledge(construct: IConstruct, findings: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(findings))
    Validations.of(construct).acknowledge({ id: `AwsSolutions-${id}`, reason });
}
