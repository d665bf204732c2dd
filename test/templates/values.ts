/** Fills in what CloudFormation would: names and ARNs of what was made, outputs of other stacks, and the functions of templates. */
import type { Json } from '../../infra/test/context.ts';
import type { StackName, Synthesis } from '../../infra/test/synthesis.ts';

export interface Place {
  readonly region: string;
  readonly account: string;
}

export class Values {
  readonly #synthesis: Synthesis;
  readonly #made = new Map<string, string>();
  readonly #pseudo: Readonly<Record<string, string>>;

  constructor(synthesis: Synthesis, { region, account }: Place) {
    this.#synthesis = synthesis;
    this.#pseudo = {
      ...{ 'AWS::Region': region, 'AWS::AccountId': account },
      ...{ 'AWS::Partition': 'aws', 'AWS::URLSuffix': 'amazonaws.com' },
    };
  }

  /** @param attribute `Ref`, or that of `Fn::GetAtt` */
  made(stack: StackName, id: string, attribute: string, value: string): void {
    this.#made.set(`${stack} ${id} ${attribute}`, value);
  }

  /** @returns the same, with text where there were functions. What nobody has made gets a name of its own. */
  resolve(stack: StackName, value: Json): Json {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((each) => this.resolve(stack, each));
    const [[name, given] = ['', undefined], ...others] = Object.entries(value as Record<string, Json>);
    if (others.length === 0 && (name === 'Ref' || name.startsWith('Fn::'))) return this.#call(stack, name, given);
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.resolve(stack, each)]));
  }

  /** The text of an output that the operator sees. */
  output(name: string): string {
    for (const stack of Object.keys(this.#synthesis.templates) as StackName[]) {
      const found = this.#outputs(stack)[name];
      if (found !== undefined) return this.resolve(stack, found.Value);
    }
    throw new Error(`no stack has an output ${name}`);
  }

  /** Those that are counted, such as `Tenant1`, in order. */
  outputs(name: string): string[] {
    const all = (Object.keys(this.#synthesis.templates) as StackName[]).flatMap((stack) => Object.keys(this.#outputs(stack)));
    const isOne = new RegExp(`^${name}\\d+$`);
    return all.filter((one) => isOne.test(one)).map((one) => this.output(one));
  }

  #outputs(stack: StackName): Record<string, { readonly Value: Json }> {
    return this.#synthesis.templates[stack].toJSON().Outputs ?? {};
  }

  #call(stack: StackName, name: string, given: Json): Json {
    switch (name) {
      case 'Ref':
        return this.#pseudo[given] ?? this.#find(stack, given, 'Ref');
      case 'Fn::GetAtt':
        return this.#find(stack, given[0], given[1]);
      case 'Fn::Join':
        return this.resolve(stack, given[1]).join(given[0]);
      case 'Fn::Split':
        return this.resolve(stack, given[1]).split(given[0]);
      case 'Fn::Select':
        return this.resolve(stack, given[1])[given[0]];
      case 'Fn::Sub':
        return given.replaceAll(/\$\{([^}]+)\}/g, (_: string, ref: string) => this.#pseudo[ref] ?? this.#find(stack, ref, 'Ref'));
      case 'Fn::GetStackOutput':
        return this.#outputOf(given.StackName, given.OutputName);
      default:
        throw new Error(`the function ${name} is unknown here`);
    }
  }

  #outputOf(stackName: string, output: string): Json {
    const { cell } = this.#synthesis;
    const stack = (Object.keys(cell) as StackName[]).find((one) => cell[one].stackName === stackName);
    const found = stack === undefined ? undefined : this.#outputs(stack)[output];
    if (stack === undefined || found === undefined) throw new Error(`the stack ${stackName} has no output ${output}`);
    return this.resolve(stack, found.Value);
  }

  #find(stack: StackName, id: string, attribute: string): string {
    return this.#made.get(`${stack} ${id} ${attribute}`) ?? `${id}-${attribute}.example`.toLowerCase();
  }
}
