/**
 * One deployment as the stacks would make it, on the loopback: tables, bucket and key at moto, the bus, a load balancer with a PROXY
 * header, and each task from the bundle with exactly the variables of its definition. Ports and addresses alone are exchanged, by
 * their value, so that a variable with another name stays one.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildImage, Container, type Image, makeBundles } from '../bundles/container.ts';
import { type ContentDelivery, startContentDelivery } from '../bundles/content-delivery.ts';
import { LoadBalancer } from '../bundles/load-balancer.ts';
import { type Finished, skylark } from '../cli/skylark-command.ts';
import { EcsAgent } from '../support/ecs-agent.ts';
import { freePorts } from '../support/free-ports.ts';
import { AwsGate } from './aws-gate.ts';
import { TriedBus } from './bus.ts';
import { TriedFront } from './front.ts';
import { startMoto } from './moto-server.ts';
import { makeResources, type Resources } from './resources.ts';
import { TriedSecrets } from './secrets.ts';
import { type Shape, type TaskDefinition, Templates } from './templates.ts';
import { TriedUploads } from './uploads-cdn.ts';

export const place = { region: 'eu-central-1', account: '111122223333' };
const functions = ['web-lambda', 'canary-lambda', 'bus-keys-lambda', 'scale-in-lambda'] as const;
const wellTimeoutMs = 60_000;

export interface Task {
  readonly definition: TaskDefinition;
  readonly container: Container;
  readonly agent: EcsAgent;
}

export class Deployment {
  readonly templates: Templates;
  readonly folder = mkdtempSync(join(tmpdir(), 'skylark-templates-'));
  readonly #log = openSync(join(this.folder, 'log'), 'a');
  readonly #undo: (() => Promise<unknown>)[] = [];
  tasks: Task[] = [];
  resources!: Resources;
  gate!: AwsGate;
  balancer!: LoadBalancer;
  front!: TriedFront;
  #image!: Image;
  #delivery!: ContentDelivery;
  #secrets!: TriedSecrets;
  #bus: TriedBus | undefined;
  /** What is exchanged in variables. */
  #addresses = new Map<string, string>();

  constructor(shape: Shape, build?: ConstructorParameters<typeof Templates>[2]) {
    this.templates = new Templates(shape, place, build);
  }

  /** All that tasks stand on. */
  async start(): Promise<void> {
    const moto = await startMoto(place.account);
    this.#undo.push(() => moto.stop());
    this.gate = await AwsGate.start(moto.url, place);
    this.#undo.push(() => this.gate.stop());
    this.resources = await makeResources(this.templates, moto.url, place);
    this.#secrets = await TriedSecrets.make(this.templates, moto.url, place);
    this.#undo.push(async () => this.#secrets.stop());
    if (this.templates.shape === 'cell') this.#bus = new TriedBus(this.templates, this.#secrets);
    this.front = await TriedFront.start(this.templates, this.#secrets, () => this.#frontPorts());
    this.#undo.push(() => this.front.stop());
    this.gate.admit('operator', undefined);
    this.gate.admit('pages', this.templates.function('Pages').statements);
    this.gate.admit('canary', this.templates.function('Canary').statements);
    const definitions = this.templates.tasks();
    for (const { tier, statements } of definitions) this.gate.admit(tier, statements);
    // Nobody else may read the bucket. Moto does not check what it is signed with.
    const scope = `cdn/20000101/${place.region}/s3/aws4_request`;
    const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=00`;
    this.#delivery = await startContentDelivery(`${moto.url}/${this.resources.bucket}/`, { authorization });
    this.#undo.push(() => this.#delivery.stop());
    this.#addresses.set(this.templates.values.output('FilesUrl'), this.#delivery.url);
    const uploads = await TriedUploads.start(this.templates, this.gate.url);
    this.#undo.push(() => uploads.stop());
    for (const { variables } of definitions)
      if (variables.SKYLARK_UPLOADS_URL !== undefined) this.#addresses.set(variables.SKYLARK_UPLOADS_URL, uploads.url);
    const doors = definitions.flatMap(({ doors }) => doors);
    this.balancer = await LoadBalancer.start(Object.fromEntries(doors.map(({ listener }) => [listener, 0])));
    this.#undo.push(() => this.balancer.stop());
    this.#image = buildImage(join(this.folder, 'image'));
    makeBundles(join(this.folder, 'functions'), ...functions);
    await this.#startBus(definitions);
  }

  functionBundle(name: (typeof functions)[number]): string {
    return join(this.folder, 'functions', name, 'index.mjs');
  }

  /** The port of this machine that stands for one of the load balancer. */
  port(listener: number): number {
    return this.balancer.port(`${listener}`);
  }

  /** So many tasks of each of these tiers; resolves when new streams get to them. */
  async run(counts: Readonly<Record<string, number>>): Promise<void> {
    const definitions = this.templates.tasks();
    const wanted = Object.entries(counts).flatMap(([tier, count]) => Array<string>(count).fill(tier));
    const start = async (tier: string) => this.#run(definitions.find((one) => one.tier === tier)!);
    await Promise.all(wanted.map(start));
    await this.balancer.allWell(wellTimeoutMs);
  }

  /** Runs a command as the stacks and the pages print it, `npx skylark …`, with the rights of an operator. */
  async command(line: string, input = ''): Promise<Finished> {
    const [npx, program, ...args] = line.split(' ');
    if (npx !== 'npx' || program !== 'skylark') throw new Error(`'${line}' is not a command of ours`);
    // The bundle is the same program, and starts in a third of the time.
    const bundle = join(this.folder, 'image', 'skylark', 'index.mjs');
    const finished = await skylark(args, { variables: this.gate.keyVariables('operator'), input, program: bundle });
    if (finished.code !== 0) throw new Error(`${line}: ${finished.err}`);
    return finished;
  }

  /** The variables of the program that it does not know by its own help. */
  strangeVariables({ variables, secrets }: TaskDefinition): string[] {
    const { command, workdir } = this.#image;
    const { program, args, environment } = command;
    const { stdout } = spawnSync(program, [...args, 'help', 'serve'], {
      cwd: workdir,
      env: { ...environment },
      encoding: 'utf8',
    });
    const known = new Set([...stdout.matchAll(/--([a-z0-9-]+)/g)].map(([, flag]) => variableOf(flag!)));
    // Read before there are options.
    for (const name of ['NODE_OPTIONS', 'SKYLARK_LOG_LEVEL']) known.add(name);
    return [...Object.keys(variables), ...Object.keys(secrets)].filter((name) => !known.has(name));
  }

  /** Runs the health check of its definition. @returns its exit code */
  checkHealth({ definition, container }: Task): number | null {
    const [kind, program, ...args] = definition.healthCommand;
    if (kind !== 'CMD' || program !== 'node') throw new Error(`the check ${definition.healthCommand} is unknown here`);
    const port = `${container.addresses.health!.port}`;
    const given = args.map((word) => word.replace(`:${healthPortOf(definition)}/`, `:${port}/`));
    return spawnSync(process.execPath, given, { env: { ...this.#image.command.environment } }).status;
  }

  /** SIGTERM. @returns the exit code */
  async stopTask(task: Task): Promise<number | null> {
    this.balancer.deregister(task.agent.name);
    const { code } = await task.container.stop();
    this.tasks = this.tasks.filter((one) => one !== task);
    this.#noteAgent(task);
    await task.agent.stop();
    return code;
  }

  /** Lines of the log in which a process calls something an error. */
  errors(): string[] {
    const lines = readFileSync(join(this.folder, 'log'), 'utf8').split('\n');
    return lines.filter((line) => /^\{"level":[56]0/.test(line) || (line !== '' && !line.startsWith('{')));
  }

  async stop(): Promise<void> {
    for (const task of this.tasks) task.container.signal('SIGKILL');
    await Promise.all(this.tasks.map(({ container }) => container.ended));
    await Promise.all(this.tasks.map(({ agent }) => agent.stop()));
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) await undo();
    closeSync(this.#log);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #startBus(definitions: readonly TaskDefinition[]): Promise<void> {
    const urls = new Set(
      definitions.flatMap(({ variables }) => Object.values(variables).filter((one) => one.startsWith('nats:'))),
    );
    const bus = this.#bus;
    if (bus === undefined) return;
    this.#undo.push(() => bus.stop());
    await bus.start(this.gate, this.functionBundle('bus-keys-lambda'), this.folder, place);
    for (const url of urls) this.#addresses.set(url, bus.url);
  }

  async #run(definition: TaskDefinition): Promise<void> {
    const { tier, doors } = definition;
    const agent = await EcsAgent.start();
    const given = { ECS_AGENT_URI: agent.uri, ECS_CONTAINER_METADATA_URI_V4: agent.uri, ...this.gate.taskVariables(tier) };
    const ports = await this.#findPorts(definition);
    const exchanged = (value: string) => ports.get(value) ?? this.#addresses.get(value) ?? value;
    const own = Object.entries(definition.variables).map(([name, value]) => [name, exchanged(value)]);
    const variables = { ...Object.fromEntries(own), ...(await this.#secrets.variablesOf(definition)), ...given };
    const options = { image: this.#image, service: tier, settings: {}, variables, log: this.#log };
    const container = await Container.start(options).catch(async (error) => {
      await agent.stop();
      throw error;
    });
    this.tasks.push({ definition, container, agent });
    if (doors.length === 0) return;
    const behind = doors.map(({ listener, containerPort }) => {
      const port = Number(ports.get(`${containerPort}`));
      const found = Object.values(container.addresses).find((one) => one.port === port);
      if (found?.address !== '0.0.0.0') throw new Error(`${tier}: nothing listens for the load balancer at ${containerPort}`);
      return [listener, port];
    });
    this.balancer.register({ name: agent.name, ports: Object.fromEntries(behind), healthPort: container.addresses.health!.port });
  }

  /** Ports of this machine for those of the definition, because several tasks share it. */
  async #findPorts(definition: TaskDefinition): Promise<Map<string, string>> {
    const own = [...definition.doors.map(({ containerPort }) => containerPort), definition.frontPort ?? []].flat();
    const wanted = [...own.map(String), healthPortOf(definition)];
    const free = await freePorts(wanted.length);
    return new Map(wanted.map((port, index) => [port, `${free[index]}`]));
  }

  /** As Cloud Map tells the HTTP API. @throws when nothing listens there for others than the task itself */
  #frontPorts(): number[] {
    return this.tasks.flatMap(({ definition, container }) => {
      if (definition.frontPort === undefined) return [];
      const { front } = container.addresses;
      if (front?.address !== '0.0.0.0') throw new Error(`${definition.tier}: nothing listens for the CDN`);
      return [front.port];
    });
  }

  /** The protection of a task is a call to ECS, which its agent makes with the rights of the task. */
  #noteAgent({ definition, agent }: Task): void {
    const { region, account } = place;
    if (agent.changes.length === 0) return;
    this.gate.note(definition.tier, {
      action: 'ecs:UpdateTaskProtection',
      resource: agent.taskArn,
      context: { 'ecs:cluster': [`arn:aws:ecs:${region}:${account}:cluster/skylark`] },
    });
  }
}

function variableOf(flag: string): string {
  return `SKYLARK_${flag.replaceAll('-', '_').toUpperCase()}`;
}

function healthPortOf({ healthCommand }: TaskDefinition): string {
  return /127\.0\.0\.1:(\d+)\//.exec(healthCommand.join(' '))![1]!;
}
