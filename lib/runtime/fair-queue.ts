/**
 * A queue in front of something scarce in which nobody's share grows with how much he asks for. Each piece of work says whose it is by a
 * path such as [tenant, address, account]. The branches of each level take turns, so that one tenant, one address of a tenant and one
 * account behind an address each wait for others of its kind and not for the length of anybody's line.
 *
 * When the queue is full, the last piece of the longest line makes room, which is never that of somebody who has only a few waiting.
 */

export class Overloaded extends Error {
  override name = 'Overloaded';
}

export interface FairQueueOptions {
  /** Weight of what may be under way at once, which may change. The last piece to begin may exceed it, so that none is too heavy to begin. */
  readonly atOnceMax: number;
  /** Pieces that wait, all together, and of one path. */
  readonly waitingMax: number;
  readonly waitingPerPathMax: number;
}

interface Waiting {
  readonly weight: number;
  readonly go: () => void;
  readonly refuse: (error: Overloaded) => void;
}

/** A branch holds branches or, at the end of a path, a line. Its first one is served next. */
interface Branch {
  size: number;
  readonly branches: Map<string, Branch>;
  readonly line: Waiting[];
}

const newBranch = (): Branch => ({ size: 0, branches: new Map(), line: [] });

export class FairQueue {
  readonly #options: FairQueueOptions;
  #running = 0;
  readonly #root = newBranch();

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#running === 0 && this.#root.size === 0;
  }

  /** @param path of the same length for all who use this queue. @throws {Overloaded} @throws what `work` throws */
  async run<Result>(path: readonly string[], work: () => Promise<Result>, weight = 1): Promise<Result> {
    if (this.#running < this.#options.atOnceMax) this.#running += weight;
    else await this.#wait(path, weight); // whoever finishes lets the next ones begin
    try {
      return await work();
    } finally {
      this.#running -= weight;
      this.#letBegin();
    }
  }

  #letBegin(): void {
    while (this.#running < this.#options.atOnceMax) {
      const next = takeNext(this.#root);
      if (next === undefined) return;
      this.#running += next.weight;
      next.go();
    }
  }

  #wait(path: readonly string[], weight: number): Promise<void> {
    return new Promise((go, refuse) => {
      const walk = [this.#root];
      for (const name of path) {
        const { branches } = walk.at(-1)!;
        const branch = branches.get(name) ?? newBranch();
        branches.set(name, branch);
        walk.push(branch);
      }
      const { line } = walk.at(-1)!;
      for (const branch of walk) branch.size++;
      line.push({ weight, go, refuse });
      if (line.length > this.#options.waitingPerPathMax) dropLast(walk, path).refuse(tooMany());
      else if (this.#root.size > this.#options.waitingMax) dropOfLongest(this.#root).refuse(tooMany());
    });
  }
}

function tooMany(): Overloaded {
  return new Overloaded('too much waits already');
}

/** The branch that was served goes behind the others. */
function takeNext(branch: Branch): Waiting | undefined {
  if (branch.size === 0) return undefined;
  branch.size--;
  for (const [name, child] of branch.branches) {
    const next = takeNext(child);
    branch.branches.delete(name);
    if (child.size > 0) branch.branches.set(name, child);
    return next;
  }
  return branch.line.shift();
}

function dropOfLongest(root: Branch): Waiting {
  const walk = [root];
  const path: string[] = [];
  for (let branch = root; branch.branches.size > 0; branch = walk.at(-1)!) {
    let longest: [string, Branch] | undefined;
    for (const entry of branch.branches) if (longest === undefined || entry[1].size >= longest[1].size) longest = entry;
    path.push(longest![0]);
    walk.push(longest![1]);
  }
  return dropLast(walk, path);
}

/** @param walk from the root to the line that `path` names */
function dropLast(walk: readonly Branch[], path: readonly string[]): Waiting {
  const dropped = walk.at(-1)!.line.pop()!;
  for (const branch of walk) branch.size--;
  for (let depth = path.length; depth > 0; depth--) {
    if (walk[depth]!.size === 0) walk[depth - 1]!.branches.delete(path[depth - 1]!);
  }
  return dropped;
}
