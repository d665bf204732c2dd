/** What the templates of one shape say of tasks, functions, roles and the load balancer, with all values filled in. */
import type { Json } from '../../infra/test/context.ts';
import { type StackName, type Synthesis, synthesize } from '../../infra/test/synthesis.ts';
import type { Statement } from './role-policy.ts';
import { type Place, Values } from './values.ts';

export type Shape = 'small' | 'cell';
export type Variables = Readonly<Record<string, string>>;

/** A port of the load balancer that leads to a task. */
export interface Door {
  readonly listener: number;
  readonly containerPort: number;
}

export interface TaskDefinition {
  readonly tier: string;
  readonly variables: Variables;
  /** Variables whose values ECS reads from secrets: where each is. */
  readonly secrets: Variables;
  readonly statements: readonly Statement[];
  /** What ECS may do to start it. */
  readonly executionStatements: readonly Statement[];
  readonly doors: readonly Door[];
  /** The port to which the CDN leads, if it leads to this task. */
  readonly frontPort: number | undefined;
  /** As the template says: `CMD`, a program, its arguments. */
  readonly healthCommand: readonly string[];
  readonly stopTimeoutSeconds: number;
}

/** What the CDN does with requests for some paths. */
export interface EdgeRule {
  /** `*` is any text. */
  readonly path: string;
  readonly methods: readonly string[];
  /** Where it sends them. */
  readonly host: string;
  /** What it adds. A value may name a secret. */
  readonly headers: readonly (readonly [string, string])[];
  /** The text of the function that each request goes through before. */
  readonly code: string;
}

export interface FunctionDefinition {
  readonly variables: Variables;
  readonly statements: readonly Statement[];
}

/** Two tenants, and the host. The second one is named so that the scripts for slixmpp find it. */
export const domains = ['capulet.example', 'other.capulet.example'] as const;
const settings = { domains: domains.join(','), certificates: 'pem', hostedZoneName: 'capulet.example', connectionTasksMin: 2 };

/** Names of variables, and where their values are. */
function secretsOf(definition: Json): Variables {
  const [{ Secrets = [] }] = definition.ContainerDefinitions;
  return Object.fromEntries(Secrets.map(({ Name, ValueFrom }: Json) => [Name, ValueFrom]));
}

export class Templates {
  readonly values: Values;
  readonly shape: Shape;
  readonly #synthesis: Synthesis;

  /** @param build another than that of this tree */
  constructor(shape: Shape, place: Place, build?: Parameters<typeof synthesize>[1]) {
    this.shape = shape;
    this.#synthesis = synthesize({ ...settings, shape }, build);
    this.values = new Values(this.#synthesis, place);
  }

  /** Ids and properties, filled in. */
  resources(stack: StackName, type: string): [string, Json][] {
    const found = this.#synthesis.resources(stack, type);
    return found.map(([id, { Properties }]) => [id, this.values.resolve(stack, Properties)]);
  }

  tasks(): TaskDefinition[] {
    return this.#synthesis.resources('app', 'AWS::ECS::Service').map(([, { Properties: service }]) => {
      const definitions = this.#synthesis.resources('app', 'AWS::ECS::TaskDefinition');
      const task = definitions.find(([id]) => id === service.TaskDefinition.Ref)![1].Properties;
      const [container] = this.values.resolve('app', task.ContainerDefinitions);
      const [serve, tier, ...rest] = container.Command;
      if (serve !== 'serve' || rest.length > 0) throw new Error(`the command ${container.Command} is unknown here`);
      return {
        ...{ tier, healthCommand: container.HealthCheck.Command, stopTimeoutSeconds: container.StopTimeout },
        variables: Object.fromEntries(container.Environment.map(({ Name, Value }: Json) => [Name, Value])),
        secrets: secretsOf(this.values.resolve('app', task)),
        statements: this.#statementsOf('app', task.TaskRoleArn['Fn::GetAtt'][0]),
        executionStatements: this.#statementsOf('app', task.ExecutionRoleArn['Fn::GetAtt'][0]),
        doors: (this.values.resolve('app', service.LoadBalancers ?? []) as Json[]).map(({ ContainerPort, TargetGroupArn }) => ({
          listener: this.#listenerTo(TargetGroupArn),
          containerPort: ContainerPort,
        })),
        frontPort: service.ServiceRegistries?.[0].ContainerPort,
      };
    });
  }

  /** @param id of its construct */
  function(id: string, stack: StackName = 'web'): FunctionDefinition {
    const found = this.#synthesis.resources(stack, 'AWS::Lambda::Function').find(([one]) => one.startsWith(id))!;
    const { Environment, Role } = found[1].Properties;
    return {
      variables: this.values.resolve(stack, Environment.Variables),
      statements: this.#statementsOf(stack, Role['Fn::GetAtt'][0]),
    };
  }

  /** What the CDN of the pages sends to tasks. */
  front(): readonly EdgeRule[] {
    const [[, { DistributionConfig: cdn }]] = this.resources('web', 'AWS::CloudFront::Distribution') as [[string, Json]];
    const functions = this.resources('web', 'AWS::CloudFront::Function');
    const arnOf = (id: string) => this.values.resolve('web', { 'Fn::GetAtt': [id, 'FunctionARN'] });
    return cdn.CacheBehaviors.flatMap(({ PathPattern, TargetOriginId, FunctionAssociations = [], AllowedMethods }: Json) => {
      const origin = cdn.Origins.find(({ Id }: Json) => Id === TargetOriginId);
      const [association] = FunctionAssociations;
      if (association === undefined) return [];
      const [, { FunctionCode }] = functions.find(([id]) => arnOf(id) === association.FunctionARN)!;
      const headers = origin.OriginCustomHeaders.map(({ HeaderName, HeaderValue }: Json) => [HeaderName, HeaderValue]);
      return [{ path: PathPattern, methods: AllowedMethods, host: origin.DomainName, headers, code: FunctionCode }];
    });
  }

  /** The servers of the bus: what ECS may do to start one, and its container. */
  bus(): Pick<TaskDefinition, 'secrets' | 'executionStatements'> {
    const { Properties } = this.#synthesis.only('net', 'AWS::ECS::TaskDefinition');
    return {
      secrets: secretsOf(this.values.resolve('net', Properties)),
      executionStatements: this.#statementsOf('net', Properties.ExecutionRoleArn['Fn::GetAtt'][0]),
    };
  }

  #statementsOf(stack: StackName, role: string): Statement[] {
    const policies = this.#synthesis.resources(stack, 'AWS::IAM::Policy');
    const own = policies.filter(([, { Properties }]) => Properties.Roles.some(({ Ref }: Json) => Ref === role));
    return own.flatMap(([, { Properties }]) => this.values.resolve(stack, Properties.PolicyDocument.Statement));
  }

  /** @throws when no listener leads to the group, or without the header that tells the client's address */
  #listenerTo(group: string): number {
    const isOf = ([, { DefaultActions }]: [string, Json]) => DefaultActions.some((one: Json) => one.TargetGroupArn === group);
    const listener = this.resources('net', 'AWS::ElasticLoadBalancingV2::Listener').find(isOf);
    const groups = this.#synthesis.resources('net', 'AWS::ElasticLoadBalancingV2::TargetGroup');
    const [, target] = groups.find(([id]) => this.values.resolve('net', { Ref: id }) === group) ?? [];
    const attributes: Json[] = target?.Properties.TargetGroupAttributes ?? [];
    const hasHeader = attributes.some(({ Key, Value }) => Key === 'proxy_protocol_v2.enabled' && Value === 'true');
    if (listener === undefined || !hasHeader) throw new Error(`nothing leads to ${group} with a PROXY header`);
    return listener[1].Port;
  }
}
