/**
 * The function that takes connection tasks away when there are too many, one after the other. It is called every minute. Its bundle is
 * `dist/scale-in-lambda`. This is a main file: it reads the environment and chooses adapters.
 *
 * | Variable | What |
 * |---|---|
 * | SKYLARK_REGION, else AWS_REGION | the region of DynamoDB and ECS |
 * | SKYLARK_TABLE_PREFIX | the prefix of the tables' names |
 * | SKYLARK_DYNAMODB | the URL of a DynamoDB, or `aws`, which is the default |
 * | SKYLARK_CLUSTER, SKYLARK_CONNECTION_SERVICE | the names of cluster and service on ECS |
 * | SKYLARK_CONNECTION_TASKS_MIN | the least number of tasks |
 * | SKYLARK_STREAMS_PER_TASK | how many streams a task should hold |
 * | SKYLARK_SURPLUS_SECONDS | how long there must be a task too many before one goes |
 */
import pino from 'pino';
import { z } from 'zod';
import { openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { openEcsServices } from '../../lib/adapters/ecs-services.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { scaleInMetric } from './metric.ts';
import type { Plan } from './plan.ts';
import { scaleInOnce } from './scale-in.ts';

const needed = z.string('is needed').min(1);
const count = z.coerce.number('must be a number').int();
const settingsForm = z.object({
  SKYLARK_REGION: needed,
  SKYLARK_TABLE_PREFIX: needed,
  SKYLARK_DYNAMODB: z.string().min(1).default('aws'),
  SKYLARK_CLUSTER: needed,
  SKYLARK_CONNECTION_SERVICE: needed,
  SKYLARK_CONNECTION_TASKS_MIN: count.min(1),
  SKYLARK_STREAMS_PER_TASK: count.min(1),
  SKYLARK_SURPLUS_SECONDS: count.min(0),
});

/** @throws {TypeError} that names each wrong variable; {Unavailable} when AWS does not answer: the next call begins where this one ended */
export async function handler(): Promise<Plan> {
  const { AWS_REGION, SKYLARK_REGION = AWS_REGION } = process.env;
  const { data, error } = settingsForm.safeParse({ ...process.env, SKYLARK_REGION });
  if (error) throw new TypeError(error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
  const { SKYLARK_REGION: region, SKYLARK_TABLE_PREFIX: tablePrefix, SKYLARK_DYNAMODB: dynamodb } = data;
  const store = await openDynamoStore({ region, tablePrefix, clock, ...(dynamodb !== 'aws' && { endpoint: dynamodb }) });
  const ecs = openEcsServices({ region });
  const log = pino({ base: { service: 'scale-in' } }, pino.destination({ dest: 1, sync: true }));
  try {
    const planned = await scaleInOnce(
      { store, ecs, clock },
      {
        cluster: data.SKYLARK_CLUSTER,
        ecsService: data.SKYLARK_CONNECTION_SERVICE,
        tasksMin: data.SKYLARK_CONNECTION_TASKS_MIN,
        streamsPerTask: data.SKYLARK_STREAMS_PER_TASK,
        surplusMs: data.SKYLARK_SURPLUS_SECONDS * 1_000,
      },
    );
    const { why, drain, lowerTo, isStuck } = planned;
    log[isStuck ? 'error' : 'info']({ drain, lowerTo }, why);
    process.stdout.write(`${scaleInMetric(planned, tablePrefix, clock.now())}\n`);
    return planned;
  } finally {
    ecs.close();
    await store.close();
  }
}
