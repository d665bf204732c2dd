/** All rounds of one seed over one deployment, which starts and ends with them. */
import { Random } from '../simulator/random.ts';
import { Deployment } from './deployment.ts';
import { faults, keepsStreams } from './fault-kinds.ts';
import { faultsOfProsody } from './faults-abroad.ts';
import { ourDomains, prosodyDomain } from './neighbourhood.ts';
import { type Homes, People } from './people.ts';
import { type Ran, runRound } from './round.ts';
import { StreamEnds } from './stream-ends.ts';

const size = { people: 16, rooms: 4 };
const settleMs = 1_000;
/** 20 rounds take at most so long. */
const roundBudgetMs = 75_000;

export interface Wanted {
  readonly count: number;
  readonly seed: number;
  readonly kinds: readonly string[];
}

export interface Script {
  readonly rounds: AsyncGenerator<Ran>;
  /** What is wrong besides the rounds; known when they are over. */
  readonly complaints: string[];
  readonly logPath: string;
}

export function rounds(wanted: Wanted): Script {
  const deployment = new Deployment();
  const complaints: string[] = [];
  return { rounds: run(wanted, deployment, complaints), complaints, logPath: deployment.logPath };
}

async function* run({ count, seed, kinds }: Wanted, deployment: Deployment, complaints: string[]): AsyncGenerator<Ran> {
  const random = new Random(seed);
  const end = performance.now() + Math.max(3, count) * roundBudgetMs;
  const interrupt = () => process.exit(130);
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  let isClean = true;
  try {
    await deployment.start(
      random.fork('store'),
      kinds.some((kind) => Object.hasOwn(faultsOfProsody, kind)),
    );
    const people = new People(homesOf(deployment), random.fork('people'), size);
    await people.start();
    const ends = new StreamEnds([deployment.logPath, deployment.around.peer.logPath]);
    const ground = {
      theirDomain: prosodyDomain,
      takeBreaks: () => [...ends.take(), ...deployment.interruptions.splice(0)],
      get members() {
        return deployment.members;
      },
    };
    ground.takeBreaks();
    const choose = chooser(kinds, random.fork('kinds'));
    for (let round = 1; round <= count && performance.now() < end; round++) {
      people.round = round;
      const kind = choose();
      const scene = { deployment, people: people.all, random: random.fork(`round ${round}`) };
      const act = () => faults[kind]!(scene);
      const ran = await runRound(ground, people, { kind, act, keepsStreams: keepsStreams.has(kind) });
      isClean &&= ran.report.faults.length === 0;
      yield ran;
      await new Promise((resolve) => setTimeout(resolve, settleMs));
    }
    await people.stop();
  } catch (error) {
    complaints.push(`${error instanceof Error ? error.stack : error}`);
  } finally {
    complaints.push(...(await deployment.stop()));
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    if (isClean && complaints.length === 0) deployment.remove();
  }
}

function homesOf(deployment: Deployment): Homes {
  const { around } = deployment;
  const areOurs = new Set<string>(ourDomains);
  return {
    domains: ourDomains,
    residents: around.residents,
    doorsOf: (domain) => (areOurs.has(domain) ? deployment.doors : around.doorsOf(domain)),
  };
}

/** Every kind once, in an order of the seed, before one comes again. */
function chooser(kinds: readonly string[], random: Random): () => string {
  let left: string[] = [];
  return () => {
    if (left.length === 0) left = [...kinds];
    return left.splice(random.below(left.length), 1)[0]!;
  };
}
