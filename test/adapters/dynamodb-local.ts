/** Runs DynamoDB Local, in memory, from a folder that `.ci/dynamodb-local FOLDER` has filled. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePorts } from '../support/free-ports.ts';

/** A port that was free may be taken by the time the engine opens it, so another try is sometimes needed. */
const triesMax = 3;
const pollMs = 100;
const pollsMax = 300;

export interface Engine {
  readonly endpoint: string;
  close(): Promise<void>;
}

export async function startDynamoLocal(folder: string): Promise<Engine> {
  for (let attempt = 1; ; attempt++) {
    const port = (await freePorts(1))[0]!;
    const engine = spawn(
      'java',
      [
        '-Xmx512m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        `-Djava.library.path=${folder}`,
        '-cp',
        `${folder}/*`,
        'com.amazonaws.services.dynamodbv2.local.main.ServerRunner',
        '-inMemory',
        '-sharedDb', // the same tables for whatever credentials
        '-disableTelemetry',
        '-port',
        `${port}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const kill = () => engine.kill('SIGKILL');
    process.once('exit', kill);
    const complaint = collect(engine);
    const endpoint = `http://127.0.0.1:${port}`;
    if (await answers(engine, endpoint)) {
      const close = async () => {
        process.removeListener('exit', kill);
        if (!hasEnded(engine)) {
          kill();
          await once(engine, 'exit');
        }
      };
      return { endpoint, close };
    }
    kill();
    process.removeListener('exit', kill);
    if (attempt >= triesMax) throw new Error(`DynamoDB Local in ${folder} did not start: ${complaint()}`);
  }
}

function collect(engine: ChildProcess): () => string {
  let text = '';
  engine.stderr!.on('data', (chunk) => {
    text = `${text}${chunk}`.slice(-4_000);
  });
  engine.on('error', (error) => {
    text += error.message;
  });
  return () => text;
}

function hasEnded(engine: ChildProcess): boolean {
  return engine.exitCode !== null || engine.signalCode !== null || engine.pid === undefined;
}

async function answers(engine: ChildProcess, endpoint: string): Promise<boolean> {
  for (let poll = 0; poll < pollsMax && !hasEnded(engine); poll++) {
    try {
      await (await fetch(endpoint)).arrayBuffer(); // 400 without a signature: it is up
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
  return false;
}
