/**
 * The keys and certificates of the bus (decision 21): a function makes them and writes each into the secret of those who need it. It runs
 * before the servers are made, whenever the rights change, once a day because certificates end, and when an operator asks for new keys.
 */
import { CustomResource, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { type BusTier, busRights } from '../../lib/runtime/bus-rights.ts';
import { acknowledge } from './acknowledge.ts';
import type { Alerts } from './alerts.ts';
import { SkylarkFunction } from './function.ts';
import { allow } from './grants.ts';
import type { Settings } from './settings.ts';

interface BusKeysProps {
  readonly settings: Settings;
  readonly alerts: Alerts;
  readonly tiers: readonly BusTier[];
  /** The name under which the servers are found, which is in their certificate. */
  readonly host: string;
  /** The name of the servers' service on ECS. */
  readonly service: string;
}

export class BusKeys extends Construct {
  /** What the servers are started with: fields `trust`, `cert`, `key` and `ca`. */
  readonly servers: Secret;
  readonly functionName: string;
  readonly #ofTiers: ReadonlyMap<string, Secret>;

  constructor(scope: Construct, id: string, { settings, alerts, tiers, host, service }: BusKeysProps) {
    super(scope, id);
    const all = this.#secret('All', 'all keys of the bus, for the function that makes them');
    this.servers = this.#secret('Servers', 'whom the servers of the bus let in, and their certificate');
    this.#ofTiers = new Map(tiers.map((tier) => [tier, this.#secret(tier, `what signs the tier ${tier} in at the bus`)]));
    const keys = new SkylarkFunction(this, 'Function', {
      settings,
      bundle: 'bus-keys-lambda',
      description: 'makes the keys and certificates of the bus',
      memoryMiB: 256,
      timeout: Duration.minutes(2),
      environment: {
        SKYLARK_KEYS_SECRET: all.secretArn,
        SKYLARK_SERVERS_SECRET: this.servers.secretArn,
        ...Object.fromEntries([...this.#ofTiers].map(([tier, secret]) => [secretVariable(tier), secret.secretArn])),
        SKYLARK_BUS_HOST: host,
        SKYLARK_CLUSTER: settings.name,
        SKYLARK_BUS_SERVICE: service,
      },
      alerts,
    });
    this.functionName = keys.function.functionName;
    const secrets = [all, this.servers, ...this.#ofTiers.values()].map(({ secretArn }) => secretArn);
    allow(keys.role, ['secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue'], secrets);
    const servers = Stack.of(this).formatArn({
      service: 'ecs',
      resource: 'service',
      resourceName: `${settings.name}/${service}`,
    });
    allow(keys.role, ['ecs:UpdateService'], [servers]);
    const made = new CustomResource(this, 'Made', {
      serviceToken: keys.function.functionArn,
      resourceType: 'Custom::BusKeys',
      // Whatever is here makes CloudFormation call the function again when it changes.
      properties: { host, rights: Object.fromEntries(tiers.map((tier) => [tier, busRights[tier]])) },
    });
    made.node.addDependency(keys);
    new Rule(this, 'Schedule', {
      description: 'Renews the certificate of the bus',
      schedule: Schedule.rate(Duration.days(1)),
      targets: [new LambdaFunction(keys.function, { retryAttempts: 2, event: RuleTargetInput.fromObject({}) })],
    });
  }

  /** What a task of the tier signs in with. */
  secretOf(tier: string): Secret {
    const secret = this.#ofTiers.get(tier);
    if (secret === undefined) throw new Error(`the tier ${tier} has no keys of the bus`);
    return secret;
  }

  #secret(id: string, description: string): Secret {
    const name = `${id[0]!.toUpperCase()}${id.slice(1)}`;
    const secret = new Secret(this, name, { description: `Skylark: ${description}`, removalPolicy: RemovalPolicy.DESTROY });
    acknowledge(secret, {
      SMG4: 'the function of the bus renews it; several secrets must change together, which rotation does not do',
    });
    return secret;
  }
}

function secretVariable(tier: string): string {
  return `SKYLARK_${tier.toUpperCase()}_SECRET`;
}
